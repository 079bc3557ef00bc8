//! A program that keeps a key and never lets it out. It gets `sign NAME` as arguments and the message on its input, and answers the
//! signature.

use std::io::{ErrorKind, Write as _};
use std::process::{Command, Stdio};

use camino::Utf8Path;

/// What `program` answers for `message` with its key `name`, or what it did instead: a predicate for a sentence about it.
pub(crate) fn asked(program: &Utf8Path, name: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    let child =
        Command::new(program).args(["sign", name]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("cannot be started: {error}"))?;
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(message));
    // It is waited for even then: one that ends before it reads says why by its status, and is no zombie.
    let output = child.wait_with_output().map_err(|error| format!("does not end: {error}"))?;
    if !output.status.success() {
        return Err(format!("ended with {}", output.status));
    }
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("takes no message: {error}")),
        _ => Ok(output.stdout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_reads_nothing_says_why_by_its_status() {
        let more_than_a_pipe_holds = vec![0; 1 << 20];
        let refused = asked(Utf8Path::new("/bin/false"), "db", &more_than_a_pipe_holds).unwrap_err();
        assert!(refused.contains("ended with"), "{refused}");
        let answered = asked(Utf8Path::new("/bin/echo"), "db", &more_than_a_pipe_holds).unwrap();
        assert_eq!(answered, b"sign db\n");
    }
}
