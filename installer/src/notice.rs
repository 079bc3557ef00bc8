//! What the screens show of the port, which another process listens on: lines in a file in memory.

use anyhow::Context as _;

const NOTICE: &str = "/run/holdfast-installer.notice";
const NEW: &str = "/run/holdfast-installer.notice.new";

/// Puts it there, whole.
pub(crate) fn put(lines: &[String]) -> anyhow::Result<()> {
    std::fs::write(NEW, lines.join("\n")).with_context(|| format!("write `{NEW}`"))?;
    std::fs::rename(NEW, NOTICE).with_context(|| format!("write `{NOTICE}`"))
}

/// Takes it away.
pub(crate) fn remove() {
    let _ = std::fs::remove_file(NOTICE);
}

/// What is there; nothing while nobody listens.
pub(crate) fn read() -> Vec<String> {
    let text = std::fs::read_to_string(NOTICE).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
