//! Words that somebody types at a console of a machine that is installed, each console by itself. Who stands there is believed, as
//! the installer believes him; `docs/design/security.md` says why.

mod answers;
mod dialogue;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use holdfast_release::machine::Machine;

use crate::event::say;
use crate::network;
use crate::support;
use crate::terminals::{Terminals, Typed};
use dialogue::{Dialogue, Next};

/// What is typed for a support bundle.
const SUPPORT: &str = "support";
/// What is typed to change the network.
const NETWORK: &str = "network";
/// What is typed to be told these.
const HELP: &str = "help";
/// How long an answer is waited for: who went away has not said yes.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A support bundle.
    Support,
    /// To try this configuration.
    Configuration(Box<Machine>),
}

/// Who listens at the consoles.
#[derive(Debug)]
pub(crate) struct Words(Receiver<Asked>);

impl Words {
    /// Listens from now on, at a machine that is this one.
    pub(crate) fn listen(machine: Option<&Machine>) -> Self {
        let (send, heard) = sync_channel(1);
        for terminal in Terminals::each() {
            let (machine, send) = (machine.cloned(), send.clone());
            let work = move || hear(terminal, machine.as_ref(), &send);
            if let Err(error) = std::thread::Builder::new().name("console".to_owned()).spawn(work) {
                say(format_args!("listen at a console: {error}"));
            }
        }
        say(format_args!("listens at its consoles: `{SUPPORT}`, `{NETWORK}`, `{HELP}`"));
        Self(heard)
    }

    /// What somebody asks for, once.
    pub(crate) fn heard(&self) -> Option<Asked> {
        self.0.try_recv().ok()
    }
}

/// Hears what is typed at one console, for as long as the machine lives.
fn hear(mut terminal: Terminals, machine: Option<&Machine>, send: &SyncSender<Asked>) {
    while let Some(line) = terminal.line(None, &mut || {}) {
        match line.trim().to_ascii_lowercase().as_str() {
            // Who types it again while it is made means the same one.
            SUPPORT => drop(send.try_send(Asked::Support)),
            NETWORK => {
                terminal.set(Typed::Shown);
                let ended = asked(&mut terminal, machine);
                // Before the last words: who hears them may type the next one.
                terminal.set(Typed::Hidden);
                match ended {
                    Ok(machine) => {
                        terminal.say("\r\nThe machine restarts.\r\n");
                        drop(send.send(Asked::Configuration(machine)));
                    }
                    Err(last) => terminal.say(&on_a_terminal(&last)),
                }
            }
            HELP => terminal.say(&on_a_terminal(&format!(
                "\n{SUPPORT}  a support bundle, on a volume labelled {}\n\
                 {NETWORK}  asks for the addresses of this machine, and tries them\n",
                support::LABEL
            ))),
            // A line that sends back what it gets would be answered for ever.
            _ => {}
        }
    }
}

fn on_a_terminal(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// Asks for the network: the configuration that is to be tried, or the last words where none is.
fn asked(terminal: &mut Terminals, machine: Option<&Machine>) -> Result<Box<Machine>, String> {
    let none = "\nThis machine has no configuration: start it from the medium.\n";
    let machine = machine.ok_or_else(|| none.to_owned())?;
    let (mut dialogue, mut words) = Dialogue::begin(machine.clone(), network::present());
    loop {
        terminal.say(&on_a_terminal(&words));
        let line = terminal.line(Some(PATIENCE), &mut || {});
        match dialogue.answer(&line.ok_or_else(|| "\nNobody answered. All is as it was.\n".to_owned())?) {
            Next::Ask(more) => words = more,
            Next::Leave(last) => return Err(last),
            Next::Try(machine) => return Ok(machine),
        }
    }
}
