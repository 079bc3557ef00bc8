//! The commands of `holdfast-image`.

mod extension;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Parser, Subcommand};
use holdfast_fetch::{Address, NoAddress};
use holdfast_release::{Profile, parse_expiry};
use holdfast_types::{Span, Time};

use crate::build::build;
use crate::bundle::Release;
use crate::carried::Carried;
use crate::inputs::{BuildError, Inputs};
use crate::keys::{self, SigningKey};
use crate::lock::{Cache, Lock};
use crate::outputs::write_all;
use crate::recipe::Recipe;
use crate::refresh::refresh;
use crate::release_keys::{self, RootRule};
use crate::sign::enrolment;

/// How long a release is taken where nobody says.
const YEAR: Span = Span(365 * 24 * 3_600_000);

/// Builds the images of a Holdfast release from locked packages and our own programs.
#[derive(Debug, Parser)]
#[command(name = "holdfast-image", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    /// Builds the images.
    Build(Build),
    /// Locks the packages that apt has now in place of those that are locked.
    Lock {
        /// The directory with `packages.lock` and the recipes.
        #[arg(long, default_value = "image")]
        source: Utf8PathBuf,
    },
    /// The keys that firmware knows, and those that sign releases.
    #[command(subcommand)]
    Keys(Keys),
    /// Drivers that the kernel of Debian does not have, with what belongs to them.
    #[command(subcommand)]
    Extension(extension::Extension),
    /// Makes a release of a payload: one file that a cluster imports.
    Bundle(BundleOptions),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  holdfast-image bundle images --keys keys --number 7 --out holdfast-0.2.0.bundle\n  \
    holdfast-image bundle images --keys keys --signer ./token --number 7 --expires 2027-06-30T00:00:00Z --out r.bundle"
)]
struct BundleOptions {
    /// The directory with the payload: manifest.json and the files that it names.
    payload: Utf8PathBuf,
    /// The directory with the release keys.
    #[arg(long)]
    keys: Utf8PathBuf,
    /// A program that keeps the release keys and signs.
    #[arg(long)]
    signer: Option<Utf8PathBuf>,
    /// Greater than that of every release before: a cluster takes nothing with a smaller one.
    #[arg(long)]
    number: u64,
    /// When it is no longer taken, as 2027-06-30T00:00:00Z; a year from now where absent.
    #[arg(long)]
    expires: Option<String>,
    /// The file.
    #[arg(long)]
    out: Utf8PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  holdfast-image keys init keys --site \"Ministry of Health\"\n  \
    holdfast-image build --profile small --keys keys --programs target/release --out images\n  \
    holdfast-image build --profile metal --keys keys --programs target/release --out images --offline")]
struct Build {
    /// small for virtual machines, metal for servers.
    #[arg(long, default_value = "small")]
    profile: Profile,
    /// The directory with `packages.lock` and the recipes.
    #[arg(long, default_value = "image")]
    source: Utf8PathBuf,
    /// The directory with our own programs.
    #[arg(long)]
    programs: Utf8PathBuf,
    /// The workspace of the programs: the bill of materials names the crates in them.
    #[arg(long, default_value = ".")]
    workspace: Utf8PathBuf,
    /// The directory with the keys.
    #[arg(long)]
    keys: Utf8PathBuf,
    /// A program that keeps the keys and signs; the certificates still lie with the keys.
    #[arg(long)]
    signer: Option<Utf8PathBuf>,
    /// Let the firmware of a machine that has no keys take the site's at its first boot.
    #[arg(long)]
    enrol: bool,
    /// Where packages lie by their hash.
    #[arg(long, default_value = "target/packages")]
    package_cache: Utf8PathBuf,
    /// Take packages from the cache alone.
    #[arg(long)]
    offline: bool,
    /// The version of the release.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    release: String,
    /// A kernel module built for this kernel; it is signed with the key. May be given more than once.
    #[arg(long, value_name = "FILE")]
    module: Vec<Utf8PathBuf>,
    /// An extension for this kernel: the release carries it to the machines. May be given more than once.
    #[arg(long, value_name = "FILE")]
    extension: Vec<Utf8PathBuf>,
    /// A further word of the kernel's command line, which is signed with it. May be given more than once.
    #[arg(long, value_name = "WORD")]
    append: Vec<String>,
    /// Where machines that start `netboot.efi` fetch the release, as http://10.0.0.5/holdfast/; otherwise their lease says it.
    #[arg(long, value_name = "URL", value_parser = netboot_from)]
    netboot_url: Option<Address>,
    /// Where the images go.
    #[arg(long)]
    out: Utf8PathBuf,
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Makes the site's own keys for Secure Boot. They are the only ones that sign for it: keep them.
    Init {
        /// The directory for the keys.
        dir: Utf8PathBuf,
        /// The name of the site, for the certificates.
        #[arg(long)]
        site: String,
    },
    /// Makes the key that signs what a TPM measures of a kernel. `init` does it, too.
    Measured {
        /// The directory for the keys.
        dir: Utf8PathBuf,
        /// The name of the site, for the certificate.
        #[arg(long)]
        site: String,
    },
    /// Makes the keys that sign releases, and the root that machines trust: 1.root.json. `init` does it, too.
    Release {
        /// The directory for the keys.
        dir: Utf8PathBuf,
        /// How many keys the root has.
        #[arg(long, default_value_t = 1)]
        root_keys: u64,
        /// How many of them have to sign.
        #[arg(long, default_value_t = 1)]
        threshold: u64,
    },
}

/// Runs the program.
#[must_use]
pub fn main_with_args(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let ended = match &cli.command {
        Commands::Build(options) => images(options).map_err(|error| error.to_string()),
        Commands::Lock { source } => relock(source),
        Commands::Keys(Keys::Init { dir, site }) => keys::init(dir, site)
            .and_then(|()| release_keys::init(dir, RootRule { keys: 1, threshold: 1 }, now()))
            .map_err(|error| error.to_string()),
        Commands::Keys(Keys::Measured { dir, site }) => {
            keys::init_measured(dir, site).map_err(|error| error.to_string())
        }
        Commands::Keys(Keys::Release { dir, root_keys, threshold }) => {
            let rule = RootRule { keys: *root_keys, threshold: *threshold };
            release_keys::init(dir, rule, now()).map_err(|error| error.to_string())
        }
        Commands::Extension(command) => extension::run(command).map_err(|error| error.to_string()),
        Commands::Bundle(options) => bundle(options),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn bundle(options: &BundleOptions) -> Result<(), String> {
    let expires = match &options.expires {
        None => now() + YEAR,
        Some(text) => {
            parse_expiry(text).ok_or_else(|| format!("`{text}` is not like 2027-06-30T00:00:00Z"))?
        }
    };
    let release = Release {
        payload: &options.payload,
        keys: &options.keys,
        signer: options.signer.as_deref(),
        number: options.number,
        expires,
    };
    release.write(&options.out).map_err(|error| error.to_string())
}

fn relock(source: &Utf8Path) -> Result<(), String> {
    let changes = refresh(source).map_err(|error| error.to_string())?;
    changes.iter().for_each(|change| println!("{change}"));
    println!("{} packages changed", changes.len());
    Ok(())
}

/// An address that a machine can use that knows no names yet.
fn netboot_from(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error: NoAddress| error.to_string())?;
    match address.number() {
        Some(_) => Ok(address),
        None => {
            Err("give the number of the server: names are not known yet when the root is fetched".to_owned())
        }
    }
}

fn failed(step: &str, why: impl ToString) -> BuildError {
    BuildError::new(step, why.to_string())
}

fn carried(path: &Utf8Path) -> Result<Carried, BuildError> {
    let step = format!("read the extension `{path}`");
    let bytes = fs::read(path).map_err(|error| failed(&step, error))?;
    Carried::parse(bytes).map_err(|error| failed(&step, error))
}

fn images(options: &Build) -> Result<(), BuildError> {
    let began = Instant::now();
    let lock = Lock::read(&options.source.join("packages.lock"))
        .map_err(|error| failed("read the packages", error))?;
    let name = format!("{}.toml", options.profile.name());
    let mut recipe =
        Recipe::read(&options.source.join(name)).map_err(|error| failed("read the recipe", error))?;
    recipe.cmdline.extend(options.append.iter().cloned());
    let load = |name: &str| {
        let key = match &options.signer {
            None => SigningKey::load(&options.keys, name),
            Some(program) => SigningKey::with_program(&options.keys, name, program),
        };
        key.map_err(|error| failed("load the key", error))
    };
    let key = load("db")?;
    let (measured, _) = keys::MEASURED_KEY;
    let measured =
        options.keys.join(format!("{measured}.crt")).exists().then(|| load(measured)).transpose()?;
    if measured.is_none() {
        eprintln!(
            "no `pcr.crt` among the keys: no TPM will open a volume for this release (holdfast-image keys measured)"
        );
    }
    let release_root = match options.keys.join("1.root.json").exists() {
        true => release_keys::roots(&options.keys)
            .map_err(|error| failed("read the roots of releases", error))?
            .pop_last()
            .map(|(_, root)| root),
        false => {
            eprintln!(
                "no `1.root.json` among the keys: a machine trusts the first release that a controller brings it \
                 (holdfast-image keys release)"
            );
            None
        }
    };
    let programs: BTreeMap<String, Utf8PathBuf> =
        ["holdfast", "holdfast-init", "holdfast-installer", "holdfast-verify"]
            .map(|name| (name.to_owned(), options.programs.join(name)))
            .into_iter()
            .filter(|(_, path)| path.exists())
            .collect();
    let enrolment = match options.enrol {
        true => enrolment(&options.keys, options.signer.as_deref())
            .map_err(|error| failed("sign what enrols the keys", error))?,
        false => Vec::new(),
    };
    let extensions: Result<Vec<Carried>, _> = options.extension.iter().map(|path| carried(path)).collect();
    let inputs = Inputs {
        version: &options.release,
        profile: options.profile,
        lock: &lock,
        cache: &Cache::new(&options.package_cache, options.offline),
        recipe: &recipe,
        programs: &programs,
        modules: &options.module,
        extensions: &extensions?,
        workspace: &options.workspace,
        netboot_from: options.netboot_url.as_ref(),
        key: &key,
        measured: measured.as_ref(),
        release_root,
        enrolment: &enrolment,
    };
    fs::create_dir_all(&options.out).map_err(|error| failed("make the directory for the images", error))?;
    let scratch = options.out.join("scratch");
    drop(fs::remove_dir_all(&scratch));
    let mut tell = |step: &str| eprintln!("{:6.1} s  {step}", began.elapsed().as_secs_f32());
    let built = build(&inputs, &scratch, &mut tell)?;
    drop(fs::remove_dir_all(&scratch));
    let whole = write_all(&inputs, &built, &options.out, &mut tell)?;
    tell("done");
    for (name, sum) in &whole.files {
        println!("{:>13}  {}  {name}", sum.bytes, sum.sha256);
    }
    Ok(())
}
