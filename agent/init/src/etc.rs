//! What programs expect to find on a machine: its name, its number, the files that say who it is.

use std::fs;
use std::io::Read as _;

use camino::Utf8Path;

/// Writes who the machine is to `etc`. Its number is kept on `state` and made where there is none.
pub(crate) fn identity(etc: &Utf8Path, state: Option<&Utf8Path>, name: &str) -> Result<(), String> {
    let write = |file: &str, text: String| {
        fs::write(etc.join(file), text).map_err(|error| format!("write `{}`: {error}", etc.join(file)))
    };
    write("hostname", format!("{name}\n"))?;
    write("hosts", format!("127.0.0.1 localhost {name}\n::1 localhost {name}\n"))?;
    write(
        "passwd",
        "root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n".to_owned(),
    )?;
    write("group", "root:x:0:\nnogroup:x:65534:\n".to_owned())?;
    write("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".to_owned())?;
    write("machine-id", number(state)?)
}

fn number(state: Option<&Utf8Path>) -> Result<String, String> {
    let kept = state.map(|state| state.join("machine-id"));
    let old = kept.as_ref().and_then(|path| fs::read_to_string(path).ok());
    let is_number =
        |text: &String| text.trim_end().len() == 32 && text.trim_end().bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(old) = old.filter(is_number) {
        return Ok(old);
    }
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| format!("take random bytes: {error}"))?;
    let text = format!("{}\n", hex::encode(bytes));
    if let Some(path) = kept {
        crate::durable::write(&path, text.as_bytes())?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_keeps_its_number_and_a_broken_one_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        identity(dir, Some(dir), "de-1").unwrap();
        let first = fs::read_to_string(dir.join("machine-id")).unwrap();
        assert_eq!(number(Some(dir)).unwrap(), first);
        fs::write(dir.join("machine-id"), "short").unwrap();
        let second = number(Some(dir)).unwrap();
        assert_eq!((second.len(), second == first), (33, false));
        assert_eq!(fs::read_to_string(dir.join("hostname")).unwrap(), "de-1\n");
    }
}
