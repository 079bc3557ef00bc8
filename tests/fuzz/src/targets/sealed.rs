//! What a machine reads to open its volumes: the header of a disk that somebody may have changed, the answers of a TPM, what
//! people type.

use std::io;

use holdfast_seal::{PublicKey, RecoveryKey, Sealed, Signatures, Tpm, Transport};

use crate::target::{Target, way};

/// A TPM that answers every command with the same bytes, below a header that is right.
struct Echo(Vec<u8>);

impl Transport for Echo {
    fn exchange(&mut self, _: &[u8]) -> io::Result<Vec<u8>> {
        let size = u32::try_from(self.0.len() + 10).unwrap_or(u32::MAX);
        Ok([&[0x80, 1][..], &size.to_be_bytes(), &[0; 4], &self.0].concat())
    }
}

/// The form in certificates of an RSA key with 2048 bits.
fn key() -> Vec<u8> {
    let number = [&[0x02, 0x82, 1, 1, 0][..], &[0xc5; 256], &[0x02, 3, 1, 0, 1]].concat();
    let key = [&[0x30, 0x82, 1, 0x0a][..], &number].concat();
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    [&[0x30, 0x82, 1, 0x22][..], &algorithm, &[0x03, 0x82, 1, 0x0f, 0], &key].concat()
}

pub(super) fn targets() -> Vec<Target> {
    let token =
        br#"{"type":"holdfast-tpm2","keyslots":["1"],"holdfast-private":"00ff","holdfast-public":"ab",
        "holdfast-signer":"0000000000000000000000000000000000000000000000000000000000000000"}"#;
    let signatures = br#"{"sha256":[{"pcrs":[11],"pkfp":"ab","pol":"cd","sig":"AAAA"}]}"#;
    let register = [&[0; 4][..], &[0, 0, 0, 1, 0, 0x0b, 3, 0, 8, 0], &[0, 0, 0, 1, 0, 32], &[7; 32]].concat();
    let created = [&[0; 4][..], &[0, 3, 1, 2, 3], &[0, 2, 4, 5]].concat();
    let public = PublicKey::parse(&PublicKey::pem(&key()));
    vec![
        Target::damaged("sealed-token", 40_000, vec![token.to_vec()], |bytes| {
            way(Sealed::parse(&String::from_utf8_lossy(bytes)))
        }),
        Target::damaged("measured-signatures", 40_000, vec![signatures.to_vec()], |bytes| {
            way(Signatures::parse(&String::from_utf8_lossy(bytes)))
        }),
        Target::damaged("measured-key", 40_000, vec![key()], |bytes| {
            way(PublicKey::parse(&PublicKey::pem(bytes)))
        }),
        Target::damaged("recovery-key", 40_000, vec!["cbdefghi-".repeat(8).into_bytes()], |bytes| {
            let key = RecoveryKey::typed(&String::from_utf8_lossy(bytes));
            if let Ok(key) = &key {
                assert_eq!(RecoveryKey::typed(key.text()).as_ref(), Ok(key), "a key has one form");
            }
            way(key)
        }),
        Target::damaged("tpm-answer", 20_000, vec![register, created], move |bytes| {
            let mut tpm = Tpm::over(Box::new(Echo(bytes.to_vec())));
            let read = way(tpm.register());
            let Ok(key) = &public else { return read };
            format!("{read} {}", way(tpm.seal(key, &[1; 32]).and_then(|sealed| sealed.token(1))))
        }),
    ]
}
