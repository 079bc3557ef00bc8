//! What the platform sees of the program: its exit status and its lines, never its insides.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn trainer(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-trainer"));
    command.env_clear().env("HOLDFAST_DATA", dir.join("data"));
    command
        .env("HOLDFAST_CHECKPOINT_DIR", dir.join("checkpoint"))
        .env("HOLDFAST_OUTPUT_DIR", dir.join("output"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn directory(name: &str) -> std::io::Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("holdfast-trainer-{}-{name}", std::process::id()));
    std::fs::create_dir_all(dir.join("data/corpus"))?;
    std::fs::write(dir.join("data/corpus/a.txt"), "hold fast, hold on, hold out. ".repeat(20))?;
    Ok(dir)
}

#[test]
fn a_run_by_itself_ends_with_0_and_a_wrong_one_says_why() {
    let dir = directory("alone").unwrap();
    let done =
        trainer(&dir).args(["--steps", "3", "--batch", "8", "--checkpoint-every", "2"]).output().unwrap();
    let lines = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(lines.starts_with("start rank=0 world=1 vocab="), "{lines}");
    assert!(lines.lines().last().unwrap().starts_with("done step=3 first_loss="), "{lines}");
    assert!(dir.join("checkpoint/step-00000002/meta.json").is_file());
    assert!(dir.join("output/model.json").is_file());

    let usage = trainer(&dir).arg("--stepz=3").output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).starts_with("error: there is no flag `--stepz`"));
    let absent = trainer(&dir).args(["--data", "/nowhere"]).output().unwrap();
    assert_eq!(absent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("read dataset `/nowhere`"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_rank_whose_leader_goes_away_ends_with_75() {
    let dir = directory("lost").unwrap();
    let leader = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = leader.local_addr().unwrap().port().to_string();
    let mut command = trainer(&dir);
    command.envs([("RANK", "1"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port)]);
    let child = command.spawn().unwrap();
    let (mut stream, _) = leader.accept().unwrap();
    // The hello is a header of 21 bytes, the fingerprint of the run and the number of ranks; the welcome is the same
    // header with kind 2, rank 0 and 8 bytes of payload, and the same fingerprint.
    let mut hello = [0u8; 33];
    stream.read_exact(&mut hello).unwrap();
    let mut welcome = hello[..29].to_vec();
    welcome[4] = 2;
    welcome[5..9].fill(0);
    welcome[17..21].copy_from_slice(&8u32.to_le_bytes());
    stream.write_all(&welcome).unwrap();
    drop(stream);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "error: rank 1: lost rank 0 in step 0: it closed the connection\n");
    std::fs::remove_dir_all(&dir).unwrap();
}
