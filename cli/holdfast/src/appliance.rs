//! A machine of the appliance: what its configuration and its admission make of it, prepared before its daemon runs. Process 1
//! starts this; everything it does it can do again after a cut at any moment.

use std::fs::Permissions;
use std::net::{ToSocketAddrs as _, UdpSocket};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_agent::OwnController;
use holdfast_controller::{
    Config as ControllerConfig, FoundController, FoundOperator, FoundOptions, found, prepare_joining,
};
use holdfast_policy::packs;
use holdfast_release::RELEASE_ROOT;
use holdfast_release::machine::{self, Machine, Role};
use holdfast_types::{Problem, ProblemKind, Span, Time};

use crate::admission::Admission;
use crate::daemons::{self, Daemon};
use crate::founding::Founding;
use crate::private;

/// Where controllers are reached that nobody gave an address.
const CONTROLLER_PORT: u16 = 7443;
/// How long a node may be silent, in a cluster that a machine founds by itself.
const LEASE: Span = Span::from_secs(30);
/// No packet is sent there: asking for the way tells the own address. One of the addresses for documentation (RFC 5737).
const ELSEWHERE: &str = "192.0.2.1:9";
/// How often the agent of a controller's machine looks whether that controller is prepared.
const LOOK: Duration = Duration::from_millis(500);

/// Where process 1 tells of the system, and takes the word to start again.
const RUN: &str = "/run/holdfast";

/// The places of a machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Appliance {
    /// Its configuration, with its admission beside it
    #[arg(long, value_name = "FILE")]
    machine: Utf8PathBuf,
    /// Where its keys are
    #[arg(long, value_name = "DIR", default_value = "/state")]
    state: Utf8PathBuf,
    /// Where the log of a controller is
    #[arg(long, value_name = "DIR", default_value = "/raft")]
    raft: Utf8PathBuf,
    /// Where a node stores things
    #[arg(long, value_name = "DIR", default_value = "/data")]
    data: Utf8PathBuf,
    /// Where the data of a node is served
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:7444")]
    data_listen: String,
    /// Where the gangs of a node are relayed
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:7445")]
    relay_listen: String,
    /// Run the agent, also on the machine of a controller
    #[arg(long)]
    agent: bool,
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(7123, ProblemKind::Failed, "this machine cannot become what its configuration says")
        .because(because)
}

fn file_fault(act: &str, path: &Utf8Path) -> impl FnOnce(std::io::Error) -> Problem {
    let what = format!("{act} `{path}`");
    move |error| failed(format!("{what}: {error}"))
}

/// Prepares the daemon of this machine's role and runs it until it is stopped.
pub(crate) fn run(appliance: &Appliance) -> Result<(), Problem> {
    let path = &appliance.machine;
    let text = std::fs::read_to_string(path).map_err(file_fault("read", path))?;
    let machine = machine::parse(&text).map_err(|error| failed(format!("`{path}`, {error}")))?;
    match machine.spec.role {
        Role::Controller if !appliance.agent => {
            let directory = appliance.controller(&machine)?;
            daemons::controller(&Daemon { config: directory.join("controller.toml"), with_parent: false })
        }
        Role::Controller | Role::Agent => {
            let config = appliance.agent(&machine)?;
            daemons::agent(&Daemon { config, with_parent: false })
        }
    }
}

impl Appliance {
    /// The directory of the controller, prepared once.
    fn controller(&self, machine: &Machine) -> Result<Utf8PathBuf, Problem> {
        let directory = self.state.join("controller");
        let admission = self.admission(machine);
        if !directory.join("controller.toml").exists() {
            // Without its configuration it was only begun, and what it was begun with is still there.
            remove_all(&directory)?;
            match &admission {
                Some(path) => admit(path, &directory)?,
                None => self.found(machine, &directory)?,
            }
        }
        let (log, place) = (self.raft.join("controller"), directory.join("raft"));
        if !place.is_symlink() {
            std::fs::create_dir_all(&log).map_err(file_fault("create", &log))?;
            symlink(&log, &place).map_err(file_fault("link", &place))?;
        }
        if let Some(path) = admission {
            // What is in it is in the directory now; left behind it is only a key lying about.
            std::fs::remove_file(&path).map_err(file_fault("delete", &path))?;
        }
        Ok(directory)
    }

    /// The file beside the configuration that lets this machine in.
    fn admission(&self, machine: &Machine) -> Option<Utf8PathBuf> {
        let name = machine.spec.cluster.admission_file.as_ref()?;
        let path = self.machine.with_file_name(name);
        path.exists().then_some(path)
    }

    /// A cluster that begins with this machine alone. Its operator's context stays here until somebody fetches it.
    fn found(&self, machine: &Machine, directory: &Utf8Path) -> Result<(), Problem> {
        let cluster = &machine.spec.cluster;
        let (Some(name), Some(jurisdiction)) = (&cluster.name, &cluster.jurisdiction) else {
            let next = "holdfast site init DIR --name NAME --jurisdiction CODE --controller NAME=HOST:PORT";
            return Err(failed("it is a controller and has no admission").next(next));
        };
        let jurisdiction = jurisdiction
            .parse()
            .map_err(|error| failed(format!("`{jurisdiction}` is no jurisdiction: {error}")))?;
        let listen = match cluster.controllers.first() {
            Some(own) => own.to_string(),
            None => format!("{}:{CONTROLLER_PORT}", own_address(ELSEWHERE)?),
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let own = machine.metadata.name.to_string();
        let founded = found(&FoundOptions {
            cluster_name: name.to_string(),
            lease: LEASE,
            controllers: vec![FoundController { name: own, directory: directory.to_owned(), listen }],
            jurisdictions: vec![jurisdiction],
            law: packs::DEMO.law.to_owned(),
            tenant_policies: packs::DEMO.tenant.to_owned(),
            operators: vec![FoundOperator {
                name: "admin".to_owned(),
                roles: vec!["admin".to_owned(), "engineer".to_owned()],
                tenant: None,
                context: self.state.join("operator/context.toml"),
            }],
            now: Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        })?;
        eprintln!("cluster {} begins on this machine", founded.cluster_id);
        Ok(())
    }

    /// The token that lets this machine in as a node, where it is none yet.
    fn token(&self, machine: &Machine, keys: &Utf8Path) -> Result<Option<Utf8PathBuf>, Problem> {
        if keys.join("identity/chain.pem").exists() {
            return Ok(None);
        }
        if let Some(path) = self.admission(machine) {
            return Ok(Some(path));
        }
        let Some(token) = &machine.spec.cluster.join_token else { return Ok(None) };
        let path = keys.join("join.token");
        private::replace(&path, token.reveal().as_bytes()).map_err(file_fault("write", &path))?;
        Ok(Some(path))
    }

    /// The configuration of the agent, written anew at each start: what the machine's says may have changed.
    fn agent(&self, machine: &Machine) -> Result<Utf8PathBuf, Problem> {
        let (directory, keys) = (self.data.join("agent"), self.state.join("agent"));
        for place in [&directory, &keys.join("identity")] {
            std::fs::create_dir_all(place).map_err(file_fault("create", place))?;
        }
        let place = directory.join("identity");
        if !place.is_symlink() {
            symlink(keys.join("identity"), &place).map_err(file_fault("link", &place))?;
        }
        let (controllers, controller, token) = match machine.spec.role {
            Role::Controller => {
                let place = self.state.join("controller");
                let jurisdiction = machine.spec.cluster.jurisdiction.clone();
                (prepared(&place), Some(OwnController { directory: place, jurisdiction }), None)
            }
            Role::Agent => {
                let controllers = &machine.spec.cluster.controllers;
                let controllers = controllers.iter().map(ToString::to_string).collect();
                (controllers, None, self.token(machine, &keys)?)
            }
        };
        let way = controllers.first().map_or(ELSEWHERE, String::as_str);
        let settings = holdfast_agent::Config {
            slots: slots_in(machine, Utf8Path::new(RUN), &Utf8Path::new("/").join(RELEASE_ROOT)),
            directory,
            name: machine.metadata.name.to_string(),
            advertise: Some(own_address(way)?),
            controllers,
            data_listen: self.data_listen.clone(),
            relay_listen: self.relay_listen.clone(),
            join_token_file: token,
            controller,
            simulated: None,
            cores: None,
            memory: None,
            root: "/".into(),
        };
        let text = toml::to_string(&settings).map_err(|error| failed(error.to_string()))?;
        let path = keys.join("agent.toml");
        private::replace(&path, text.as_bytes()).map_err(file_fault("write", &path))?;
        Ok(path)
    }
}

/// The addresses of the controllers, once the one of this machine has all that lets a node in.
fn prepared(place: &Utf8Path) -> Vec<String> {
    loop {
        let config = ControllerConfig::load(&place.join("controller.toml"));
        if let (Ok(config), true) = (config, place.join("pki/root.crt").exists()) {
            return config.members.into_iter().map(|member| member.address).collect();
        }
        // Nobody wakes this: another process prepares it.
        std::thread::park_timeout(LOOK);
    }
}

/// The slots of the machine, where process 1 says what runs. `root` says whose releases it takes, where its image does.
fn slots_in(machine: &Machine, run: &Utf8Path, root: &Utf8Path) -> Option<holdfast_agent::SlotsConfig> {
    let boot = run.join("boot.json");
    boot.exists().then(|| holdfast_agent::SlotsConfig {
        parts: run.join("parts"),
        esp: run.join("esp"),
        boot,
        restart: run.join("restart"),
        reset: run.join("reset"),
        release_root: root.exists().then(|| root.to_owned()),
        extensions: machine.spec.health.extensions.iter().map(ToString::to_string).collect(),
        simulated: false,
    })
}

/// Makes `directory` what the file says: a first controller, or one more.
fn admit(path: &Utf8Path, directory: &Utf8Path) -> Result<(), Problem> {
    // It came on a volume whose file system knows no modes.
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(file_fault("protect", path))?;
    match Founding::load(path)? {
        Some(founding) => founding.unpack(directory, None),
        None => prepare_joining(Admission::load(path)?.prepare(directory, None)),
    }
}

/// The address of this machine on the way to `target`.
fn own_address(target: &str) -> Result<String, Problem> {
    let asked = || {
        let target = target.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(target)?;
        Ok::<_, std::io::Error>(socket.local_addr()?.ip())
    };
    let address = asked().map_err(|error| failed(format!("there is no way to {target}: {error}")))?;
    Ok(if address.is_ipv6() { format!("[{address}]") } else { address.to_string() })
}

fn remove_all(directory: &Utf8Path) -> Result<(), Problem> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file_fault("clear", directory)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\n[metadata]\nname = \"c1\"\n[spec]\n\
                         role = \"controller\"\n[spec.cluster]\nadmissionFile = \"c1.toml\"\ncontrollers = [\"127.0.0.1:7443\"]\n";

    /// A machine that was cut off between its configuration and the link to its log would keep the log beside its keys, and
    /// the admission that it used up.
    #[test]
    fn a_controller_that_was_cut_off_while_it_was_prepared_is_finished_at_the_next_start() {
        let temp = tempfile::tempdir().unwrap();
        let place = |name: &str| Utf8Path::from_path(temp.path()).unwrap().join(name);
        let appliance = Appliance {
            machine: place("machine.toml"),
            state: place("state"),
            raft: place("raft"),
            data: place("data"),
            data_listen: String::new(),
            relay_listen: String::new(),
            agent: false,
        };
        let machine = machine::parse(FIRST).unwrap();
        let (directory, admission) = (place("state/controller"), place("c1.toml"));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("controller.toml"), "").unwrap();
        std::fs::write(&admission, "").unwrap();
        for _ in 0..2 {
            assert_eq!(appliance.controller(&machine).unwrap(), directory);
            assert_eq!(directory.join("raft").read_link_utf8().unwrap(), place("raft/controller"));
            assert!(!admission.exists());
        }
    }
}
