//! Ports: taken in a row from the one asked for, or any that are free; and a clear word where one is in use.

use std::fs::File;
use std::net::{TcpListener, ToSocketAddrs as _};

use camino::Utf8Path;
use holdfast_types::{Problem, ProblemKind};
use rustix::fs::{FlockOperation, flock};

use super::layout::Layout;

fn taken(address: &str, error: &std::io::Error) -> Problem {
    Problem::new(7092, ProblemKind::Failed, format!("address {address} cannot be used"))
        .because(error.to_string())
        .next("holdfast up --listen 127.0.0.1:0")
}

/// Splits `host:port`.
pub(super) fn parse(listen: &str) -> Result<(String, u16), Problem> {
    let wrong = || {
        Problem::new(7093, ProblemKind::Invalid, format!("`{listen}` is not an address to listen on"))
            .because("expected `host:port`, such as 127.0.0.1:7400, or port 0 for any free ports")
    };
    let (host, port) = listen.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let resolves =
        (host.trim_matches(['[', ']']), port).to_socket_addrs().is_ok_and(|mut a| a.next().is_some());
    if resolves { Ok((host.to_owned(), port)) } else { Err(wrong()) }
}

/// Yields one address after another, each free when it is given out.
pub(super) fn sequence(listen: &str) -> Result<impl FnMut() -> Result<String, Problem>, Problem> {
    let (host, first) = parse(listen)?;
    let mut next = first;
    // Held until all are chosen, so that no port is given out twice.
    let mut held = Vec::new();
    Ok(move || {
        let address = format!("{host}:{next}");
        let listener = TcpListener::bind(&address).map_err(|error| taken(&address, &error))?;
        let port = listener.local_addr().map_err(|error| taken(&address, &error))?.port();
        held.push(listener);
        if first != 0 {
            next = next
                .checked_add(1)
                .ok_or_else(|| taken(&address, &std::io::Error::other("no ports are left")))?;
        }
        Ok(format!("{host}:{port}"))
    })
}

/// Checks before a later start that what the cluster used is still free.
pub(super) fn check(layout: &Layout) -> Result<(), Problem> {
    let test = |address: &str, of: String| {
        let error = match TcpListener::bind(address) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        Err(Problem::new(7092, ProblemKind::Failed, format!("address {address} cannot be used"))
            .because(error.to_string())
            .because(format!(
                "it belongs to {of} of this cluster, which keeps the addresses it was founded with"
            ))
            .next("stop what uses the port: ss -ltnp")
            .next("holdfast up --fresh --listen 127.0.0.1:0"))
    };
    for controller in &layout.controllers {
        test(&controller.listen, controller.name.clone())?;
    }
    for node in &layout.nodes {
        test(&node.data, format!("the data port of {}", node.name))?;
        // The relay of an earlier start goes on without its agent, so that gangs do.
        if !is_locked(&node.directory.join("relay.lock")) {
            test(&node.relay, format!("the gang relay of {}", node.name))?;
        }
    }
    Ok(())
}

/// Whether a process holds this lock.
fn is_locked(path: &Utf8Path) -> bool {
    File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::up::layout::Wanted;

    #[test]
    fn a_taken_port_of_a_cluster_is_named_with_its_process_unless_its_own_relay_has_it() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(temporary.path()).unwrap();
        let mut ports = sequence("127.0.0.1:0").unwrap();
        let wanted = Wanted {
            nodes: 2,
            controllers: 1,
            listen: String::new(),
            lease: holdfast_types::Span::from_secs(6),
            demo: false,
        };
        let layout = Layout::decide(directory, &wanted, &mut ports).unwrap();
        drop(ports);
        assert_eq!(check(&layout), Ok(()));

        let _taken = TcpListener::bind(&layout.nodes[1].relay).unwrap();
        let text = check(&layout).unwrap_err().to_string();
        assert!(text.contains(&layout.nodes[1].relay) && text.contains("gang relay of node-02"), "{text}");
        assert!(text.contains("--listen"), "{text}");

        std::fs::create_dir(&layout.nodes[1].directory).unwrap();
        let lock = File::create(layout.nodes[1].directory.join("relay.lock")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        assert_eq!(check(&layout), Ok(()));
    }

    #[test]
    fn ports_are_distinct_and_a_taken_one_is_named() {
        let mut any = sequence("127.0.0.1:0").unwrap();
        let (one, two) = (any().unwrap(), any().unwrap());
        assert_ne!(one, two);
        let problem = sequence(&one).unwrap()().unwrap_err();
        assert!(problem.summary.contains(&one), "{problem}");
        for wrong in ["7400", "127.0.0.1:x", "127.0.0.1:99999", ""] {
            assert_eq!(parse(wrong).unwrap_err().code.0, 7093, "{wrong}");
        }
    }
}
