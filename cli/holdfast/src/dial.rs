//! One address of a controller, dialled as a person's own tools do: TCP, TLS, a request over HTTP/1.1.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_identity::{Alpn, Expect, IdentityHandle, PeerInfo, Trust, client_config, tls_connect_over};
use holdfast_types::AsProblem as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a connection, a handshake or an answer may take each.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);
/// The longest head of an answer.
const MAX_HEAD: usize = 64 << 10;

/// Who dials, and whom he believes.
pub(crate) struct Own {
    pub(crate) identity: IdentityHandle,
    pub(crate) trust: Trust,
}

/// A stream of bytes in both directions, whatever is below.
pub(crate) trait Both: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Both for T {}

/// A connection, who is at its other end, and how long it took.
pub(crate) type Connected = (Pin<Box<dyn Both>>, PeerInfo, Duration);

/// Connects to the controller at `endpoint`.
pub(crate) async fn connect(own: &Own, endpoint: &str, alpn: Alpn) -> Result<Connected, String> {
    let began = Instant::now();
    let config = client_config(Some(&own.identity), &own.trust, Expect::Controller, alpn);
    let config = config.map_err(|error| error.to_string())?;
    let stream = match tokio::time::timeout(LIMIT, TcpStream::connect(endpoint)).await {
        Err(_) => return Err(format!("no TCP connection within {} s", LIMIT.as_secs())),
        Ok(Err(error)) => return Err(format!("no TCP connection: {error}")),
        Ok(Ok(stream)) => stream,
    };
    let connected = tls_connect_over(stream, &Arc::clone(&config), LIMIT).await;
    let (stream, peer) = connected.map_err(|error| {
        let problem = error.problem();
        let cause = problem.because.first().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("no TLS: {}{cause}", problem.summary)
    })?;
    Ok((Box::pin(stream), peer, began.elapsed()))
}

/// What `GET path` answers: the line of its status, and at most `max` bytes of its body.
pub(crate) async fn get(
    own: &Own,
    endpoint: &str,
    path: &str,
    max: usize,
) -> Result<(String, Vec<u8>), String> {
    let answer = async {
        let (mut stream, _, _) = connect(own, endpoint, Alpn::Http1).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let most = u64::try_from(max.saturating_add(MAX_HEAD)).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        stream.take(most).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
        Ok(split(bytes))
    };
    let answered = tokio::time::timeout(LIMIT, answer).await;
    answered.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())))
}

/// The first line of an answer, and what comes after its head.
fn split(mut answer: Vec<u8>) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let body = answer.split_off(end);
    let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    (line, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_first_line_and_what_comes_after_its_head() {
        let of = |text: &str| {
            let (line, body) = split(Vec::from(text));
            (line, String::from_utf8(body).unwrap())
        };
        let expected = ("HTTP/1.1 200 OK".to_owned(), "a\r\n\r\nb".to_owned());
        assert_eq!(of("HTTP/1.1 200 OK\r\nx: y\r\n\r\na\r\n\r\nb"), expected);
        assert_eq!(of("nonsense"), ("nonsense".to_owned(), String::new()));
        assert_eq!(of(""), (String::new(), String::new()));
    }
}
