//! A connection of the client: HTTP/2 over mTLS, with as little work for each call as can be, because client and members
//! share the cores and a costly client would hide the difference between them. One client for both sides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BytesMut};
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};

use super::frames::{self, Meaning, WINDOW};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How much is read at once.
const READ: usize = 64 << 10;

/// Whom to call and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `host:port`.
    pub(crate) address: String,
    /// The certificates of both ends.
    pub(crate) config: Arc<ClientConfig>,
}

/// What came on a stream.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message.
    Message(u32, Vec<u8>),
    /// The end of the stream.
    End(u32),
}

/// A connection.
pub(crate) struct Wire {
    stream: TlsStream<TcpStream>,
    input: BytesMut,
    output: Vec<u8>,
    next: u32,
    /// Bytes of data since the window of the connection was last widened.
    taken: u32,
    /// Messages that have begun to arrive.
    partial: BTreeMap<u32, Vec<u8>>,
    events: Vec<Event>,
}

impl Wire {
    /// Connects.
    pub(crate) async fn connect(target: &Target) -> Result<Self> {
        let Target { address, config } = target;
        let connected = tokio::time::timeout(CONNECT, async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            // Our own configurations look at the SPIFFE id instead.
            let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
            TlsConnector::from(Arc::clone(config)).connect(name, stream).await
        });
        let stream = connected.await.context("connect in time")?;
        let stream = stream.with_context(|| format!("connect to {address}"))?;
        Ok(Self {
            stream,
            input: BytesMut::with_capacity(READ),
            output: frames::opening(),
            next: 1,
            taken: 0,
            partial: BTreeMap::new(),
            events: Vec::new(),
        })
    }

    /// Prepares a call with one message and answers its stream; [`Wire::events`] sends it.
    pub(crate) fn call(&mut self, block: &[u8], message: &[u8], last: bool) -> u32 {
        let stream = self.next;
        self.next += 2;
        frames::call(&mut self.output, stream, block, message, last);
        stream
    }

    /// Sends what was prepared.
    pub(crate) async fn send(&mut self) -> Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await.context("send")?;
            self.stream.flush().await.context("send")?;
            self.output.clear();
        }
        Ok(())
    }

    /// Sends what was prepared and waits until something has come.
    pub(crate) async fn events(&mut self) -> Result<Vec<Event>> {
        while self.events.is_empty() {
            self.send().await?;
            self.input.reserve(READ);
            if self.stream.read_buf(&mut self.input).await.context("receive")? == 0 {
                bail!("the connection was closed");
            }
            self.read_frames()?;
        }
        Ok(std::mem::take(&mut self.events))
    }

    fn read_frames(&mut self) -> Result<()> {
        let mut read = 0;
        while let Some((meaning, length)) = frames::frame(self.input.get(read..).unwrap_or_default()) {
            read += length;
            match meaning {
                Meaning::Data(stream, data, ends) => {
                    self.taken += u32::try_from(length).unwrap_or(0);
                    take_messages(&mut self.partial, &mut self.events, stream, data);
                    if ends {
                        self.events.push(Event::End(stream));
                    }
                }
                Meaning::End(stream) => {
                    self.partial.remove(&stream);
                    self.events.push(Event::End(stream));
                }
                Meaning::Answer(answer) => self.output.extend(answer),
                Meaning::Away => bail!("the server closes the connection"),
                Meaning::Nothing => {}
            }
        }
        self.input.advance(read);
        if self.taken > WINDOW / 2 {
            self.output.extend(frames::window_update(self.taken));
            self.taken = 0;
        }
        Ok(())
    }
}

fn take_messages(partial: &mut BTreeMap<u32, Vec<u8>>, events: &mut Vec<Event>, stream: u32, data: &[u8]) {
    let begun = partial.remove(&stream);
    let joined = begun.map(|mut begun| {
        begun.extend(data);
        begun
    });
    let mut rest = joined.as_deref().unwrap_or(data);
    while let Some((message, length)) = frames::message(rest) {
        events.push(Event::Message(stream, message.to_vec()));
        rest = rest.get(length..).unwrap_or_default();
    }
    if !rest.is_empty() {
        partial.insert(stream, rest.to_vec());
    }
}

/// Makes one call on a connection of its own.
pub(crate) async fn ask<R: Message + Default>(
    target: &Target,
    path: &str,
    request: &impl Message,
    limit: Duration,
) -> Result<R> {
    let answered = tokio::time::timeout(limit, async {
        let mut wire = Wire::connect(target).await?;
        answer_of(&mut wire, &frames::block(path, &target.address), request).await
    });
    answered.await.with_context(|| format!("{path} is not answered in time"))?
}

/// Makes one call on an open connection where nothing else is under way.
pub(crate) async fn answer_of<R: Message + Default>(
    wire: &mut Wire,
    block: &[u8],
    request: &impl Message,
) -> Result<R> {
    let stream = wire.call(block, &request.encode_to_vec(), true);
    let mut answer = None;
    loop {
        for event in wire.events().await? {
            match event {
                Event::Message(of, message) if of == stream => answer = Some(message),
                Event::End(of) if of == stream => {
                    let answer = answer.context("the call was refused")?;
                    return R::decode(answer.as_slice()).context("read the answer");
                }
                Event::Message(..) | Event::End(_) => {}
            }
        }
    }
}
