//! Slurm beside the planner: jobs of one core that a daemon gives places to in a second of its processor time.
//!
//! Its nodes are of the cloud, and what starts them does nothing, so that it decides and nothing is launched. An array is submitted held
//! and let go at once; it is over when no more of it starts. What is counted is the processor time of `slurmctld` meanwhile.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_scheduler::{Config, plan};
use holdfast_types::{Bytes, Millicores};

use super::world::{NOW, World, job, spec, waiting};
use crate::control::host::cpu_of;
use crate::measure::{Bench, Measurement};
use crate::philly::spent;

/// Tasks of the array, and cores of each node.
const TASKS: usize = 8_000;
const CORES: u32 = 8;
/// What is not ready by then is not coming.
const PATIENCE: Duration = Duration::from_secs(30);
/// No more starts where none has for so long: its main loop rests for a minute.
const QUIET: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(500);

/// 1,000 nodes.
pub(crate) fn slurm_1k(bench: &Bench) -> Result<Measurement> {
    beside(bench, 1_000)
}

/// 10,000 nodes.
pub(crate) fn slurm_10k(bench: &Bench) -> Result<Measurement> {
    beside(bench, 10_000)
}

fn beside(bench: &Bench, nodes: usize) -> Result<Measurement> {
    let theirs = theirs(&bench.scratch.join(format!("slurm-{nodes}")), nodes);
    let ours = ours(nodes)?;
    let peer = theirs.as_ref().map(|told| told.rate).map_err(|error| format!("{error:#}"));
    let mut measurement = Measurement::new(ours, "/s", peer);
    if let Ok(told) = theirs {
        measurement.details.push(format!("Slurm started {} jobs in {:.2} CPU-s", told.started, told.seconds));
    }
    Ok(measurement)
}

/// The same jobs, with the planner made anew for them.
fn ours(nodes: usize) -> Result<f64> {
    let mut world = World::new(nodes)?;
    for node in &mut world.nodes {
        (node.cores, node.devices) = (Millicores(u64::from(CORES) * 1_000), Vec::new());
        node.schedulable = holdfast_scheduler::Schedulable::Yes;
    }
    let everywhere = world.everywhere();
    let mut raw = spec(&["DE", "FR", "NL", "SE"], 1)?;
    for group in &mut raw.groups {
        group.resources.devices = None;
        (group.resources.cores, group.resources.memory) = (Millicores(1_000), Bytes(1 << 30));
    }
    let spec = Arc::new(raw.try_into()?);
    let jobs = (0..TASKS).map(|number| job("job", number, &spec, waiting(&everywhere)));
    let jobs = jobs.collect::<Result<_>>()?;
    let snapshot = world.snapshot(jobs)?;
    let config = Config { max_gangs_per_plan: u32::MAX, ..Config::default() };
    let before = spent();
    let planned = std::hint::black_box(plan(&snapshot, &config, NOW));
    let took = spent() - before;
    if planned.gangs.len() != TASKS {
        bail!("{} of {TASKS} jobs were placed", planned.gangs.len());
    }
    Ok(TASKS as f64 / took)
}

/// What Slurm did.
struct Told {
    started: u64,
    seconds: f64,
    rate: f64,
}

/// Ends with the process it stands for.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn theirs(directory: &Utf8Path, nodes: usize) -> Result<Told> {
    if !rustix::process::geteuid().is_root() {
        bail!("Slurm is started as root");
    }
    let _munge = munge(directory)?;
    let configuration = configuration(directory, nodes)?;
    let mut command = Command::new("slurmctld");
    command.args(["-D", "-c", "-f", configuration.as_str()]);
    let controller =
        Running(quiet(&mut command).context("slurmctld is not here: apt-get install slurm-wlm")?);
    let ask = |program: &str, arguments: &[&str]| -> Result<String> {
        let output = Command::new(program).env("SLURM_CONF", &configuration).args(arguments).output()?;
        if !output.status.success() {
            bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let array = format!("--array=0-{}", TASKS - 1);
    let submit = ["--hold", &array, "-n1", "-o", "/dev/null", "--parsable", "--wrap", "true"];
    let job = until("slurmctld answers", || ask("sbatch", &submit).ok())?;
    let before = cpu_of(controller.0.id())?;
    ask("scontrol", &["release", job.trim()])?;
    let (mut started, mut since) = (0, Instant::now());
    while started == 0 || since.elapsed() < QUIET {
        let now = started_jobs(&ask("sdiag", &[])?).context("sdiag says how many jobs were started")?;
        if now > started {
            (started, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            bail!("Slurm started no job");
        }
        wait(POLL);
    }
    let seconds = cpu_of(controller.0.id())?.saturating_sub(before).as_secs_f64();
    Ok(Told { started, seconds, rate: started as f64 / seconds })
}

/// The daemon that Slurm's parts prove themselves with, which will not run as root.
fn munge(directory: &Utf8Path) -> Result<Running> {
    let place = directory.join("munge");
    std::fs::create_dir_all(directory.join("state")).with_context(|| format!("create {directory}"))?;
    std::fs::create_dir_all(&place).with_context(|| format!("create {place}"))?;
    let key = place.join("key");
    std::fs::write(&key, [7_u8; 1_024]).with_context(|| format!("write {key}"))?;
    let chown = Command::new("chown").args(["-R", "munge:", place.as_str()]).status();
    if !chown.is_ok_and(|status| status.success()) {
        bail!("munge is not here: apt-get install munge");
    }
    for (path, mode) in [(&place, 0o711), (&key, 0o400)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "munge", "--", "munged", "-F", "--force"]);
    for (option, file) in [
        ("key-file", "key"),
        ("socket", "socket"),
        ("pid-file", "pid"),
        ("log-file", "log"),
        ("seed-file", "seed"),
    ] {
        command.arg(format!("--{option}={}", place.join(file)));
    }
    let running = Running(quiet(&mut command).context("runuser")?);
    until("munged listens", || place.join("socket").exists().then_some(()))?;
    Ok(running)
}

fn configuration(directory: &Utf8Path, nodes: usize) -> Result<Utf8PathBuf> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let host = host.split('.').next().unwrap_or_default().to_owned();
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [controller, agents] = listeners.map(|listener| listener.local_addr().map(|address| address.port()));
    let (controller, agents) = (controller?, agents?);
    let text = format!(
        "ClusterName=bench\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmctldPort={controller}\n\
         SlurmdPort={agents}\nAuthType=auth/munge\nAuthInfo=socket={directory}/munge/socket\nCredType=cred/munge\n\
         StateSaveLocation={directory}/state\nSlurmctldPidFile={directory}/ctld.pid\n\
         SlurmctldLogFile={directory}/ctld.log\nSchedulerType=sched/builtin\n\
         SchedulerParameters=default_queue_depth=100000,max_sched_time=60\nSelectType=select/cons_tres\n\
         SelectTypeParameters=CR_Core\nSlurmdParameters=config_overrides\nProctrackType=proctrack/pgid\n\
         TaskPlugin=task/none\nAccountingStorageType=accounting_storage/none\n\
         JobAcctGatherType=jobacct_gather/none\nMailProg=/bin/true\nResumeProgram=/bin/true\n\
         SuspendProgram=/bin/true\nSuspendTime=86400\nResumeTimeout=3600\nResumeRate=0\nSuspendRate=0\n\
         MaxJobCount=100000\nMaxArraySize={}\nSwitchType=switch/none\n\
         NodeName=n[00001-{nodes:05}] CPUs={CORES} State=CLOUD\n\
         PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n",
        TASKS + 1
    );
    let path = directory.join("slurm.conf");
    std::fs::write(&path, text).with_context(|| format!("write {path}"))?;
    Ok(path)
}

fn quiet(command: &mut Command) -> std::io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {PATIENCE:?}");
        }
        wait(POLL);
    }
}

/// It is another program that is waited for, and it tells nobody.
fn wait(time: Duration) {
    std::thread::park_timeout(time);
}

/// `Jobs started:   1346` of `sdiag`.
fn started_jobs(told: &str) -> Option<u64> {
    let line = told.lines().find_map(|line| line.trim().strip_prefix("Jobs started:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slurm_tells_is_read() {
        let told = "Jobs submitted: 1\nJobs started:   1346\nJobs completed: 0\n";
        assert_eq!(started_jobs(told), Some(1_346));
        assert_eq!(started_jobs("slurm_get_statistics: Unable to contact"), None);
    }
}
