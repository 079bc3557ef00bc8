//! Manifests as people write them, and as they should not.

use super::*;
use holdfast_types::MAX_MANIFEST_BYTES;

const JOB: &str = "\
apiVersion: holdfast/v1
kind: Job
metadata: {name: x}
spec:
  kind: batch
  tenant: lab
  purpose: research
  image: trainer@1
  jurisdictions: [NO, DE]
  groups: [{name: worker, count: 2}]
";

fn parsed(name: &str, text: &str) -> Result<Vec<Wanted>, Problem> {
    parse::parse(Utf8Path::new(name), text)
}

#[test]
fn yaml_toml_and_several_documents_are_read() {
    let read = parsed("a.yaml", JOB);
    let Ok([Wanted::Job(job)]) = read.as_deref() else { panic!("{read:?}") };
    assert_eq!(job.spec.tasks(), 2);
    // The state NO is not the truth value no.
    assert_eq!(job.spec.jurisdictions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["DE", "NO"]);

    let toml =
        "apiVersion = \"holdfast/v1\"\nkind = \"Queue\"\n[metadata]\nname = \"q\"\n[spec]\npriority = 3\n";
    for name in ["a.toml", "-"] {
        assert!(
            matches!(parsed(name, toml).as_deref(), Ok([Wanted::Queue(q)]) if q.spec.priority == 3),
            "{name}"
        );
    }
    let queue = "apiVersion: holdfast/v1\nkind: Queue\nmetadata: {name: q}\nspec: {}\n";
    let both = format!("# two objects\n---\n{JOB}---\n# nothing here\n---\n{queue}");
    assert_eq!(parsed("-", &both).map(|found| found.len()), Ok(2));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let bomb = format!(
        "a: &a [x,x,x,x,x,x,x,x,x]\n{}\n{JOB}",
        ('b'..='k')
            .map(|c| {
                let before = char::from(u8::try_from(u32::from(c) - 1).unwrap());
                format!("{c}: &{c} [{}]", vec![format!("*{before}"); 9].join(","))
            })
            .collect::<Vec<_>>()
            .join("\n")
    );
    let deep = format!("apiVersion: {}", "[".repeat(5_000));
    let many = "a: 1\n---\n".repeat(100);
    for (text, expected) in [
        (JOB.replace("purpose", "purpos"), vec!["f.yaml:7", "purpos"]),
        (JOB.replace("count: 2", "count: two"), vec!["f.yaml:10", "u32"]),
        (JOB.replace("count: 2", "count: 0"), vec!["`worker` asks for 0 tasks"]),
        (JOB.replace("kind: batch", "kind: bach"), vec!["f.yaml:5", "bach", "batch"]),
        (JOB.replace("image: trainer@1", "image: Trainer"), vec!["f.yaml:8", "Trainer"]),
        (JOB.replace("kind: Job", "kind: Pod"), vec!["kind is `Pod`", "a `Queue` or a `Reservation`"]),
        (JOB.replace("holdfast/v1", "batch/v1"), vec!["apiVersion is `batch/v1`", "holdfast/v1"]),
        (JOB.replace("kind: Job\n", ""), vec!["kind"]),
        (format!("---\n{JOB}---\n{}", JOB.replace("purpose", "purpos")), vec!["f.yaml:19", "purpos"]),
        (JOB.replace("tenant: lab", "tenant: lab\n  tenant: lab"), vec!["f.yaml:7", "tenant"]),
        ("# only a comment\n".to_owned(), vec!["holds no object"]),
        ("{".to_owned(), vec!["f.yaml:1"]),
        (bomb, vec!["f.yaml"]),
        (deep, vec!["f.yaml"]),
        (many, vec!["at most 64"]),
    ] {
        let problem = parsed("f.yaml", &text).unwrap_err();
        let said = problem.to_string();
        assert_eq!((problem.code.0, problem.kind.exit_code()), (7022, 2), "{said}");
        for part in expected {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
        assert!(said.len() < 1_000, "{said}");
    }
    let toml =
        "apiVersion = \"holdfast/v1\"\nkind = \"Queue\"\n[metadata]\nname = \"q\"\n[spec]\nprioritty = 3\n";
    let said = parsed("q.toml", toml).unwrap_err().to_string();
    assert!(said.contains("q.toml:6") && said.contains("prioritty"), "{said}");
}

#[test]
fn a_file_too_large_is_refused_without_reading_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap().join("big.yaml");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(100 << 20).unwrap();
    let problem = load(&path).unwrap_err();
    assert_eq!(problem.code.0, 7021);
    assert!(problem.to_string().contains("it has 100 MiB; a manifest has at most 1 MiB"), "{problem}");

    file.set_len(u64::try_from(MAX_MANIFEST_BYTES).unwrap()).unwrap();
    assert_eq!(load(&path).unwrap_err().code.0, 7022);
    std::fs::write(&path, b"\xff\xfe").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("byte 0 is not UTF-8"));
    assert_eq!(load(Utf8Path::new("/nowhere/x.yaml")).unwrap_err().kind.exit_code(), 3);
    assert_eq!(load(Utf8Path::from_path(dir.path()).unwrap()).unwrap_err().code.0, 7020);
}

#[test]
fn what_a_job_waits_for_is_read_from_both_forms() {
    let read = parsed("pipeline.yaml", include_str!("../../../../examples/pipeline.yaml"));
    let Ok([Wanted::Job(first), Wanted::Job(second), Wanted::Job(other)]) = read.as_deref() else {
        panic!("{read:?}")
    };
    assert_eq!(first.spec.singleton.as_ref().map(ToString::to_string).as_deref(), Some("first-model"));
    let waits = |job: &holdfast_types::JobManifest| {
        let on = &job.spec.depends_on[0];
        format!("{} {}", on.condition, on.job)
    };
    assert_eq!(
        (waits(second).as_str(), waits(other).as_str()),
        ("afterok first-model", "afternotok first-model")
    );
    let timed = |times: &str| {
        let job = "apiVersion = \"holdfast/v1\"\nkind = \"Job\"\n[metadata]\nname = \"x\"\n[spec]\nkind = \"batch\"\n\
            tenant = \"lab\"\npurpose = \"research\"\nimage = \"trainer@1\"\ngroups = [{name = \"worker\", count = 1}]\n";
        parsed("a.toml", &format!("{job}{times}")).map(drop).map_err(|problem| problem.to_string())
    };
    let deadline = "deadline = \"2026-11-24T06:00:00+01:00\"\n";
    assert_eq!(timed(&format!("{deadline}notBefore = \"2026-11-23T18:00:00Z\"\n")), Ok(()));
    let said = timed(&format!("{deadline}notBefore = \"2026-11-24T05:00:00Z\"\n")).unwrap_err();
    assert!(said.contains("deadline: 2026-11-24T05:00:00.000Z is not after notBefore"), "{said}");
}
