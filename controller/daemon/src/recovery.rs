//! A controller whose log has failed goes on to answer what it knows, and begins anew when its disk can be written again:
//! only what is read back from the disk can be trusted then.

use std::io::{self, Write as _};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::app::App;

/// How often a disk that failed is tried.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often in a row it has to work before it is believed.
const IN_A_ROW: u32 = 3;

/// Waits until the log has failed and its disk works again.
pub(crate) async fn disk_is_back(app: &App) {
    app.raft.failed().await;
    tracing::error!("this controller takes no writes; it begins anew when its disk can be written");
    let place = app.config.directory.join("raft/log");
    let mut worked = 0;
    while worked < IN_A_ROW {
        tokio::time::sleep(TRY_EVERY).await;
        let place = place.clone();
        match tokio::task::spawn_blocking(move || probe(&place)).await {
            Ok(Ok(())) => worked += 1,
            Ok(Err(error)) => {
                worked = 0;
                tracing::debug!(%error, "the disk still cannot be written");
            }
            Err(_) => worked = 0,
        }
    }
    tracing::info!("the disk can be written again");
}

/// Writes a file and makes it durable, as the log would. Whatever begins with a name like this is removed at a start.
fn probe(place: &Utf8Path) -> io::Result<()> {
    let path: Utf8PathBuf = place.join("probe.tmp");
    let mut file = std::fs::File::create(&path)?;
    file.write_all(&[0; 4096])?;
    file.sync_all()?;
    std::fs::remove_file(&path)
}
