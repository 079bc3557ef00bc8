//! A key is sealed to a TPM and comes out of it as its policy says, with swtpm in the place of one.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_seal::{PublicKey, SealError, Sealed, Signatures, Tpm, Transport, extended, measurement_policy};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(120);

struct Socket(UnixStream);

impl Transport for Socket {
    fn exchange(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        self.0.write_all(command)?;
        let mut answer = vec![0; 4_096];
        let count = self.0.read(&mut answer)?;
        answer.truncate(count);
        Ok(answer)
    }
}

/// A TPM that was just switched on, with the seeds that lie in a directory.
struct Chip(Child);

impl Chip {
    fn on(state: &Path) -> (Self, Tpm) {
        let socket = state.join("socket");
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .arg("--tpmstate")
            .arg(format!("dir={}", state.display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", socket.display()))
            .stdout(Stdio::null())
            .spawn()
            .expect("swtpm, of Debian's swtpm");
        let began = Instant::now();
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(began.elapsed() < LIMIT, "{error}"),
            }
            std::thread::yield_now();
        };
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        (Self(child), Tpm::over(Box::new(Socket(stream))))
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A key of OpenSSL.
struct Signer {
    dir: TempDir,
    public: PublicKey,
}

impl Signer {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        openssl(dir.path(), &["genrsa", "-out", "key", "2048"], &[]);
        let pem = openssl(dir.path(), &["rsa", "-in", "key", "-pubout"], &[]);
        let public = PublicKey::parse(std::str::from_utf8(&pem).unwrap()).unwrap();
        Self { dir, public }
    }

    fn sign(&self, register: &[u8; 32]) -> Signatures {
        let policy = measurement_policy(register);
        let signature = openssl(self.dir.path(), &["dgst", "-sha256", "-sign", "key"], &policy);
        let signatures = Signatures::new(&self.public, register, &signature);
        Signatures::parse(&signatures.text().unwrap()).unwrap()
    }
}

fn openssl(dir: &Path, words: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(words).current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("openssl");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {words:?}");
    output.stdout
}

fn kept(sealed: &Sealed) -> Sealed {
    Sealed::parse(&sealed.token(1).unwrap()).unwrap()
}

#[test]
fn a_key_comes_out_where_what_runs_was_signed_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (signer, other) = (Signer::new(), Signer::new());
    let secret = [9; 32];
    let started = extended([0; 32], b"release 1");
    let newer = extended([0; 32], b"release 2");

    // It is sealed where something else runs: on the medium.
    let (chip, mut tpm) = Chip::on(dir.path());
    let sealed = kept(&tpm.seal(&signer.public, &secret).unwrap());
    let none = signer.sign(&started);
    assert!(matches!(tpm.unseal(&signer.public, &none, &sealed), Err(SealError::Measured(_))));
    drop((chip, tpm));

    for (release, register) in [(&b"release 1"[..], started), (&b"release 2"[..], newer)] {
        let (_chip, mut tpm) = Chip::on(dir.path());
        assert_eq!(tpm.register().unwrap(), [0; 32]);
        tpm.extend(release).unwrap();
        assert_eq!(tpm.register().unwrap(), register);
        assert_eq!(tpm.secure_boot().unwrap(), [0; 32], "another register");
        let signed = signer.sign(&register);
        assert_eq!(tpm.unseal(&signer.public, &signed, &sealed).unwrap().as_slice(), secret);
        // Somebody else's signature, also under our key's name.
        let foreign = other.sign(&register);
        assert!(matches!(tpm.unseal(&other.public, &foreign, &sealed), Err(SealError::OtherSigner)));
        let name = |key: &PublicKey| hex(key.fingerprint());
        let forged = foreign.text().unwrap().replace(&name(&other.public), &name(&signer.public));
        let forged = Signatures::parse(&forged).unwrap();
        assert!(matches!(tpm.unseal(&signer.public, &forged, &sealed), Err(SealError::Measured(_))));
        // Once it is extended nothing comes out any more.
        tpm.extend(b"later").unwrap();
        assert!(matches!(tpm.unseal(&signer.public, &signed, &sealed), Err(SealError::Measured(_))));
    }

    let strange = tempfile::tempdir().unwrap();
    let (_chip, mut tpm) = Chip::on(strange.path());
    tpm.extend(b"release 1").unwrap();
    let signed = signer.sign(&started);
    assert!(matches!(tpm.unseal(&signer.public, &signed, &sealed), Err(SealError::OtherTpm)));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer that was cut or changed is refused, never believed.
#[test]
fn no_answer_is_too_wild() {
    struct Wild(Vec<u8>);
    impl Transport for Wild {
        fn exchange(&mut self, _: &[u8]) -> io::Result<Vec<u8>> {
            Ok(self.0.clone())
        }
    }
    let signer = Signer::new();
    for length in 0..64_u8 {
        for fill in [0, 1, 0xff] {
            let mut answer = vec![fill; usize::from(length)];
            if answer.len() >= 10 {
                answer[..10].copy_from_slice(&[0x80, 1, 0, 0, 0, length, 0, 0, 0, 0]);
            }
            let mut tpm = Tpm::over(Box::new(Wild(answer)));
            if let Ok(sealed) = tpm.seal(&signer.public, &[1; 32]) {
                assert!(sealed.token(1).unwrap().len() < 1_000);
            }
            let _ = tpm.register();
        }
    }
}
