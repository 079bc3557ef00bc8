//! One channel to one address: HTTP/2 over our own TLS configuration, connected when first used and again when lost.

use std::sync::Arc;
use std::time::Duration;

use holdfast_identity::{PeerInfo, tls_connect};
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// How long TCP and TLS together may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest message either side takes, in bytes.
pub const MAX_MESSAGE: usize = 16 << 20;
/// A peer that is silent this long while it is waited for is asked whether it lives. That is longer than an answer to an agent is
/// held, or a thousand agents would be asking all the time.
const KEEPALIVE: Duration = Duration::from_secs(12);
/// And has this long to answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A channel to `host:port`. Nothing is dialled until the first call; whom the peer must be is in the configuration.
///
/// # Errors
///
/// Where the address is not `host:port`.
pub fn lazy_channel(
    address: &str,
    config: &Arc<tokio_rustls::rustls::ClientConfig>,
) -> Result<Channel, tonic::transport::Error> {
    // The scheme is what hyper wants to see; the connector below is the one that speaks TLS.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    let (address, config) = (address.to_owned(), Arc::clone(config));
    Ok(endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
        let (address, config) = (address.clone(), Arc::clone(&config));
        async move {
            let connected = tls_connect(&address, &config, CONNECT_TIMEOUT).await;
            connected.map(|(stream, _peer): (_, PeerInfo)| TokioIo::new(stream))
        }
    })))
}
