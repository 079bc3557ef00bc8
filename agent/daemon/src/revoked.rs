//! The certificates that are revoked, kept on disk: for an agent that starts while no controller answers, and for the
//! relay, which never speaks to one.

use std::collections::BTreeSet;

use camino::Utf8Path;
use holdfast_identity::{Serial, Trust};

use crate::gang::write_whole;

const NAME: &str = "revoked";

/// Takes over a list of serial numbers; true where it says anything new.
pub(crate) fn take(trust: &Trust, serials: &[String]) -> bool {
    let serials: BTreeSet<Serial> = serials.iter().filter_map(|s| s.parse().ok()).collect();
    let is_news = serials.iter().any(|serial| !trust.is_revoked(*serial));
    if is_news {
        trust.replace_revoked(serials);
    }
    is_news
}

/// Leaves a list on disk.
pub(crate) fn save(directory: &Utf8Path, serials: &[String]) -> std::io::Result<()> {
    write_whole(directory, NAME, serials.join("\n").as_bytes())
}

/// Takes over the list on disk, if there is one.
pub(crate) fn load(directory: &Utf8Path, trust: &Trust) {
    if let Ok(text) = std::fs::read_to_string(directory.join(NAME)) {
        let serials: Vec<String> = text.lines().map(str::to_owned).collect();
        take(trust, &serials);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_identity::ClusterCa;

    #[test]
    fn the_relay_hears_of_a_revocation_through_the_disk_and_survives_a_bad_file() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(temporary.path()).unwrap();
        let ca = ClusterCa::create("c".parse().unwrap(), &["DE".parse().unwrap()], crate::clock::now());
        let roots = ca.unwrap().root_pem();
        let (agent, relay) = (Trust::new(&roots).unwrap(), Trust::new(&roots).unwrap());
        let serials = ["0a", "0b"].map(|digits| digits.repeat(16));
        let first: Serial = serials[0].parse().unwrap();

        load(directory, &relay);
        assert!(take(&agent, &serials) && !take(&agent, &serials), "what is known is no news");
        save(directory, &serials).unwrap();
        load(directory, &relay);
        assert!(relay.is_revoked(first));
        std::fs::write(directory.join(NAME), "no serial\n").unwrap();
        load(directory, &relay);
        assert!(relay.is_revoked(first), "a bad list takes nothing back");
    }
}
