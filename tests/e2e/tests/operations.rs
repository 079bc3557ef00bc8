//! Every page of docs/operations and the quick start, done as they are written, each in a world of its own.

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_e2e::controllers::program;
use holdfast_e2e::page::{Act, steps};
use holdfast_e2e::world::World;
use parking_lot::Mutex;

/// One page at a time: two clusters at once would only show how slow this machine is.
static ALONE: Mutex<()> = Mutex::new(());

fn repository() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn docs() -> Utf8PathBuf {
    repository().join("docs")
}

fn done(page: &str) -> Result<()> {
    let path = docs().join(page);
    let steps = steps(&std::fs::read_to_string(&path)?).with_context(|| format!("docs/{page}"))?;
    let commands = steps.iter().filter(|step| matches!(step.act, Act::Commands(..))).count();
    ensure!(commands > 0, "docs/{page} has no block of commands");
    let needs_root =
        steps.iter().any(|step| matches!(&step.act, Act::World(world) if world.contains("disk=")));
    if needs_root && !rustix::process::geteuid().is_root() {
        println!("skipped: the small disks of docs/{page} need root");
        return Ok(());
    }
    let _alone = ALONE.lock();
    let holdfast = program("holdfast")?;
    let mut world = World::new(holdfast.parent().context("programs lie in a directory")?, &repository())?;
    for step in &steps {
        world.act(step).with_context(|| format!("docs/{page}:{}", step.line))?;
    }
    println!("docs/{page}: {commands} blocks of commands done");
    Ok(())
}

macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test]
        fn $name() -> Result<()> {
            done($page)
        })*
    };
}

pages! {
    add_a_controller: "operations/add-a-controller.md",
    add_a_node: "operations/add-a-node.md",
    backup_and_restore: "operations/backup-and-restore.md",
    follow_a_request: "operations/follow-a-request.md",
    disk_full: "operations/disk-full.md",
    quorum_loss: "operations/quorum-loss.md",
    read_the_audit_log: "operations/read-the-audit-log.md",
    support_bundle: "operations/support-bundle.md",
    replace_a_controller: "operations/replace-a-controller.md",
    recover_a_lost_node: "operations/recover-a-lost-node.md",
    reset_a_node: "operations/reset-a-node.md",
    quick_start: "quick-start.md",
}

/// Pages that nobody reads but this test: what happens to a cluster, told in the same words.
#[test]
fn what_a_tired_person_reads_of_each_trouble_names_commands_that_exist() -> Result<()> {
    done("../tests/e2e/pages/trouble.md")
}

#[test]
fn a_clock_that_jumps_loses_no_node_and_one_beyond_its_certificates_cuts_itself_off() -> Result<()> {
    done("../tests/e2e/pages/clock.md")
}

#[test]
fn no_page_is_left_out() -> Result<()> {
    for entry in docs().join("operations").read_dir_utf8()? {
        let page = format!("operations/{}", entry?.file_name());
        ensure!(PAGES.contains(&page.as_str()), "docs/{page} is not done by any test");
    }
    Ok(())
}
