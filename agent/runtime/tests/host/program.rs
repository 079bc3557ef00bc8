//! The program of the tests: hosts the zygote, and inside the sandbox looks around and tells what it was refused.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use holdfast_runtime::{Access, DataMount, Runtime, RuntimeOptions, TaskSpec};

fn main() -> ExitCode {
    if let Some(code) = holdfast_runtime::maybe_run_hidden(std::env::args_os()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    let result = match arguments.as_slice() {
        ["agent", state_dir, rootfs, out_dir, first] => {
            agent(state_dir, rootfs, out_dir, first.parse().unwrap_or(0))
        }
        ["sockets"] => sockets(&mut out),
        ["syscalls"] => syscalls(&mut out),
        ["look"] => look(&mut out),
        ["write", paths @ ..] => write_to(&mut out, paths),
        ["zombies"] => zombies(&mut out),
        ["eat"] => eat(),
        ["spawn", count] => spawn(&mut out, count.parse().unwrap_or(0)),
        ["flood", lines] => flood(&mut out, lines.parse().unwrap_or(0)),
        ["serve", port] => serve(port.parse().unwrap_or(0)),
        ["dial", port] => dial(&mut out, port.parse().unwrap_or(0)),
        _ => return ExitCode::from(2),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts ten tasks that say and write one line each, as fast as it can, until it is killed.
fn agent(state_dir: &str, rootfs: &str, out_dir: &str, first: usize) -> std::io::Result<()> {
    let exe = std::env::current_exe()?.into_os_string().into_string().unwrap_or_default();
    let options = RuntimeOptions::new(state_dir.into(), exe.into());
    let runtime = Runtime::start(options).map_err(std::io::Error::other)?;
    for n in first..first + 10 {
        let id = format!("t{n}");
        let script = format!("echo ran >> /out/{id}; echo said; exit 6");
        let argv = ["sh", "-c", &script].map(str::to_owned).to_vec();
        let mut spec = TaskSpec::new(id.parse().map_err(std::io::Error::other)?, rootfs.into(), argv);
        spec.mounts =
            vec![DataMount { source: out_dir.into(), target: "/out".into(), mode: Access::ReadWrite }];
        runtime.start_task(&spec).map_err(std::io::Error::other)?;
    }
    loop {
        std::thread::park();
    }
}

/// The error number of a raw call, 0 for success.
fn call(number: libc::c_long, arguments: [libc::c_long; 4]) -> i32 {
    let [a, b, c, d] = arguments;
    // SAFETY: every call made here passes null pointers or plain numbers, which the kernel refuses or reads as such.
    let result = unsafe { libc::syscall(number, a, b, c, d, 0, 0) };
    if result < 0 { std::io::Error::last_os_error().raw_os_error().unwrap_or(-1) } else { 0 }
}

/// The error number of a call on an absolute path, 0 for success.
fn call_with_path(number: libc::c_long, path: &std::ffi::CStr, arguments: [libc::c_long; 2]) -> i32 {
    let [a, b] = arguments;
    // SAFETY: the path is NUL-terminated and outlives the call; the other arguments are numbers.
    let result = unsafe { libc::syscall(number, libc::AT_FDCWD, path.as_ptr(), a, b) };
    if result < 0 { std::io::Error::last_os_error().raw_os_error().unwrap_or(-1) } else { 0 }
}

fn sockets(out: &mut impl Write) -> std::io::Result<()> {
    let families = [
        ("unix", libc::AF_UNIX),
        ("inet", libc::AF_INET),
        ("inet6", libc::AF_INET6),
        ("netlink", libc::AF_NETLINK),
        ("packet", libc::AF_PACKET),
        ("vsock", libc::AF_VSOCK),
        ("alg", libc::AF_ALG),
        ("xdp", 44),
        ("bluetooth", libc::AF_BLUETOOTH),
    ];
    for (name, family) in families {
        let kind = if family == libc::AF_NETLINK { libc::SOCK_RAW } else { libc::SOCK_STREAM };
        writeln!(out, "{name} {}", call(libc::SYS_socket, [family.into(), kind.into(), 0, 0]))?;
    }
    writeln!(out, "raw {}", call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_RAW.into(), 1, 0]))?;
    // An address of the documentation range: with loopback alone there is no route to anywhere.
    let route = TcpStream::connect((Ipv4Addr::new(192, 0, 2, 1), 80)).err().and_then(|e| e.raw_os_error());
    writeln!(out, "route {}", route.unwrap_or(0))
}

fn syscalls(out: &mut impl Write) -> std::io::Result<()> {
    let calls = [
        ("mount", libc::SYS_mount, [0; 4]),
        ("umount2", libc::SYS_umount2, [0; 4]),
        ("unshare", libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0]),
        ("setns", libc::SYS_setns, [0; 4]),
        ("clone", libc::SYS_clone, [libc::c_long::from(libc::CLONE_NEWUSER | libc::SIGCHLD), 0, 0, 0]),
        ("ptrace", libc::SYS_ptrace, [0; 4]),
        ("keyctl", libc::SYS_keyctl, [0; 4]),
        ("bpf", libc::SYS_bpf, [0; 4]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [0; 4]),
        ("userfaultfd", libc::SYS_userfaultfd, [0; 4]),
        ("kexec_load", libc::SYS_kexec_load, [0; 4]),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, [0; 4]),
        ("perf_event_open", libc::SYS_perf_event_open, [0; 4]),
        ("chroot", libc::SYS_chroot, [0; 4]),
        ("sethostname", libc::SYS_sethostname, [0; 4]),
        ("tiocsti", libc::SYS_ioctl, [0, libc::TIOCSTI.cast_signed(), 0, 0]),
    ];
    for (name, number, arguments) in calls {
        writeln!(out, "{name} {}", call(number, arguments))?;
    }
    let plain = call_with_path(libc::SYS_fchmodat, c"/tmp", [0o755, 0]);
    let lends = call_with_path(libc::SYS_fchmodat, c"/tmp", [0o4755, 0]);
    writeln!(out, "fchmodat {lends}\nplain-fchmodat {plain}")?;
    let create = libc::c_long::from(libc::O_CREAT | libc::O_WRONLY);
    writeln!(out, "openat {}", call_with_path(libc::SYS_openat, c"/tmp/lends", [create, 0o2755]))?;
    writeln!(out, "plain-openat {}", call_with_path(libc::SYS_openat, c"/tmp/plain", [create, 0o755]))?;
    writeln!(out, "openat2 {}", call(libc::SYS_openat2, [0; 4]))?;
    writeln!(out, "clone3 {}", call(libc::SYS_clone3, [0; 4]))?;
    // getpid as the x32 call of the same machine, whose numbers have bit 30 set.
    writeln!(out, "x32 {}", call(0x4000_0000 + 39, [0; 4]))
}

fn look(out: &mut impl Write) -> std::io::Result<()> {
    let pids: Vec<u32> = std::fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    writeln!(out, "pids {}", pids.iter().map(u32::to_string).collect::<Vec<_>>().join(","))?;
    let net = std::fs::read_to_string("/proc/self/net/dev")?;
    let links: Vec<&str> =
        net.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    writeln!(out, "links {}", links.join(","))?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    for line in status.lines() {
        if ["Cap", "NoNewPrivs", "Seccomp:"].iter().any(|field| line.starts_with(field)) {
            writeln!(out, "{}", line.replace(":\t", " "))?;
        }
    }
    let init = std::fs::read_to_string("/proc/1/status")?;
    writeln!(out, "init {}", init.lines().find(|line| line.starts_with("CapEff")).unwrap_or_default())?;
    let mut names: Vec<String> =
        std::fs::read_dir("/dev")?.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    writeln!(out, "dev {}", names.join(","))?;
    writeln!(out, "host {}", std::fs::read_to_string("/proc/sys/kernel/hostname")?.trim())?;
    writeln!(out, "parent-memory {}", std::fs::File::open("/proc/1/mem").is_err())?;
    writeln!(out, "kcore {}", std::fs::read("/proc/kcore").map_or(0, |bytes| bytes.len()))?;
    writeln!(out, "descriptors {}", std::fs::read_dir("/proc/self/fd")?.count() - 1)
}

/// Tries to make or open each path for writing and prints the error number.
fn write_to(out: &mut impl Write, paths: &[&str]) -> std::io::Result<()> {
    for path in paths {
        let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
        let written = opened.and_then(|mut file| file.write_all(b"x"));
        writeln!(out, "{path} {}", written.err().map_or(0, |e| e.raw_os_error().unwrap_or(-1)))?;
    }
    Ok(())
}

/// Leaves an orphan to process 1 and waits until nothing is left of it.
fn zombies(out: &mut impl Write) -> std::io::Result<()> {
    std::process::Command::new("/bin/sh").args(["-c", "/bin/sleep 0.05 & /bin/sleep 0.05 &"]).status()?;
    let end = Instant::now() + Duration::from_secs(10);
    let own = std::process::id();
    loop {
        let others = std::fs::read_dir("/proc")?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| *pid != 1 && *pid != own)
            .count();
        if others == 0 || Instant::now() > end {
            return writeln!(out, "left {others}");
        }
        std::thread::yield_now();
    }
}

fn eat() -> std::io::Result<()> {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    for byte in 1..=u8::MAX {
        eaten.push(vec![byte; 4 << 20]);
    }
    Err(std::io::Error::other(format!("ate {} MiB and lives", eaten.len() * 4)))
}

fn spawn(out: &mut impl Write, count: usize) -> std::io::Result<()> {
    let mut children = Vec::new();
    for _ in 0..count {
        children.extend(std::process::Command::new("/bin/sleep").arg("60").spawn().ok());
    }
    writeln!(out, "spawned {}", children.len())?;
    for mut child in children {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

fn flood(out: &mut impl Write, lines: usize) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(out);
    for line in 0..lines {
        writeln!(out, "line {line:09} {}", "x".repeat(100))?;
    }
    out.flush()
}

fn serve(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let (mut connection, _) = listener.accept()?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    connection.write_all(format!("rank 0 heard: {text}").as_bytes())
}

fn dial(out: &mut impl Write, port: u16) -> std::io::Result<()> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.write_all(b"hello from rank 1")?;
    connection.shutdown(std::net::Shutdown::Write)?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    writeln!(out, "{text}")
}
