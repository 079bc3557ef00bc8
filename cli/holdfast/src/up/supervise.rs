//! The processes of the cluster: started, started again when they end, stopped in order.
//!
//! They are all started from one thread, because the kernel ties "my parent has died" to the thread that started them.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{Problem, ProblemKind};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use super::failure::cannot;
use super::layout::Layout;
use super::leftover;
use super::program;
use super::say::Say;
use super::tail::last_lines;

/// How often ends of processes are looked for.
const LOOK: Duration = Duration::from_millis(200);
/// The pause before a process is started again: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a process may take to end once told to.
const PATIENCE: Duration = Duration::from_secs(10);
/// A process that ran for so long had come up: its next end is a new story.
const SETTLED: Duration = Duration::from_secs(20);
/// A process that ends so often without settling does not come up by itself.
const HOPELESS: u32 = 3;
/// How many lines of its log are shown then.
const SHOWN: usize = 6;
/// A log longer than this begins anew at a start.
const MAX_LOG: u64 = 16 << 20;

/// What the supervisor's thread is asked.
enum Order {
    /// End a node's agent with SIGKILL and hold it.
    Kill(String, Sender<()>),
    /// Stop everything and end.
    Stop(Sender<()>),
}

/// The running cluster.
pub(super) struct Supervisor {
    layout: Layout,
    orders: Mutex<Sender<Order>>,
    /// Why a process does not come up.
    trouble: Arc<Mutex<Option<Problem>>>,
}

struct Process {
    verb: &'static str,
    config: Utf8PathBuf,
    child: Option<Child>,
    again_at: Option<Instant>,
    pause: Duration,
    began: Instant,
    /// Ends without having settled.
    failures: u32,
}

impl Supervisor {
    /// Starts every process.
    pub(super) fn begin(layout: Layout, say: Arc<Say>) -> Result<Arc<Self>, Problem> {
        super::ports::check(&layout)?;
        for place in ["logs", "run", "hold"] {
            let path = layout.directory.join(place);
            std::fs::create_dir_all(&path).map_err(|error| cannot(format!("create `{path}`: {error}")))?;
        }
        // A node that was lost when an earlier `up` ended is not lost for ever.
        for node in &layout.nodes {
            release(&layout, &node.name)?;
        }
        let (orders, inbox) = channel();
        let own = layout.clone();
        let exe = program::own()?;
        let (started, begun) = channel();
        let trouble: Arc<Mutex<Option<Problem>>> = Arc::default();
        let told = Arc::clone(&trouble);
        std::thread::spawn(move || {
            Work { layout: own, say, exe, processes: BTreeMap::new(), trouble: told }.run(&inbox, &started)
        });
        begun.recv().map_err(|_| cannot("its supervisor ended"))??;
        Ok(Arc::new(Self { layout, orders: Mutex::new(orders), trouble }))
    }

    /// Whether every process stays up; the end of its log where one does not.
    pub(super) fn check(&self) -> Result<(), Problem> {
        self.trouble.lock().clone().map_or(Ok(()), Err)
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    fn order(&self, make: impl FnOnce(Sender<()>) -> Order) {
        let (done, wait) = channel();
        // A supervisor that has ended has nothing left to stop.
        if self.orders.lock().send(make(done)).is_ok() {
            let _ = wait.recv();
        }
    }

    /// Takes a node down as a loss of power would: agent, relay, shims and tasks at once. It stays down until
    /// [`Supervisor::release`].
    pub(super) fn lose(&self, node: &str) -> Result<(), Problem> {
        let place = self.layout.nodes.iter().find(|n| n.name == node);
        let directory =
            place.map(|n| n.directory.clone()).ok_or_else(|| cannot(format!("no node `{node}` is here")))?;
        let hold = self.layout.hold(node);
        std::fs::write(&hold, b"").map_err(|error| cannot(format!("write `{hold}`: {error}")))?;
        self.order(|done| Order::Kill(node.to_owned(), done));
        holdfast_agent::kill_all(&directory)
    }

    /// Lets a lost node come back.
    pub(super) fn release(&self, node: &str) -> Result<(), Problem> {
        release(&self.layout, node)
    }

    /// Stops agents, then tasks, then controllers.
    pub(super) fn stop(&self) {
        self.order(Order::Stop);
    }
}

fn release(layout: &Layout, node: &str) -> Result<(), Problem> {
    let hold = layout.hold(node);
    match std::fs::remove_file(&hold) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(cannot(format!("delete `{hold}`: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

struct Work {
    layout: Layout,
    say: Arc<Say>,
    exe: Utf8PathBuf,
    processes: BTreeMap<String, Process>,
    trouble: Arc<Mutex<Option<Problem>>>,
}

impl Work {
    fn run(mut self, inbox: &Receiver<Order>, started: &Sender<Result<(), Problem>>) {
        let begun = self.start_all();
        let failed = begun.is_err();
        if started.send(begun).is_err() || failed {
            return self.stop_all();
        }
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Order::Kill(name, done)) => {
                    self.kill(&name);
                    let _ = done.send(());
                }
                Ok(Order::Stop(done)) => {
                    self.stop_all();
                    let _ = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return self.stop_all(),
                Err(RecvTimeoutError::Timeout) => self.look(),
            }
        }
    }

    fn start_all(&mut self) -> Result<(), Problem> {
        for controller in self.layout.controllers.clone() {
            self.add(&controller.name, "__controller", controller.directory.join("controller.toml"))?;
        }
        // Agents of an earlier cluster in this directory are known to the controllers and may begin at once; those of a
        // new one get their tokens first.
        for node in self.layout.nodes.clone() {
            let config = node.directory.join("agent.toml");
            self.processes.insert(node.name.clone(), Process::of("__agent", config));
        }
        Ok(())
    }

    fn add(&mut self, name: &str, verb: &'static str, config: Utf8PathBuf) -> Result<(), Problem> {
        let mut process = Process::of(verb, config);
        let log = self.layout.log(name);
        let run = self.layout.directory.join("run").join(format!("{name}.pid"));
        process.start(&self.exe, &log, &run).map_err(|error| cannot(format!("start {name}: {error}")))?;
        self.processes.insert(name.to_owned(), process);
        Ok(())
    }

    /// Starts what should run and does not.
    fn look(&mut self) {
        for (name, process) in &mut self.processes {
            if let Some(child) = &mut process.child {
                let Ok(Some(status)) = child.try_wait() else { continue };
                process.child = None;
                let pause = process.next_pause();
                process.again_at = Some(Instant::now() + pause);
                if !self.layout.hold(name).exists() {
                    let (seconds, log) = (pause.as_secs_f64(), self.layout.log(name));
                    self.say.line(&format!(
                        "{name} ended ({status}); it is started again in {seconds:.1} s; log: {log}"
                    ));
                    if process.failures >= HOPELESS {
                        *self.trouble.lock() = Some(does_not_stay_up(name, &log));
                    }
                }
            }
            let due = process.again_at.is_none_or(|at| at <= Instant::now());
            // An agent without certificate and token has nothing to begin with.
            let is_invited = process.verb != "__agent" || process.config.exists();
            if !due || self.layout.hold(name).exists() || !is_invited {
                continue;
            }
            let log = self.layout.log(name);
            let run = self.layout.directory.join("run").join(format!("{name}.pid"));
            if let Err(error) = process.start(&self.exe, &log, &run) {
                self.say.line(&format!("{name} cannot be started: {error}"));
                process.again_at = Some(Instant::now() + process.next_pause());
            }
        }
    }

    fn kill(&mut self, name: &str) {
        if let Some(child) = self.processes.get_mut(name).and_then(|p| p.child.as_mut()) {
            // Ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn stop_all(&mut self) {
        self.stop_kind("__agent");
        for node in &self.layout.nodes {
            if let Err(problem) = holdfast_agent::kill_all(&node.directory) {
                self.say.line(&format!("tasks of {} may still run: {}", node.name, problem.summary));
            }
        }
        self.stop_kind("__controller");
    }

    fn stop_kind(&mut self, verb: &str) {
        let deadline = Instant::now() + PATIENCE;
        let of_kind = |p: &&mut Process| p.verb == verb;
        for process in self.processes.values_mut().filter(of_kind) {
            process.signal(Signal::TERM);
        }
        for process in self.processes.values_mut().filter(of_kind) {
            process.wait_until(deadline);
        }
    }
}

fn does_not_stay_up(name: &str, log: &Utf8Path) -> Problem {
    let problem = Problem::new(7099, ProblemKind::Failed, format!("{name} does not stay up"));
    let told = last_lines(log, SHOWN).into_iter().fold(problem, Problem::because);
    told.next(format!("less {log}"))
}

impl Process {
    fn of(verb: &'static str, config: Utf8PathBuf) -> Self {
        let (pause, began) = (FIRST_PAUSE, Instant::now());
        Self { verb, config, child: None, again_at: None, pause, began, failures: 0 }
    }

    /// The pause after another end: longer after each, and short again after a time that went well.
    fn next_pause(&mut self) -> Duration {
        if self.began.elapsed() > SETTLED {
            (self.pause, self.failures) = (FIRST_PAUSE, 0);
        }
        self.failures += 1;
        let longer = (self.pause * 2).min(LONGEST_PAUSE);
        std::mem::replace(&mut self.pause, longer)
    }

    fn start(&mut self, exe: &Utf8Path, log: &Utf8Path, run: &Utf8Path) -> std::io::Result<()> {
        let long = std::fs::metadata(log).is_ok_and(|m| m.len() > MAX_LOG);
        let mut options = File::options();
        let log = options.create(true).append(!long).write(true).truncate(long).open(log)?;
        let child = Command::new(exe)
            .arg(self.verb)
            .arg("--with-parent")
            .arg("--config")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C at the terminal is for `up` alone, which then stops the others in order.
            .process_group(0)
            .spawn()?;
        std::fs::write(run, leftover::record(child.id()))?;
        self.child = Some(child);
        self.again_at = None;
        self.began = Instant::now();
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|c| i32::try_from(c.id()).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Ended already is as good.
            let _ = kill_process(pid, signal);
        }
    }

    fn wait_until(&mut self, deadline: Instant) {
        let Some(mut child) = self.child.take() else { return };
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::park_timeout(LOOK);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
