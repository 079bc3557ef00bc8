//! Puts every page of `docs/errors` into the program, so that `holdfast explain` works where nothing else does.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// `E` and four digits.
fn is_code(stem: &str) -> bool {
    stem.strip_prefix('E').is_some_and(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()))
}

fn pages(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "md")
            && path.file_stem().and_then(|s| s.to_str()).is_some_and(is_code)
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var(name).map_err(io::Error::other);
    let dir = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", dir.display());
    let mut table = String::from(
        "/// Code and text of every page, by code.\npub(crate) static PAGES: &[(u16, &str)] = &[\n",
    );
    for page in pages(&dir)? {
        let digits = page.file_stem().and_then(|s| s.to_str()).map_or("0", |s| s.trim_start_matches('E'));
        let code: u16 = digits.parse().map_err(io::Error::other)?;
        let written = writeln!(table, "    ({code}, include_str!({:?})),", page.display().to_string());
        written.map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(Path::new(&variable("OUT_DIR")?).join("pages.rs"), table)
}
