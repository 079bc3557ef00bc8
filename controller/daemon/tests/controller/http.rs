//! The REST face by hand, so that a test can stop in the middle of a request.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_identity::{Alpn, tls_connect};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that speaks HTTP/1.1.
pub(crate) async fn connect(world: &World, number: usize) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
    tls_connect(&world.addresses[number], &world.tls(Alpn::Http1), PATIENCE).await.unwrap().0
}

/// What a controller answered: status, headers in lower case, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: serde_json::Value,
    /// The body as it came.
    pub(crate) text: String,
}

/// Reads to the end of the connection.
pub(crate) async fn answer(mut connection: impl AsyncRead + Unpin) -> Answer {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: serde_json::from_str(body).unwrap_or_default(), text: body.to_owned() }
}

/// Asks the first controller.
pub(crate) async fn ask(world: &World, head: &str, body: &str) -> Answer {
    ask_of(world, 0, head, body).await
}

/// Asks one controller.
pub(crate) async fn ask_of(world: &World, number: usize, head: &str, body: &str) -> Answer {
    let mut connection = connect(world, number).await;
    let length = body.len();
    let request = format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    connection.write_all(request.as_bytes()).await.unwrap();
    answer(connection).await
}
