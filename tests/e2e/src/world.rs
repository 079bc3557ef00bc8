//! The world that a page of the documentation is done in: a directory, a shell, and a cluster that runs.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::page::{Act, Manner, Step, keeps};

/// How long a cluster may take to come up.
const COMING_UP: Duration = Duration::from_secs(120);
/// How long one block of commands may take.
const LIMIT: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(100);
/// How often a block is done again that does not hold yet.
const AGAIN: Duration = Duration::from_millis(500);
/// Every block is done by a shell of its own, which takes over from the one before where it is and what it has exported.
const SHELL: &str = r#"
if [ -f "$HOLDFAST_WORLD/.env" ]; then . "$HOLDFAST_WORLD/.env"; cd "$(cat "$HOLDFAST_WORLD/.place")"; fi
. "$HOLDFAST_WORLD/.words"
trap 'export -p > "$HOLDFAST_WORLD/.env"; pwd > "$HOLDFAST_WORLD/.place"' EXIT
set -eE
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
. "$1"
"#;
/// What pages and their hidden parts may say beside the programs themselves.
const WORDS: &str = r#"
# The programs that are built as one here.
holdfast-agent() { holdfast __agent "$@"; }
holdfast-controller() { holdfast __controller "$@"; }
# Ends a controller or node of the world with SIGKILL and keeps it down; brings it back.
down() {
    local pid
    pid=$(cut -d' ' -f1 "$HOLDFAST_UP/run/$1.pid")
    touch "$HOLDFAST_UP/hold/$1"
    kill -9 "$pid"
    while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
}
back() { rm "$HOLDFAST_UP/hold/$1"; }
# An address on this machine that nobody uses.
free_address() {
    local port
    while port=$((20000 + RANDOM % 10000)); (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do :; done
    echo "127.0.0.1:$port"
}
# Waits until a command succeeds, at most 60 seconds.
eventually() {
    for _ in $(seq 120); do if "$@" > /dev/null 2>&1; then return 0; fi; sleep 0.5; done
    "$@"
}
"#;
/// How controllers come onto disks of their own.
const MOVE: &str = r#"
for place in "$HOLDFAST_UP"/controller-?; do
    mv "$place" "$place.real"
    mkdir "$place"
    mount -t tmpfs -o "size=$SIZE,mode=0700" none "$place"
    cp -a "$place.real/." "$place"
done
"#;

/// The world of one page; everything that runs in it ends when this is dropped.
#[derive(Debug)]
pub struct World {
    home: tempfile::TempDir,
    programs: Utf8PathBuf,
    repository: Utf8PathBuf,
    words: Vec<(String, String)>,
    up: Option<Child>,
    running: Vec<Child>,
    /// Holds the mounts that only this world sees.
    mounts: Option<Child>,
}

struct Said {
    exit: i32,
    text: String,
}

impl World {
    /// An empty world with these programs; pages find the repository as `HOLDFAST_REPOSITORY`.
    ///
    /// # Errors
    ///
    /// Where its directory cannot be made.
    pub fn new(programs: &Utf8Path, repository: &Utf8Path) -> Result<Self> {
        let world = Self {
            home: tempfile::tempdir()?,
            programs: programs.to_owned(),
            repository: repository.to_owned(),
            words: Vec::new(),
            up: None,
            running: Vec::new(),
            mounts: None,
        };
        std::fs::write(world.home()?.join(".words"), WORDS)?;
        std::fs::create_dir(world.home()?.join("work"))?;
        Ok(world)
    }

    fn home(&self) -> Result<&Utf8Path> {
        Utf8Path::from_path(self.home.path()).context("the directory has a name that is text")
    }

    /// Does one step.
    ///
    /// # Errors
    ///
    /// Where it fails, or does not say what the page promises.
    pub fn act(&mut self, step: &Step) -> Result<()> {
        match &step.act {
            Act::World(arguments) => self.begin(arguments),
            Act::Hidden(commands) => self.commands(commands, None, &Manner::default()),
            Act::Let(name, command) => {
                let said = self.shell(command)?;
                ensure!(said.exit == 0, "`{command}` ended with {}:\n{}", said.exit, said.text);
                self.words.retain(|(word, _)| word != name);
                self.words.push((name.clone(), said.text.trim().to_owned()));
                Ok(())
            }
            Act::File(path, text) => {
                let path = self.home()?.join("work").join(self.filled(path));
                std::fs::create_dir_all(path.parent().context("a file lies in a directory")?)?;
                std::fs::write(&path, self.filled(text)).with_context(|| format!("write {path}"))
            }
            Act::Commands(commands, promised, manner) => self.commands(commands, promised.as_deref(), manner),
            Act::Elsewhere(why) => {
                println!("line {}: not done here: {why}", step.line);
                Ok(())
            }
        }
    }

    /// The text with the words in place that stand for something.
    fn filled(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, meaning)| replace(&text, word, meaning))
    }

    fn commands(&mut self, commands: &str, promised: Option<&str>, manner: &Manner) -> Result<()> {
        let commands = self.filled(commands);
        if manner.background {
            return self.run_on(&commands);
        }
        let deadline = Instant::now() + manner.until;
        loop {
            let said = self.shell(&commands)?;
            let kept = match promised {
                _ if said.exit != manner.exit => Err(format!("it ended with {}", said.exit)),
                Some(promised) => keeps(&self.filled(promised), &said.text),
                None => Ok(()),
            };
            let Err(fault) = kept else { return Ok(()) };
            if Instant::now() >= deadline {
                bail!("{fault}\n--- commands\n{commands}--- said\n{}---", said.text);
            }
            std::thread::park_timeout(AGAIN);
        }
    }

    fn shell(&self, commands: &str) -> Result<Said> {
        let told = self.home()?.join(".told");
        let mut child = self.start(commands, &told)?;
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                bail!("not done within {LIMIT:?}:\n{commands}\n{}", std::fs::read_to_string(&told)?);
            }
            std::thread::park_timeout(LOOK);
        };
        let text = String::from_utf8_lossy(&std::fs::read(&told)?).into_owned();
        Ok(Said { exit: status.code().unwrap_or(-1), text })
    }

    fn run_on(&mut self, commands: &str) -> Result<()> {
        let told = self.home()?.join(format!(".told-{}", self.running.len()));
        let child = self.start(commands, &told)?;
        self.running.push(child);
        Ok(())
    }

    fn start(&self, commands: &str, told: &Utf8Path) -> Result<Child> {
        let home = self.home()?;
        let script = told.with_extension("sh");
        std::fs::write(&script, commands)?;
        let file = File::create(told)?;
        let mut command = self.program("bash");
        command.args(["-c", SHELL, "bash", script.as_str()]).current_dir(home.join("work"));
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        command.spawn().context("start bash")
    }

    /// A program that sees what this world sees.
    fn program(&self, name: &str) -> Command {
        let mut command = match &self.mounts {
            Some(holder) => {
                let mut command = Command::new("nsenter");
                command.args(["--target", &holder.id().to_string(), "--mount", "--wdns=.", "--", name]);
                command
            }
            None => Command::new(name),
        };
        let home = self.home().unwrap_or(Utf8Path::new("/nonexistent"));
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}:/usr/sbin:/sbin", self.programs)).env("HOLDFAST_WORLD", home);
        command.env("HOLDFAST_UP", home.join("up")).env("HOME", home.join("work"));
        command.env("HOLDFAST_REPOSITORY", &self.repository);
        for variable in ["XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env_remove(variable);
        }
        if self.up.is_some() {
            command.env("HOLDFAST_CONTEXT", home.join("up/context.toml"));
        }
        command
    }

    fn begin(&mut self, arguments: &str) -> Result<()> {
        ensure!(self.up.is_none(), "the world has begun already");
        let disk = arguments.split_whitespace().find_map(|argument| argument.strip_prefix("disk="));
        let rest: Vec<&str> = arguments.split_whitespace().filter(|a| !a.starts_with("disk=")).collect();
        self.come_up(&rest)?;
        let Some(size) = disk else { return Ok(()) };
        self.end_up();
        self.small_disks(size)?;
        self.come_up(&rest)
    }

    fn come_up(&mut self, arguments: &[&str]) -> Result<()> {
        let home = self.home()?;
        let (up, told) = (home.join("up"), home.join("up.told"));
        let file = File::create(&told)?;
        let mut command = self.program("holdfast");
        command.args(["up", "--listen", "127.0.0.1:0", "--lease", "6s", "--dir", up.as_str()]);
        command.args(arguments).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = self.up.insert(command.spawn().context("start holdfast up")?);
        let deadline = Instant::now() + COMING_UP;
        loop {
            let text = std::fs::read_to_string(&told)?;
            if text.contains("the cluster runs") {
                return Ok(());
            }
            let gone = child.try_wait()?;
            ensure!(gone.is_none() && Instant::now() < deadline, "the cluster does not come up:\n{text}");
            std::thread::park_timeout(LOOK);
        }
    }

    fn end_up(&mut self) {
        if let Some(mut child) = self.up.take() {
            let _ = kill_process(Pid::from_child(&child), Signal::INT);
            let _ = child.wait();
        }
    }

    /// Moves every controller onto a disk of its own, of this size.
    fn small_disks(&mut self, size: &str) -> Result<()> {
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "--propagation", "private", "sh", "-c", "echo; exec cat"]);
        let mut child =
            holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start unshare")?;
        // It has mounts of its own when it speaks.
        let out = child.stdout.as_mut().context("the output is piped")?;
        out.read_exact(&mut [0]).context("unshare did not begin")?;
        self.mounts = Some(child);
        let said = self.shell(&format!("SIZE={size}\n{MOVE}"))?;
        ensure!(said.exit == 0, "no small disks: {}", said.text);
        Ok(())
    }
}

/// Puts something in the place of a word, and leaves longer words alone in which it is.
fn replace(text: &str, word: &str, meaning: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(word) {
        let alone = !before.ends_with(is_part) && !after.starts_with(is_part);
        out.push_str(before);
        out.push_str(if alone { meaning } else { word });
        rest = after;
    }
    out + rest
}

impl Drop for World {
    fn drop(&mut self) {
        for child in &mut self.running {
            // The shell waits for what runs in it, and ends with it. An interrupt may be ignored by whatever was started in the background.
            let _ = kill_process_group(Pid::from_child(child), Signal::TERM);
            let _ = child.wait();
        }
        self.end_up();
        if let Some(mut holder) = self.mounts.take() {
            drop(holder.stdin.take());
            let _ = holder.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_replaced() {
        assert_eq!(replace("NODE NODES my-NODE NODE_A NODE", "NODE", "n"), "n NODES my-n NODE_A n");
        assert_eq!(replace("/var/lib/x/y", "/var/lib/x", "/tmp"), "/tmp/y");
    }

    #[test]
    fn a_world_keeps_place_and_exports_and_says_what_failed() {
        let mut world = World::new("/usr/bin".into(), "/".into()).unwrap();
        let mut act = |page: &str| {
            let steps = crate::page::steps(page).unwrap();
            steps.iter().try_for_each(|step| world.act(step)).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(act("```sh\nmkdir a\ncd a\nexport B=c\n```\n"), Ok(()));
        assert_eq!(act("```sh\nbasename $PWD; echo $B\n```\n```text\na\nc\n```\n"), Ok(()));
        assert_eq!(
            act("<!-- let: WHAT=echo $B -->\n<!-- exit: 3 -->\n```sh\ntest WHAT = c; exit 3\n```\n"),
            Ok(())
        );
        assert!(act("```sh\nfalse\ntrue\n```\n").unwrap_err().contains("failed: false"));
        assert!(act("```sh\necho d\n```\n```text\ne\n```\n").unwrap_err().contains("promises `e`"));
        assert_eq!(act("<!-- until: 30 -->\n```sh\necho >> f; test $(wc -l < f) -ge 3\n```\n"), Ok(()));
        let page = "<!-- file: g/h -->\n```toml\na = 1\n```\n```sh\ncat ~/g/h\n```\n```text\na = 1\n```\n";
        assert_eq!(act(page), Ok(()));
    }
}
