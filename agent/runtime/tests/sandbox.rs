//! The runtime against the real kernel: as whoever runs the tests, and once more as an ordinary user when that is root.
//!
//! Every assertion is something a user relies on: what a task may see and do, and what survives the agent.

mod figures;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::time::Duration;

use holdfast_runtime::{
    Access, DataMount, ExitReason, LogPolicy, Network, Outcome, RendezvousRole, Runtime, RuntimeError,
    StartStep, TaskStatus, kill_all, rendezvous,
};
use holdfast_types::{AsProblem, Bytes, Span};
use support::{Bench, LIMIT, eventually, is_root, lines};

#[test]
fn the_exit_code_and_the_output_are_kept() {
    let bench = Bench::new();
    let spec = bench.sh("t", "echo out; echo err >&2; exit 7");
    let exit = bench.run(&spec);
    assert_eq!((exit.outcome, exit.reason), (Outcome::Code(7), ExitReason::Exited));
    assert_eq!(bench.log("t"), "out\nerr\n");
    assert_eq!(exit.log_end, 8);
    let exits = bench.runtime.poll_exits().unwrap();
    assert_eq!(exits.len(), 1);
    bench.runtime.remove(&spec.id).unwrap();
    assert_eq!(bench.runtime.scan().unwrap(), []);
}

#[test]
fn nothing_of_the_host_is_seen_or_written() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.dir.join("data")).unwrap();
    std::fs::create_dir_all(bench.dir.join("ckpt")).unwrap();
    std::fs::write(bench.dir.join("data/x"), "sample").unwrap();
    let mut spec = bench.probe("t", &["look"]);
    spec.hostname = "rank-0".into();
    bench.run(&spec);
    let seen = lines(&bench.log("t"));
    assert_eq!(seen["pids"], "1,2");
    assert_eq!(seen["links"], "lo");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(seen[set], "0000000000000000", "{set}");
    }
    assert_eq!(seen["init"], "CapEff:\t0000000000000000");
    assert_eq!((seen["NoNewPrivs"].as_str(), seen["Seccomp"].as_str()), ("1", "2"));
    assert_eq!(seen["dev"], "fd,full,null,ptmx,pts,random,shm,stderr,stdin,stdout,tty,urandom,zero");
    assert_eq!(seen["host"], "rank-0");
    assert_eq!((seen["parent-memory"].as_str(), seen["kcore"].as_str()), ("true", "0"));
    assert_eq!(seen["descriptors"], "3");

    let paths = [
        "/x",
        "/etc/hosts",
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/dev/x",
        "/data/x",
        "/data/new",
        "/tmp/x",
        "/dev/shm/x",
        "/ckpt/x",
    ];
    let mut arguments = vec!["write"];
    arguments.extend(paths);
    let mut spec = bench.probe("w", &arguments);
    let mount = |source: &str, target: &str, mode| DataMount {
        source: bench.dir.join(source),
        target: target.into(),
        mode,
    };
    spec.mounts = vec![mount("data", "/data", Access::ReadOnly), mount("ckpt", "/ckpt", Access::ReadWrite)];
    bench.run(&spec);
    let seen = lines(&bench.log("w"));
    for path in &paths[..7] {
        let errno: i32 = seen[*path].parse().unwrap();
        // The sysrq trigger, where this kernel has one, is hidden under a null device, which does nothing.
        let hidden = *path == "/proc/sysrq-trigger" && [0, libc::ENOENT].contains(&errno);
        // Files of the kernel refuse an ordinary user before their mount does.
        let denied = !is_root() && path.starts_with("/proc/sys/") && errno == libc::EACCES;
        assert!(errno == libc::EROFS || hidden || denied, "{path}: {errno}");
    }
    for path in &paths[7..] {
        assert_eq!(seen[*path], "0", "{path}");
    }
    assert_eq!(std::fs::read_to_string(bench.dir.join("ckpt/x")).unwrap(), "x");
    assert_eq!(std::fs::read_to_string(bench.dir.join("data/x")).unwrap(), "sample");
}

#[test]
fn sockets_that_leave_the_sandbox_are_refused() {
    let bench = Bench::new();
    bench.run(&bench.probe("t", &["sockets"]));
    let seen = lines(&bench.log("t"));
    for family in ["unix", "inet", "inet6"] {
        assert_eq!(seen[family], "0", "{family}");
    }
    for family in ["netlink", "packet", "vsock", "alg", "xdp", "bluetooth", "raw"] {
        assert_eq!(seen[family], libc::EPERM.to_string(), "{family}");
    }
    assert_eq!(seen["route"], libc::ENETUNREACH.to_string());
}

#[test]
fn calls_that_reach_the_kernel_or_other_namespaces_are_refused() {
    let bench = Bench::new();
    bench.run(&bench.probe("t", &["syscalls"]));
    let mut seen = lines(&bench.log("t"));
    for hidden in ["clone3", "openat2"] {
        assert_eq!(seen.remove(hidden).unwrap(), libc::ENOSYS.to_string());
    }
    for harmless in ["plain-fchmodat", "plain-openat"] {
        assert_eq!(seen.remove(harmless).unwrap(), "0", "{harmless}");
    }
    if cfg!(target_arch = "x86_64") {
        assert_eq!(seen.remove("x32").unwrap(), libc::ENOSYS.to_string());
    }
    assert_eq!(seen.len(), 18);
    for (name, errno) in seen {
        assert_eq!(errno, libc::EPERM.to_string(), "{name}");
    }
}

#[test]
fn orphans_are_reaped_and_a_term_without_handler_ends_the_task() {
    let bench = Bench::new();
    bench.run(&bench.probe("t", &["zombies"]));
    assert_eq!(bench.log("t"), "left 0\n");
    let spec = bench.sh("s", "exec sleep 1000");
    bench.start(&spec);
    let watch = bench.runtime.watch(&spec.id).unwrap();
    bench.runtime.signal(&spec.id, libc::SIGTERM).unwrap();
    let mut ended = [rustix::event::PollFd::new(&watch, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut ended, None).unwrap();
    assert!(matches!(bench.runtime.state(&spec.id).unwrap().status, TaskStatus::Exited(_)));
    let exit = bench.wait("s");
    assert_eq!((exit.outcome, exit.reason), (Outcome::Signal(libc::SIGTERM), ExitReason::Signalled));
    assert!(matches!(bench.runtime.signal(&spec.id, libc::SIGTERM), Err(RuntimeError::NotRunning { .. })));
}

#[test]
fn stop_asks_first_and_kills_after_the_grace() {
    let bench = Bench::new();
    let polite =
        bench.sh("polite", "trap 'echo saved; exit 3' TERM; echo ready; while :; do sleep 0.02; done");
    let deaf = bench.sh("deaf", "trap '' TERM; echo ready; while :; do sleep 1000; done");
    for spec in [&polite, &deaf] {
        bench.start(spec);
        eventually("the trap is set", || bench.log(spec.id.as_str()).contains("ready"));
        bench.runtime.stop(&spec.id, Some(Span(if spec.id == deaf.id { 50 } else { 20_000 }))).unwrap();
    }
    let exit = bench.wait("polite");
    assert_eq!((exit.outcome, exit.reason), (Outcome::Code(3), ExitReason::Stopped));
    assert_eq!(bench.log("polite"), "ready\nsaved\n");
    let exit = bench.wait("deaf");
    assert_eq!((exit.outcome, exit.reason), (Outcome::Signal(libc::SIGKILL), ExitReason::Stopped));
}

#[test]
fn a_failed_start_names_its_step() {
    let bench = Bench::new();
    let fail = |spec: &holdfast_runtime::TaskSpec| match bench.runtime.start_task(spec) {
        Err(RuntimeError::Start { id, failure }) => {
            let problem = RuntimeError::Start { id, failure: failure.clone() }.problem();
            (failure.step, failure.errno, problem.code.0)
        }
        other => panic!("{other:?}"),
    };
    let mut spec = bench.sh("a", "");
    spec.argv = vec!["nowhere".into()];
    assert_eq!(fail(&spec), (StartStep::Exec, libc::ENOENT, 6006));
    let exit = bench.wait("a");
    assert_eq!(exit.reason, ExitReason::StartFailed);
    let mut spec = bench.sh("b", "");
    spec.argv = vec!["/etc".into()];
    assert_eq!(fail(&spec), (StartStep::Exec, libc::EACCES, 6007));
    let mut spec = bench.sh("c", "");
    spec.cwd = "/nowhere".into();
    assert_eq!(fail(&spec), (StartStep::Cwd, libc::ENOENT, 6008));
    let mut spec = bench.sh("d", "");
    let source = bench.dir.join("no-data");
    spec.mounts = vec![DataMount { source, target: "/data".into(), mode: Access::ReadOnly }];
    assert_eq!(fail(&spec), (StartStep::DataMount, libc::ENOENT, 6015));
    let mut spec = bench.sh("e", "");
    spec.rootfs = bench.dir.join("no-image");
    assert_eq!(fail(&spec), (StartStep::RootFilesystem, libc::ENOENT, 6008));
    // A link of the image must not choose where on the host we mount.
    std::os::unix::fs::symlink("/", bench.rootfs.join("trap")).unwrap();
    let mut spec = bench.sh("f", "");
    let source = bench.dir.clone();
    spec.mounts = vec![DataMount { source, target: "/trap/new".into(), mode: Access::ReadOnly }];
    assert_eq!(fail(&spec).0, StartStep::RootFilesystem);
    let mut spec = bench.sh("g", "");
    spec.fenced = true;
    assert_eq!(fail(&spec), (StartStep::Lease, 0, 6010));
    // The place of a failed start is not taken silently, and is free again after removal.
    assert!(matches!(bench.runtime.start_task(&bench.sh("a", "")), Err(RuntimeError::Exists { .. })));
    bench.runtime.remove(&spec.id).unwrap();
    assert_eq!(bench.run(&bench.sh("g", "exit 5")).outcome, Outcome::Code(5));
}

#[test]
fn tasks_outlive_the_agent_and_are_adopted() {
    let mut bench = Bench::new();
    let go = bench.dir.join("go");
    std::fs::create_dir(&go).unwrap();
    let mut spec =
        bench.sh("t", "echo before; while [ ! -e /go/now ]; do sleep 0.02; done; echo after; exit 9");
    spec.mounts = vec![DataMount { source: go.clone(), target: "/go".into(), mode: Access::ReadOnly }];
    bench.start(&spec);
    let gone = bench.sh("gone", "while [ ! -e /go/first ]; do sleep 0.02; done; exit 4");
    let gone = holdfast_runtime::TaskSpec { mounts: spec.mounts.clone(), ..gone };
    bench.start(&gone);
    bench.kill_agent();
    // One task ends while there is no agent at all.
    std::fs::write(go.join("first"), "").unwrap();
    let exit = bench.dir.join("state/tasks/gone/exit.json");
    eventually("a task ends without an agent", || exit.exists());
    bench.restart_agent();
    let found = bench.runtime.scan().unwrap();
    assert_eq!(found.len(), 2);
    assert!(matches!(&found[0].status, TaskStatus::Exited(exit) if exit.outcome == Outcome::Code(4)));
    assert_eq!((&found[1].status, found[1].spec.as_ref()), (&TaskStatus::Running, Some(&spec)));
    assert!(bench.runtime.answers(&spec.id));
    assert_eq!(bench.runtime.wait(&spec.id, Duration::ZERO).unwrap(), None);
    assert!(matches!(bench.runtime.remove(&spec.id), Err(RuntimeError::StillRunning { .. })));
    std::fs::write(go.join("now"), "").unwrap();
    assert_eq!(bench.wait("t").outcome, Outcome::Code(9));
    assert_eq!(bench.log("t"), "before\nafter\n");
}

#[test]
fn an_agent_killed_at_any_moment_loses_and_doubles_nothing() {
    let mut bench = Bench::new();
    let out = bench.dir.join("out");
    std::fs::create_dir(&out).unwrap();
    bench.kill_agent();
    for round in 0..10 {
        let first = round * 10;
        let state_dir = bench.dir.join("state");
        let arguments = ["agent", state_dir.as_str(), bench.rootfs.as_str(), out.as_str()];
        let mut agent = std::process::Command::new(support::HOST);
        let mut agent = agent.args(arguments).arg(first.to_string()).spawn().unwrap();
        // Each round the kill comes one task later, somewhere in the middle of starting it.
        let dir = bench.dir.join(format!("state/tasks/t{}", first + round));
        eventually("the agent starts tasks", || dir.exists());
        agent.kill().unwrap();
        agent.wait().unwrap();
        bench.restart_agent();
        let found = bench.runtime.scan().unwrap();
        for task in found {
            let written = || std::fs::read_to_string(out.join(task.id.as_str())).unwrap_or_default();
            match bench.runtime.wait(&task.id, LIMIT) {
                Ok(exit) => {
                    assert_eq!(exit.unwrap().outcome, Outcome::Code(6), "{}", task.id);
                    assert_eq!(written(), "ran\n", "{}", task.id);
                    assert_eq!(bench.log(task.id.as_str()), "said\n");
                }
                // The agent died before the task had a shim: then it never runs.
                Err(RuntimeError::NotRunning { .. }) => assert_eq!(written(), "", "{}", task.id),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_killed_shim_takes_its_task_along_and_the_task_is_lost_for_ever() {
    let bench = Bench::new();
    let spec = bench.sh("t", "exec sleep 1000");
    bench.start(&spec);
    let dir = bench.dir.join("state/tasks/t");
    let pid = |text: String| -> i32 {
        let (_, rest) = text.split_once("\"pid\":").unwrap();
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let shim = pid(std::fs::read_to_string(dir.join("lock")).unwrap());
    let init = pid(std::fs::read_to_string(dir.join("state.json")).unwrap());
    if is_root() {
        // Standard streams and the way to the shim; nothing of the shim's or the agent's.
        assert_eq!(std::fs::read_dir(format!("/proc/{init}/fd")).unwrap().count(), 4);
        assert!(std::fs::read_dir(format!("/proc/{shim}/fd")).unwrap().count() < 12);
    }
    let shim = rustix::process::Pid::from_raw(shim).unwrap();
    rustix::process::kill_process(shim, rustix::process::Signal::KILL).unwrap();
    eventually("the task dies with its shim", || !support::lives(init));
    eventually("it is found lost", || {
        bench.runtime.state(&spec.id).unwrap().status == TaskStatus::LostUnknown
    });
    assert!(dir.join("lost").exists(), "a shim that comes late must find the mark");
    assert!(matches!(bench.runtime.wait(&spec.id, LIMIT), Err(RuntimeError::NotRunning { .. })));
    assert!(matches!(bench.runtime.start_task(&spec), Err(RuntimeError::Exists { .. })));
}

#[test]
fn a_dead_zygote_is_replaced() {
    let bench = Bench::new();
    let pid = rustix::process::Pid::from_raw(bench.runtime.zygote_pid().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_eq!(bench.run(&bench.sh("t", "exit 3")).outcome, Outcome::Code(3));
}

#[test]
fn a_passed_lease_kills_fenced_tasks_alone() {
    let mut bench = Bench::new();
    bench.runtime.renew_lease(Runtime::boottime_ms() + 600_000).unwrap();
    let mut fenced = bench.sh("fenced", "exec sleep 1000");
    fenced.fenced = true;
    let free = bench.sh("free", "exec sleep 1000");
    bench.start(&fenced);
    bench.start(&free);
    // The agent is dead when the lease passes: the fence must not need it.
    let passed = Runtime::boottime_ms() + 100;
    bench.runtime.renew_lease(passed).unwrap();
    bench.kill_agent();
    bench.restart_agent();
    let exit = bench.wait("fenced");
    let late = Runtime::boottime_ms() - passed;
    assert_eq!((exit.outcome, exit.reason), (Outcome::Signal(libc::SIGKILL), ExitReason::Fenced));
    assert!(late < 2000, "fenced {late} ms late");
    assert_eq!(bench.runtime.state(&free.id).unwrap().status, TaskStatus::Running);
}

#[test]
fn kill_all_leaves_what_a_power_cut_leaves() {
    let bench = Bench::new();
    let specs = [bench.sh("a", "exec sleep 1000"), bench.sh("b", "exec sleep 1000"), bench.sh("c", "exit 1")];
    specs[..2].iter().for_each(|spec| drop(bench.start(spec)));
    bench.run(&specs[2]);
    assert_eq!(kill_all(bench.runtime.state_dir()).unwrap(), 2);
    let found = bench.runtime.scan().unwrap();
    assert_eq!(found[0].status, TaskStatus::LostUnknown);
    assert_eq!(found[1].status, TaskStatus::LostUnknown);
    assert!(matches!(found[2].status, TaskStatus::Exited(_)), "an exit file beats everything");
    for spec in &specs {
        bench.runtime.remove(&spec.id).unwrap();
    }
    assert_eq!(kill_all(bench.runtime.state_dir()).unwrap(), 0);
}

#[test]
fn the_log_is_bounded_and_its_end_is_kept() {
    let bench = Bench::new();
    let mut spec = bench.probe("t", &["flood", "50000"]);
    spec.log = LogPolicy { max_bytes: Bytes(64 * 1024), files: 4 };
    let exit = bench.run(&spec);
    let total = 50_000 * (5 + 9 + 1 + 100 + 1);
    assert_eq!((exit.log_end, exit.log_dropped), (total, 0));
    let chunk = bench.runtime.read_log(&spec.id, 0, 1).unwrap();
    assert!(chunk.offset >= total - 4 * 64 * 1024, "{}", chunk.offset);
    let tail = bench.runtime.read_log(&spec.id, total - 116, 1000).unwrap();
    assert!(tail.bytes.starts_with(b"line 000049999 "));
    let log = bench.dir.join("state/tasks/t/log");
    let kept: u64 = std::fs::read_dir(log).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(kept <= 4 * 64 * 1024, "{kept}");
}

#[test]
fn limits_hold_or_are_named() {
    let bench = Bench::new();
    let mut spec = bench.probe("memory", &["eat"]);
    spec.limits.memory = Some(Bytes(64 << 20));
    let handle = bench.runtime.start_task(&spec).unwrap();
    let exit = bench.wait("memory");
    if handle.unenforced.is_empty() {
        assert_eq!((exit.outcome, exit.reason), (Outcome::Signal(libc::SIGKILL), ExitReason::Oom));
    } else {
        assert_eq!(handle.unenforced, ["memory"]);
        assert_ne!(exit.outcome, Outcome::Code(0), "the resource limit of each process holds at least");
    }
    let mut spec = bench.probe("pids", &["spawn", "50"]);
    spec.limits.pids = Some(10);
    let handle = bench.runtime.start_task(&spec).unwrap();
    bench.wait("pids");
    let spawned = bench.log("pids");
    if handle.unenforced.is_empty() {
        assert_eq!(spawned, "spawned 9\n");
    }
    assert_ne!(spawned, "spawned 50\n");
    if is_root() {
        let name = bench.runtime.state_dir().as_str();
        let left = support::cgroups_left(name);
        assert_eq!(left, Vec::<String>::new(), "cgroups are removed with their tasks");
    }
}

#[test]
fn two_ranks_meet_through_a_relay() {
    let bench = Bench::new();
    let rendezvous = |role| Network::Rendezvous { port: 29_500, role };
    let mut rank1 = bench.probe("rank-1", &["dial", "29500"]);
    rank1.network = rendezvous(RendezvousRole::Connect);
    bench.start(&rank1);
    let state_dir = bench.runtime.state_dir();
    let mut rank0 = bench.probe("rank-0", &["serve", "29500"]);
    rank0.network = rendezvous(RendezvousRole::Serve);
    bench.start(&rank0);
    assert!(matches!(rendezvous::accept(state_dir, &rank0.id), Err(RuntimeError::NoRendezvous { .. })));
    let stream = rendezvous::accept(state_dir, &rank1.id).unwrap();
    let mut outer: TcpStream = stream.next(Some(LIMIT)).unwrap().unwrap().into();
    let mut inner = None;
    eventually("rank 0 listens", || match rendezvous::connect(state_dir, &rank0.id) {
        Ok(connection) => {
            inner = Some(connection);
            true
        }
        Err(error) => {
            assert!(error.is_retryable(), "{error}");
            false
        }
    });
    let mut inner: TcpStream = inner.unwrap().into();
    for stream in [&outer, &inner] {
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
    }
    let mut text = String::new();
    outer.read_to_string(&mut text).unwrap();
    inner.write_all(text.as_bytes()).unwrap();
    inner.shutdown(std::net::Shutdown::Write).unwrap();
    text.clear();
    inner.read_to_string(&mut text).unwrap();
    outer.write_all(text.as_bytes()).unwrap();
    drop(outer);
    assert_eq!(bench.wait("rank-0").outcome, Outcome::Code(0));
    assert_eq!(bench.wait("rank-1").outcome, Outcome::Code(0));
    assert_eq!(bench.log("rank-1"), "rank 0 heard: hello from rank 1\n");
}

#[test]
fn an_image_without_mount_points_works_unwritten() {
    let bench = Bench::new();
    // A scratch image: no /tmp, /proc, /dev, /etc, nor the data directory.
    let before = support::tree(&bench.rootfs);
    assert!(!before.iter().any(|path| path.ends_with("proc")));
    let data = bench.dir.join("deep");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("x"), "found").unwrap();
    let mut spec = bench.sh("t", "read line < /srv/in/deep/x; echo $line; read line < /tmp/f/x; echo $line");
    let mount =
        |target: &str| DataMount { source: data.clone(), target: target.into(), mode: Access::ReadOnly };
    spec.mounts = vec![mount("/srv/in/deep"), mount("/tmp/f")];
    assert_eq!(bench.run(&spec).outcome, Outcome::Code(0));
    assert_eq!(bench.log("t"), "found\nfound\n");
    assert_eq!(support::tree(&bench.rootfs), before);
    // And one that has them all needs nothing laid over it.
    for dir in ["proc", "dev", "sys", "tmp", "etc"] {
        std::fs::create_dir(bench.rootfs.join(dir)).unwrap();
    }
    std::fs::write(bench.rootfs.join("etc/hosts"), "").unwrap();
    assert_eq!(bench.run(&bench.sh("u", "echo x > /tmp/x && ! echo x > /x")).outcome, Outcome::Code(0));
}

#[test]
fn many_tasks_start_from_many_threads() {
    let bench = Bench::new();
    let started = std::time::Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                for n in 0..5 {
                    let spec = bench.sh(&format!("t-{thread}-{n}"), &format!("exit {n}"));
                    assert_eq!(bench.run(&spec).outcome, Outcome::Code(n));
                }
            });
        }
    });
    println!("20 tasks from start to exit in {:?}", started.elapsed());
    assert_eq!(bench.runtime.poll_exits().unwrap().len(), 20);
}

#[test]
fn the_devices_and_processors_given_are_seen() {
    let bench = Bench::new();
    let mut spec =
        bench.sh("t", "[ -c /dev/kmsg ] && [ -r /sys/devices/system/cpu/online ] && ! [ -e /sys/class ]");
    spec.devices = vec!["/dev/kmsg".into()];
    assert_eq!(bench.run(&spec).outcome, Outcome::Code(0));
}

#[test]
fn refused_user_namespaces_are_explained() {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces";
    if support::again_poorer("refused_user_namespaces_are_explained", script) {
        return;
    }
    let bench = Bench::new();
    let error = bench.runtime.start_task(&bench.sh("t", "exit 0")).unwrap_err();
    let problem = error.problem();
    assert_eq!(problem.code.0, 6005, "{problem}");
    assert!(problem.next.iter().any(|next| next.contains("user.max_user_namespaces")), "{problem}");
}

#[test]
fn where_the_kernel_permits_no_proc_the_task_has_none_and_says_so() {
    // What every outer container does: once a part of /proc is hidden, the kernel lets no namespace mount a whole one.
    let script = "mount -t tmpfs none /proc/fs";
    if support::again_poorer("where_the_kernel_permits_no_proc_the_task_has_none_and_says_so", script) {
        return;
    }
    let bench = Bench::new();
    let handle = bench.runtime.start_task(&bench.sh("t", "for f in /proc/*; do echo $f; done")).unwrap();
    assert_eq!(handle.unenforced, ["proc"]);
    assert_eq!(bench.wait("t").outcome, Outcome::Code(0));
    assert_eq!(bench.log("t"), "/proc/*\n");
}

#[test]
fn the_same_holds_for_an_ordinary_user() {
    if !is_root() {
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .uid(65_534)
        .gid(65_534)
        .env("TMPDIR", "/tmp")
        .args(["--test-threads=2"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
