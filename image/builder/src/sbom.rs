//! What a release is made of, for those who have to answer for it: SPDX 2.3 and CycloneDX 1.5, from the locked packages, the
//! crates that Cargo links, and every file of the root with its owner.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use holdfast_release::{Digest, Guid};
use serde_json::{Value, json};

use crate::build::Built;
use crate::calendar::Date;
use crate::crates::Crate;
use crate::deb::DebKind;
use crate::inputs::{Inputs, LICENCES};
use crate::licence::{licences, own};
use crate::root::Item;

const UNKNOWN: &str = "NOASSERTION";
/// The owner of what is ours in the root.
const OURS: &str = "holdfast";

/// What a release is made of.
#[derive(Debug)]
pub struct Bill {
    version: String,
    profile: &'static str,
    epoch: u64,
    components: Vec<Component>,
    files: Vec<Owned>,
    /// What licences without a name in SPDX say, by their reference.
    texts: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Component {
    id: String,
    name: String,
    version: String,
    purl: String,
    licence: Option<String>,
    sha256: Option<String>,
}

#[derive(Debug)]
struct Owned {
    id: String,
    path: String,
    owner: String,
    sha1: String,
    sha256: String,
}

/// An identifier of SPDX: letters, digits, dots and dashes.
fn reference(kind: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' };
    format!("SPDXRef-{kind}-{}", name.chars().map(plain).collect::<String>())
}

/// A version as the URL of a package has it.
fn escaped(version: &str) -> String {
    version.replace('%', "%25").replace(':', "%3A").replace('+', "%2B")
}

impl Bill {
    /// Of what was built, with the crates that are linked into our programs.
    pub(crate) fn new(inputs: &Inputs<'_>, built: &Built, crates: &BTreeSet<Crate>) -> Self {
        let mut texts = BTreeMap::new();
        let mut components = vec![Component {
            id: reference("Package", OURS),
            name: OURS.to_owned(),
            version: inputs.version.to_owned(),
            purl: format!("pkg:generic/{OURS}@{}", escaped(inputs.version)),
            licence: Some(env!("CARGO_PKG_LICENSE").to_owned()),
            sha256: None,
        }];
        for package in inputs.lock.of(inputs.profile).filter(|one| built.packages.contains_key(&one.name)) {
            let (name, version) = (&package.name, &package.version);
            components.push(Component {
                id: reference("Package", name),
                name: name.clone(),
                version: version.clone(),
                purl: format!("pkg:deb/debian/{name}@{}?arch=amd64&distro=debian-12", escaped(version)),
                licence: licence(built, name, &mut texts),
                sha256: Some(package.sha256.clone()),
            });
        }
        components.extend(crates.iter().map(|one| Component {
            id: reference("Crate", &format!("{}-{}", one.name, one.version)),
            name: one.name.clone(),
            version: one.version.clone(),
            purl: format!("pkg:cargo/{}@{}", one.name, escaped(&one.version)),
            licence: one.licence.clone(),
            sha256: one.sha256.clone(),
        }));
        let profile = inputs.profile.name();
        let (version, epoch, files) = (inputs.version.to_owned(), inputs.lock.epoch, owned(built));
        Self { version, profile, epoch, components, files, texts }
    }

    fn number(&self) -> String {
        let content = format!("{} {} {:?} {:?}", self.version, self.profile, self.components, self.files);
        let sum = Digest::of(content.as_bytes()).to_string();
        Guid::named("holdfast.sbom", &sum).to_string().to_lowercase()
    }

    /// As SPDX 2.3.
    #[must_use]
    pub fn spdx(&self) -> Value {
        let packages: Vec<Value> = self.components.iter().map(|one| self.spdx_package(one)).collect();
        let files: Vec<Value> = self.files.iter().map(spdx_file).collect();
        let whole = reference("Package", OURS);
        let relates = |from: &str, kind: &str, to: &str| json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to });
        let mut relations = vec![relates("SPDXRef-DOCUMENT", "DESCRIBES", &whole)];
        let others = self.components.iter().filter(|one| one.id != whole);
        relations.extend(others.map(|one| relates(&whole, "DEPENDS_ON", &one.id)));
        relations.extend(
            self.files.iter().map(|file| relates(&reference("Package", &file.owner), "CONTAINS", &file.id)),
        );
        let texts: Vec<Value> = self
            .texts
            .iter()
            .map(|(id, text)| json!({ "licenseId": id, "extractedText": text, "name": id.trim_start_matches("LicenseRef-") }))
            .collect();
        json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": format!("holdfast-{}-{}", self.version, self.profile),
            "documentNamespace": format!("urn:uuid:{}", self.number()),
            "creationInfo": {
                "created": Date::of(self.epoch).stamp(),
                "creators": [format!("Tool: holdfast-image-{}", self.version)],
            },
            "packages": packages,
            "files": files,
            "relationships": relations,
            "hasExtractedLicensingInfos": texts,
        })
    }

    fn spdx_package(&self, one: &Component) -> Value {
        let mut sums: Vec<&str> = self
            .files
            .iter()
            .filter(|f| reference("Package", &f.owner) == one.id)
            .map(|f| f.sha1.as_str())
            .collect();
        sums.sort_unstable();
        let mut package = json!({
            "SPDXID": one.id,
            "name": one.name,
            "versionInfo": one.version,
            "downloadLocation": UNKNOWN,
            "filesAnalyzed": !sums.is_empty(),
            "licenseConcluded": UNKNOWN,
            "licenseDeclared": one.licence.as_deref().unwrap_or(UNKNOWN),
            "copyrightText": UNKNOWN,
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": one.purl,
            }],
        });
        if let (Some(fields), Some(sum)) = (package.as_object_mut(), &one.sha256) {
            let sums = json!([{ "algorithm": "SHA256", "checksumValue": sum }]);
            fields.insert("checksums".to_owned(), sums);
        }
        if let (Some(fields), false) = (package.as_object_mut(), sums.is_empty()) {
            let code = json!({ "packageVerificationCodeValue": sha1(sums.concat().as_bytes()) });
            fields.insert("packageVerificationCode".to_owned(), code);
            fields.insert("licenseInfoFromFiles".to_owned(), json!([UNKNOWN]));
        }
        package
    }

    /// As CycloneDX 1.5.
    #[must_use]
    pub fn cyclonedx(&self) -> Value {
        let (whole, parts) = self.components.split_at(1.min(self.components.len()));
        let components: Vec<Value> = parts.iter().map(cyclonedx_component).collect();
        let whole_ref = whole.first().map_or("", |one| one.purl.as_str());
        let refs: Vec<&str> = parts.iter().map(|one| one.purl.as_str()).collect();
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "serialNumber": format!("urn:uuid:{}", self.number()),
            "version": 1,
            "metadata": {
                "timestamp": Date::of(self.epoch).stamp(),
                "tools": { "components": [
                    { "type": "application", "name": "holdfast-image", "version": self.version },
                ] },
                "component": {
                    "type": "operating-system",
                    "bom-ref": whole_ref,
                    "name": OURS,
                    "version": self.version,
                    "purl": whole_ref,
                },
            },
            "components": components,
            "dependencies": [{ "ref": whole_ref, "dependsOn": refs }],
        })
    }
}

fn spdx_file(file: &Owned) -> Value {
    json!({
        "SPDXID": file.id,
        "fileName": format!("./{}", file.path),
        "checksums": [
            { "algorithm": "SHA1", "checksumValue": file.sha1 },
            { "algorithm": "SHA256", "checksumValue": file.sha256 },
        ],
        "licenseConcluded": UNKNOWN,
        "licenseInfoInFiles": [UNKNOWN],
        "copyrightText": UNKNOWN,
    })
}

fn cyclonedx_component(one: &Component) -> Value {
    let licences = one.licence.iter().map(|text| json!({ "expression": text })).collect::<Vec<_>>();
    let hashes = one.sha256.iter().map(|sum| json!({ "alg": "SHA-256", "content": sum })).collect::<Vec<_>>();
    json!({
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "licenses": licences,
        "hashes": hashes,
    })
}

/// The licence of a package, with the texts of what SPDX has no name for.
fn licence(built: &Built, package: &str, texts: &mut BTreeMap<String, String>) -> Option<String> {
    let base = format!("{LICENCES}/{package}");
    let files = built.packages.get(package)?;
    let at = |path: &str| files.iter().find(|file| file.path == path).map(|file| &file.kind);
    let (holder, text) = match at(&base) {
        // Packages from one source share the file.
        Some(DebKind::Link(other)) => {
            let path = format!("{LICENCES}/{other}/copyright");
            let file = built.packages.get(other)?.iter().find(|file| file.path == path)?;
            (other.as_str(), &file.kind)
        }
        _ => (package, at(&format!("{base}/copyright"))?),
    };
    let DebKind::File(text) = text else { return None };
    let text = String::from_utf8_lossy(text);
    let mut names = licences(&text);
    if names.is_empty() {
        names.insert(own(&format!("{holder}-copyright")));
    }
    let words = names.iter().flat_map(|name| name.split([' ', '(', ')']));
    for reference in words.filter(|word| word.starts_with("LicenseRef-")) {
        texts.entry(reference.to_owned()).or_insert_with(|| text.clone().into_owned());
    }
    Some(names.into_iter().collect::<Vec<_>>().join(" AND "))
}

fn sha1(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

/// Every file of the root.
fn owned(built: &Built) -> Vec<Owned> {
    let files = built.tree.owners().filter_map(|(path, item, owner)| match item {
        Item::File { content, .. } => Some((path, content, owner)),
        Item::Directory | Item::Link(_) => None,
    });
    let owned = (1..).zip(files).map(|(number, (path, content, owner))| Owned {
        id: format!("SPDXRef-File-{number}"),
        path: path.to_string(),
        owner: owner.to_owned(),
        sha1: sha1(content),
        sha256: Digest::of(content).to_string(),
    });
    owned.collect()
}
