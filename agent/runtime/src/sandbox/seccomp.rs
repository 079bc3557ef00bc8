//! The system calls a workload is refused.
//!
//! The list denies what reaches past the namespaces: other socket families than the Internet's and the local one (a
//! vsock reaches the hypervisor from any network namespace), io_uring (which makes sockets unseen by this filter),
//! loading code into the kernel, changing mounts and namespaces, looking into other processes, and making files that
//! lend their owner's identity.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

const REFUSED: [libc::c_long; 54] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    // open_tree_attr, statmount and listmount: newer than the names libc has on every target.
    467,
    457,
    458,
];

/// Calls only the older architectures have.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: [libc::c_long; 8] = [
    libc::SYS__sysctl,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_modify_ldt,
    libc::SYS_sysfs,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_vserver,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: [libc::c_long; 0] = [];

const NAMESPACE_FLAGS: [libc::c_int; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Calls with an argument that is a file mode: its index, and where the flags of an opening call are.
const MODES: [(libc::c_long, u8, Option<u8>); 5] = [
    (libc::SYS_fchmod, 1, None),
    (libc::SYS_fchmodat, 2, None),
    (libc::SYS_fchmodat2, 2, None),
    (libc::SYS_mknodat, 2, None),
    (libc::SYS_openat, 3, Some(2)),
];
#[cfg(target_arch = "x86_64")]
const MODES_HERE: [(libc::c_long, u8, Option<u8>); 4] = [
    (libc::SYS_chmod, 1, None),
    (libc::SYS_mknod, 1, None),
    (libc::SYS_creat, 1, None),
    (libc::SYS_open, 2, Some(1)),
];
#[cfg(not(target_arch = "x86_64"))]
const MODES_HERE: [(libc::c_long, u8, Option<u8>); 0] = [];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Built<T> = Result<T, seccompiler::BackendError>;

/// The filters, in the order in which they are loaded.
pub(crate) fn programs() -> Built<Vec<BpfProgram>> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    // The arguments of these lie in memory, where a filter cannot look: on ENOSYS libraries fall back to the older
    // calls, at which it can.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new()), (libc::SYS_openat2, Vec::new())]);
    let mut programs = vec![program(refused()?, libc::EPERM, arch)?, program(absent, libc::ENOSYS, arch)?];
    if cfg!(target_arch = "x86_64") {
        programs.push(refuse_x32());
    }
    Ok(programs)
}

fn refused() -> Built<Rules> {
    let mut rules: Rules = REFUSED.iter().chain(&REFUSED_HERE).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(foreign_families()?)?]);
    rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(foreign_families()?)?]);
    let pushes_input = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, libc::TIOCSTI)?;
    rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(vec![pushes_input])?]);
    let namespaces = NAMESPACE_FLAGS.iter().map(|flag| SeccompRule::new(vec![has(0, flag.unsigned_abs())?]));
    rules.insert(libc::SYS_clone, namespaces.collect::<Built<_>>()?);
    for (call, mode, flags) in MODES.iter().chain(&MODES_HERE) {
        rules.insert(*call, sets_identity(*mode, *flags)?);
    }
    Ok(rules)
}

/// A file that lends its owner's identity. The user inside may be root outside, so such a file, left in a directory
/// the workload may write, would make root of whoever runs it on the host.
fn sets_identity(mode: u8, flags: Option<u8>) -> Built<Vec<SeccompRule>> {
    let mut rules = Vec::new();
    for bit in [libc::S_ISUID, libc::S_ISGID] {
        let Some(flags) = flags else {
            rules.push(SeccompRule::new(vec![has(mode, bit)?])?);
            continue;
        };
        // Without one of these flags the mode is not passed, and the register holds anything.
        for creates in [libc::O_CREAT, libc::O_TMPFILE & !libc::O_DIRECTORY] {
            rules.push(SeccompRule::new(vec![has(mode, bit)?, has(flags, creates.unsigned_abs())?])?);
        }
    }
    Ok(rules)
}

/// An argument that has a bit.
fn has(argument: u8, bit: u32) -> Built<SeccompCondition> {
    let bit = u64::from(bit);
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bit), bit)
}

fn program(rules: Rules, errno: libc::c_int, arch: TargetArch) -> Built<BpfProgram> {
    let action = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()
}

/// All three conditions hold for a family that is none of the allowed.
fn foreign_families() -> Built<Vec<SeccompCondition>> {
    [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6]
        .iter()
        .map(|family| {
            let family = u64::from(family.unsigned_abs());
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        })
        .collect()
}

/// The x32 calls of x86-64 have the same architecture but other numbers, which would slip past a list of numbers.
fn refuse_x32() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    let instruction = |code: u32, jt: u8, k: u32| sock_filter { code: code as u16, jt, jf: 0, k };
    vec![
        // The number of the call is the first word of what a filter sees.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        sock_filter { jf: 1, ..instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, X32_BIT) },
        instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ]
}
