//! Ports: taken in a row from the one asked for, or any that are free; and a clear word where one is in use.

use std::net::{TcpListener, ToSocketAddrs as _};

use holdfast_types::{Problem, ProblemKind};

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
    let controllers = layout.controllers.iter().map(|c| (&c.name, &c.listen));
    let nodes = layout.nodes.iter().map(|n| (&n.name, &n.data));
    for (name, address) in controllers.chain(nodes) {
        if let Err(error) = TcpListener::bind(address) {
            return Err(taken(address, &error).because(format!("it belongs to {name} of this cluster")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
