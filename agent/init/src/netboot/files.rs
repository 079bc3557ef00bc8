//! The files of a release on a server, fetched and proved one by one.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use holdfast_fetch::{Address, FetchError, get};
use holdfast_release::{Digest, FileSum, MANIFEST, MANIFEST_MOST_BYTES, Manifest};
use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;
use crate::event::say;

const MIB: u64 = 1 << 20;

/// A server of the site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Server<'a> {
    /// The address of the directory, or of a file in it.
    pub(super) from: &'a Address,
    /// How long it is waited each time before a file is asked for again.
    pub(super) waits: &'a [Duration],
}

impl Server<'_> {
    /// The manifest with this digest, as it is and as it is read.
    pub(super) fn manifest(&self, digest: Digest) -> Result<(Vec<u8>, Manifest), Refusal> {
        let address = self.from.beside(MANIFEST);
        let most = u64::try_from(MANIFEST_MOST_BYTES).unwrap_or(u64::MAX);
        let bytes = self.again(&address, || {
            let mut bytes = Vec::new();
            get(&address, most, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            Ok(bytes)
        })?;
        if Digest::of(&bytes) != digest {
            return Err(Refusal::OtherManifest(address.to_string()));
        }
        let manifest = Manifest::parse(&bytes).map_err(Refusal::Manifest)?;
        Ok((bytes, manifest))
    }

    /// Fetches every file of the manifest into `directory`, and writes the manifest there when all of them are.
    pub(super) fn files(
        &self,
        manifest: &Manifest,
        bytes: &[u8],
        directory: &Utf8Path,
    ) -> Result<(), Refusal> {
        let write = |path: &Utf8Path| {
            let path = path.to_owned();
            move |source| Refusal::Write { path, source }
        };
        fs::create_dir_all(directory).map_err(write(directory))?;
        let total = manifest.files.values().map(|sum| sum.bytes).sum();
        let mut progress = Progress { total, before: 0, tenths: 0, began: Instant::now() };
        for (name, sum) in &manifest.files {
            let path = directory.join(name);
            let file = File::create(&path).map_err(write(&path))?;
            let address = self.from.beside(name);
            let came =
                self.again(&address, || whole(&address, &file, *sum, &mut |got| progress.tell(name, got)))?;
            if came != *sum {
                return Err(Refusal::Changed { address: address.to_string(), wanted: *sum });
            }
            progress.before += sum.bytes;
        }
        let path = directory.join(MANIFEST);
        fs::write(&path, bytes).map_err(write(&path))
    }

    /// Asks, and asks again where that is of use.
    fn again<T>(
        &self,
        address: &Address,
        mut ask: impl FnMut() -> Result<T, FetchError>,
    ) -> Result<T, Refusal> {
        let mut waits = self.waits.iter();
        loop {
            let source = match ask() {
                Ok(got) => return Ok(got),
                Err(source) => source,
            };
            let wait = waits.next().filter(|_| source.may_pass());
            let Some(wait) = wait else {
                return Err(Refusal::Fetch { address: address.to_string(), source });
            };
            say(format_args!("fetch `{address}`: {source}; again in {} s", wait.as_secs()));
            std::thread::park_timeout(*wait);
        }
    }
}

/// One file from its beginning, and what it is.
fn whole(
    address: &Address,
    mut file: &File,
    sum: FileSum,
    on: &mut dyn FnMut(u64),
) -> Result<FileSum, FetchError> {
    use std::io::Seek as _;

    file.set_len(0).and_then(|()| file.rewind()).map_err(FetchError::Kept)?;
    let (mut hash, mut got) = (Sha256::new(), 0);
    let bytes = get(address, sum.bytes, &mut |piece| {
        file.write_all(piece)?;
        hash.update(piece);
        got += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        on(got);
        Ok(())
    })?;
    Ok(FileSum { bytes, sha256: Digest(hash.finalize().into()) })
}

/// How far it is, told at each tenth.
struct Progress {
    total: u64,
    /// Bytes of the files that are there.
    before: u64,
    tenths: u64,
    began: Instant,
}

impl Progress {
    fn tell(&mut self, name: &str, got: u64) {
        let done = self.before + got;
        let tenths = done.saturating_mul(10) / self.total.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            let rate = done / self.began.elapsed().as_secs().max(1) / MIB;
            let (done, total) = (done / MIB, self.total / MIB);
            say(format_args!("{} %: {done} of {total} MiB, {rate} MiB/s: {name}", tenths * 10));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;

    use holdfast_release::{KERNEL, LOADER, Profile, ROOT, ROOT_TREE, Verity};

    use super::*;

    type Files = BTreeMap<String, Vec<u8>>;

    fn release() -> (Manifest, Files) {
        let mut files: Files =
            [KERNEL, LOADER, ROOT_TREE].map(|name| (name.to_owned(), name.as_bytes().to_vec())).into();
        files.insert(ROOT.to_owned(), vec![7; 4096]);
        let manifest = Manifest {
            version: "1".to_owned(),
            profile: Profile::Small,
            epoch: 0,
            kernel: "6".to_owned(),
            files: files.iter().map(|(name, bytes)| (name.clone(), FileSum::of(bytes))).collect(),
            verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 1 },
            pcr11: Digest([3; 32]),
            from: None,
            extensions: Vec::new(),
        };
        files.insert(MANIFEST.to_owned(), manifest.encode().unwrap());
        (manifest, files)
    }

    /// A server of `files` that cuts the first `cut` answers off in their middle.
    fn served(files: Files, mut cut: usize) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/x/netboot.efi", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let asked = lines.next().unwrap().unwrap();
                while !lines.next().unwrap().unwrap().is_empty() {}
                let name = asked.split(' ').nth(1).unwrap().strip_prefix("/x/").unwrap();
                let Some(bytes) = files.get(name) else {
                    stream.write_all(b"HTTP/1.1 404 No\r\n\r\n").unwrap();
                    continue;
                };
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()).unwrap();
                let end = if cut > 0 { bytes.len() / 2 } else { bytes.len() };
                cut = cut.saturating_sub(1);
                stream.write_all(&bytes[..end]).unwrap();
            }
        });
        address.parse().unwrap()
    }

    fn fetched(files: Files, cut: usize, digest: Digest) -> (tempfile::TempDir, Result<(), Refusal>) {
        let temp = tempfile::tempdir().unwrap();
        let from = served(files, cut);
        let server = Server { from: &from, waits: &[Duration::from_millis(1); 2] };
        let directory = Utf8Path::from_path(temp.path()).unwrap().join("holdfast");
        let ended =
            server.manifest(digest).and_then(|(bytes, manifest)| server.files(&manifest, &bytes, &directory));
        (temp, ended)
    }

    #[test]
    fn every_file_comes_whole_although_the_server_breaks_off() {
        let (manifest, files) = release();
        let digest = Digest::of(&manifest.encode().unwrap());
        let (temp, ended) = fetched(files.clone(), 2, digest);
        ended.unwrap();
        for (name, bytes) in &files {
            assert_eq!(&fs::read(temp.path().join("holdfast").join(name)).unwrap(), bytes, "{name}");
        }
        let (_, ended) = fetched(files, 3, digest);
        assert_eq!(ended.unwrap_err().word(), "fetch", "three times are too many");
    }

    #[test]
    fn what_was_not_signed_is_refused_by_name() {
        let (manifest, files) = release();
        let digest = Digest::of(&manifest.encode().unwrap());
        let changed = |name: &str, bytes: Option<Vec<u8>>| {
            let mut files = files.clone();
            files.remove(name);
            files.extend(bytes.map(|bytes| (name.to_owned(), bytes)));
            fetched(files, 0, digest).1.unwrap_err()
        };
        let mut root = files[ROOT].clone();
        root[9] ^= 1;
        let refusal = changed(ROOT, Some(root));
        assert_eq!(refusal.word(), "changed");
        assert!(refusal.to_string().contains("/x/root.erofs` is not what was signed"), "{refusal}");
        assert_eq!(changed(KERNEL, Some(b"short".to_vec())).word(), "changed");
        assert_eq!(changed(KERNEL, Some(vec![0; 9000])).word(), "fetch", "more than was signed");
        assert!(changed(LOADER, None).to_string().contains("status 404"));
        let mut other = manifest.clone();
        other.version = "2".to_owned();
        assert!(matches!(changed(MANIFEST, Some(other.encode().unwrap())), Refusal::OtherManifest(_)));
    }
}
