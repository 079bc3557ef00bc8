//! `holdfast image pack`.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_artifact::{RelPath, oci};
use holdfast_types::{AsProblem as _, Bytes, Problem, ProblemKind};

use crate::commands::import::image_arch;
use crate::failure::Failure;
use crate::globals::Format;
use crate::output::Printer;

/// What is packed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program
    #[arg(long, value_name = "PATH")]
    binary: Utf8PathBuf,
    /// The archive to write
    #[arg(long, value_name = "FILE.tar")]
    out: Utf8PathBuf,
    /// An argument of the program in the entry point; may be given more than once
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    args: Vec<String>,
    /// Another file: its path in the image, and the file here; may be given more than once
    #[arg(long = "file", value_name = "DST=SRC", value_parser = placed)]
    files: Vec<(RelPath, Utf8PathBuf)>,
    /// A variable of the environment; may be given more than once
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// The directory the program starts in
    #[arg(long, default_value = "", hide_default_value = true)]
    workdir: String,
}

fn placed(text: &str) -> Result<(RelPath, Utf8PathBuf), String> {
    let (to, from) = text.split_once('=').ok_or("write it as DST=SRC, such as etc/app.conf=app.conf")?;
    let to =
        to.trim_start_matches('/').parse().map_err(|e: holdfast_artifact::RelPathError| e.to_string())?;
    Ok((to, Utf8PathBuf::from(from)))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Packs; the archive appears whole or not at all.
pub(super) fn run(printer: Printer, args: &Args) -> Result<(), Failure> {
    let arch = image_arch()?;
    let options = oci::PackOptions {
        extra_files: args.files.clone(),
        args: args.args.clone(),
        env: args.env.clone(),
        workdir: args.workdir.clone(),
        ..oci::PackOptions::new(args.binary.clone(), arch)
    };
    let digest = write(&options, &args.out)?;
    if printer.format() != Format::Table {
        return printer.line(digest);
    }
    let size = std::fs::metadata(&args.out).map_or(0, |m| m.len());
    let program = args.binary.file_name().unwrap_or_default();
    printer.line(format!("{}: {}, {digest}\nthe program is /app/{program}", args.out, Bytes(size)))
}

fn write(options: &oci::PackOptions, out: &Utf8Path) -> Result<String, Problem> {
    let failed = |error: std::io::Error| {
        Problem::new(7068, ProblemKind::Failed, format!("archive `{out}` cannot be written"))
            .because(error.to_string())
    };
    let parent = out.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let file = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
    let mut buffered = BufWriter::new(file);
    let digest = oci::pack(options, &mut buffered).map_err(|e| e.problem())?;
    buffered.flush().map_err(failed)?;
    let file = buffered.into_inner().map_err(|e| failed(e.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    // Temporary files are private; an archive is for whoever may read the directory.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(failed)?;
    file.persist(out).map_err(|e| failed(e.error))?;
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed)?;
    Ok(digest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_placed_by_two_names() {
        let (to, from) = placed("/etc/a.conf=b=c").unwrap();
        assert_eq!((to.as_str(), from.as_str()), ("etc/a.conf", "b=c"));
        for bad in ["a", "../x=y", "=y"] {
            assert!(placed(bad).is_err(), "{bad}");
        }
        assert!(variable("A").is_err());
    }
}
