// The allow-list itself, grouped by what the calls are for. A call is in exactly one of: allowed,
// allowed with a capability, allowed with certain arguments. The rest is refused (EPERM).
#include <sched.h>
#include <sys/socket.h>
#include <cerrno>

#include "executor/seccomp.hpp"

namespace executor {

namespace {

using Compare = SyscallRule::Argument::Compare;
using Calls = std::vector<std::string>;

const Calls kFiles = {"access",
                      "chdir",
                      "chmod",
                      "chown",
                      "chown32",
                      "close",
                      "close_range",
                      "copy_file_range",
                      "creat",
                      "dup",
                      "dup2",
                      "dup3",
                      "faccessat",
                      "faccessat2",
                      "fadvise64",
                      "fadvise64_64",
                      "fallocate",
                      "fchdir",
                      "fchmod",
                      "fchmodat",
                      "fchmodat2",
                      "fchown",
                      "fchown32",
                      "fchownat",
                      "fcntl",
                      "fcntl64",
                      "fdatasync",
                      "fgetxattr",
                      "flistxattr",
                      "flock",
                      "fremovexattr",
                      "fsetxattr",
                      "fstat",
                      "fstat64",
                      "fstatat64",
                      "fstatfs",
                      "fstatfs64",
                      "fsync",
                      "ftruncate",
                      "ftruncate64",
                      "futimesat",
                      "getcwd",
                      "getdents",
                      "getdents64",
                      "getxattr",
                      "getxattrat",
                      "ioctl",
                      "lchown",
                      "lchown32",
                      "lgetxattr",
                      "link",
                      "linkat",
                      "listxattr",
                      "listxattrat",
                      "llistxattr",
                      "_llseek",
                      "lremovexattr",
                      "lseek",
                      "lsetxattr",
                      "lstat",
                      "lstat64",
                      "mkdir",
                      "mkdirat",
                      "mknod",
                      "mknodat",
                      "name_to_handle_at",
                      "newfstatat",
                      "_newselect",
                      "open",
                      "openat",
                      "openat2",
                      "pipe",
                      "pipe2",
                      "pread64",
                      "preadv",
                      "preadv2",
                      "pwrite64",
                      "pwritev",
                      "pwritev2",
                      "read",
                      "readahead",
                      "readlink",
                      "readlinkat",
                      "readv",
                      "removexattr",
                      "removexattrat",
                      "rename",
                      "renameat",
                      "renameat2",
                      "rmdir",
                      "sendfile",
                      "sendfile64",
                      "setxattr",
                      "setxattrat",
                      "splice",
                      "stat",
                      "stat64",
                      "statfs",
                      "statfs64",
                      "statx",
                      "symlink",
                      "symlinkat",
                      "sync",
                      "sync_file_range",
                      "sync_file_range2",
                      "syncfs",
                      "tee",
                      "truncate",
                      "truncate64",
                      "umask",
                      "unlink",
                      "unlinkat",
                      "utime",
                      "utimensat",
                      "utimensat_time64",
                      "utimes",
                      "vmsplice",
                      "write",
                      "writev",
                      "cachestat",
                      "file_getattr",
                      "file_setattr"};

const Calls kWaiting = {
    "epoll_create",  "epoll_create1",     "epoll_ctl",      "epoll_ctl_old", "epoll_pwait",
    "epoll_pwait2",  "epoll_wait",        "epoll_wait_old", "eventfd",       "eventfd2",
    "fanotify_mark", "inotify_add_watch", "inotify_init",   "inotify_init1", "inotify_rm_watch",
    "io_cancel",     "io_destroy",        "io_getevents",   "io_pgetevents", "io_pgetevents_time64",
    "io_setup",      "io_submit",         "poll",           "ppoll",         "ppoll_time64",
    "pselect6",      "pselect6_time64",   "select",         "signalfd",      "signalfd4"};

const Calls kMemory = {"brk",
                       "madvise",
                       "map_shadow_stack",
                       "membarrier",
                       "memfd_create",
                       "memfd_secret",
                       "mincore",
                       "mlock",
                       "mlock2",
                       "mlockall",
                       "mmap",
                       "mmap2",
                       "mprotect",
                       "mremap",
                       "mseal",
                       "msync",
                       "munlock",
                       "munlockall",
                       "munmap",
                       "pkey_alloc",
                       "pkey_free",
                       "pkey_mprotect",
                       "process_mrelease",
                       "remap_file_pages"};

const Calls kProcesses = {"alarm",
                          "arch_prctl",
                          "capget",
                          "capset",
                          "execve",
                          "execveat",
                          "exit",
                          "exit_group",
                          "fork",
                          "getcpu",
                          "getegid",
                          "getegid32",
                          "geteuid",
                          "geteuid32",
                          "getgid",
                          "getgid32",
                          "getgroups",
                          "getgroups32",
                          "getpgid",
                          "getpgrp",
                          "getpid",
                          "getppid",
                          "getpriority",
                          "getresgid",
                          "getresgid32",
                          "getresuid",
                          "getresuid32",
                          "getrlimit",
                          "get_robust_list",
                          "getrusage",
                          "getsid",
                          "get_thread_area",
                          "gettid",
                          "getuid",
                          "getuid32",
                          "ioprio_get",
                          "ioprio_set",
                          "kill",
                          "landlock_add_rule",
                          "landlock_create_ruleset",
                          "landlock_restrict_self",
                          "modify_ldt",
                          "pause",
                          "pidfd_open",
                          "pidfd_send_signal",
                          "prctl",
                          "prlimit64",
                          "process_vm_readv",
                          "process_vm_writev",
                          "ptrace",
                          "restart_syscall",
                          "rseq",
                          "rt_sigaction",
                          "rt_sigpending",
                          "rt_sigprocmask",
                          "rt_sigqueueinfo",
                          "rt_sigreturn",
                          "rt_sigsuspend",
                          "rt_sigtimedwait",
                          "rt_sigtimedwait_time64",
                          "rt_tgsigqueueinfo",
                          "sched_getaffinity",
                          "sched_getattr",
                          "sched_getparam",
                          "sched_get_priority_max",
                          "sched_get_priority_min",
                          "sched_getscheduler",
                          "sched_rr_get_interval",
                          "sched_rr_get_interval_time64",
                          "sched_setaffinity",
                          "sched_setattr",
                          "sched_setparam",
                          "sched_setscheduler",
                          "sched_yield",
                          "seccomp",
                          "setfsgid",
                          "setfsgid32",
                          "setfsuid",
                          "setfsuid32",
                          "setgid",
                          "setgid32",
                          "setgroups",
                          "setgroups32",
                          "setpgid",
                          "setpriority",
                          "setregid",
                          "setregid32",
                          "setresgid",
                          "setresgid32",
                          "setresuid",
                          "setresuid32",
                          "setreuid",
                          "setreuid32",
                          "setrlimit",
                          "set_robust_list",
                          "setsid",
                          "set_thread_area",
                          "set_tid_address",
                          "setuid",
                          "setuid32",
                          "sigaltstack",
                          "sigprocmask",
                          "sigreturn",
                          "sysinfo",
                          "tgkill",
                          "time",
                          "times",
                          "tkill",
                          "ugetrlimit",
                          "uname",
                          "vfork",
                          "wait4",
                          "waitid",
                          "waitpid"};

const Calls kLocks = {"futex",
                      "futex_time64",
                      "futex_requeue",
                      "futex_wait",
                      "futex_waitv",
                      "futex_wake",
                      "ipc",
                      "mq_getsetattr",
                      "mq_notify",
                      "mq_open",
                      "mq_timedreceive",
                      "mq_timedreceive_time64",
                      "mq_timedsend",
                      "mq_timedsend_time64",
                      "mq_unlink",
                      "msgctl",
                      "msgget",
                      "msgrcv",
                      "msgsnd",
                      "semctl",
                      "semget",
                      "semop",
                      "semtimedop",
                      "semtimedop_time64",
                      "shmat",
                      "shmctl",
                      "shmdt",
                      "shmget"};

const Calls kClocks = {"adjtimex",         "clock_adjtime",       "clock_adjtime64",
                       "clock_getres",     "clock_getres_time64", "clock_gettime",
                       "clock_gettime64",  "clock_nanosleep",     "clock_nanosleep_time64",
                       "getitimer",        "gettimeofday",        "nanosleep",
                       "setitimer",        "timer_create",        "timer_delete",
                       "timer_getoverrun", "timer_gettime",       "timer_gettime64",
                       "timer_settime",    "timer_settime64",     "timerfd_create",
                       "timerfd_gettime",  "timerfd_gettime64",   "timerfd_settime",
                       "timerfd_settime64"};

// Not socketcall: its arguments lie in memory, where no filter can see the address family.
const Calls kSockets = {
    "accept",          "accept4",    "bind",      "connect",  "getpeername", "getrandom",
    "getsockname",     "getsockopt", "listen",    "recv",     "recvfrom",    "recvmmsg",
    "recvmmsg_time64", "recvmsg",    "send",      "sendmmsg", "sendmsg",     "sendto",
    "setsockopt",      "shutdown",   "socketpair"};

const Calls kArchitecture = {"arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush",
                             "set_tls",          "riscv_flush_icache"};

struct ByCapability {
  const char* capability;
  Calls names;
};
const std::vector<ByCapability> kByCapability = {
    {"SYS_ADMIN", {"bpf",         "fanotify_init",   "fsconfig", "fsmount",       "fsopen",
                   "fspick",      "lookup_dcookie",  "mount",    "mount_setattr", "move_mount",
                   "open_tree",   "perf_event_open", "quotactl", "quotactl_fd",   "setdomainname",
                   "sethostname", "setns",           "syslog",   "umount",        "umount2",
                   "unshare",     "clone",           "clone3",   "listmount",     "statmount"}},
    {"SYS_PTRACE", {"kcmp", "pidfd_getfd", "process_madvise"}},
    {"DAC_READ_SEARCH", {"open_by_handle_at"}},
    {"SYS_CHROOT", {"chroot"}},
    {"SYS_BOOT", {"reboot", "kexec_load", "kexec_file_load"}},
    {"SYS_MODULE", {"delete_module", "finit_module", "init_module"}},
    {"SYS_PACCT", {"acct"}},
    {"SYS_RAWIO", {"iopl", "ioperm"}},
    {"SYS_TIME", {"settimeofday", "stime", "clock_settime", "clock_settime64"}},
    {"SYS_TTY_CONFIG", {"vhangup"}},
    {"SYS_NICE",
     {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node", "migrate_pages",
      "move_pages"}},
    {"SYSLOG", {"syslog"}},
    {"BPF", {"bpf"}},
    {"PERFMON", {"perf_event_open"}},
};

// In no list, and so refused whatever the capabilities: keyrings, io_uring, userfaultfd, swap,
// pivot_root, the calls of dead kernels.

constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                         CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

SyscallRule allow(const Calls& names) {
  SyscallRule rule;
  rule.names = names;
  return rule;
}

SyscallRule refuse(const Calls& names, unsigned errnum) {
  SyscallRule rule;
  rule.names = names;
  rule.action = SyscallRule::Action::Errno;
  rule.errnum = errnum;
  return rule;
}

SyscallRule allow_if(const std::string& name, std::vector<SyscallRule::Argument> arguments) {
  SyscallRule rule = allow({name});
  rule.arguments = std::move(arguments);
  return rule;
}

}  // namespace

SeccompProfile default_profile() {
  SeccompProfile profile;
  profile.fallback = SyscallRule::Action::Errno;
  profile.fallback_errnum = EPERM;
  for (const Calls* group :
       {&kFiles, &kWaiting, &kMemory, &kProcesses, &kLocks, &kClocks, &kSockets, &kArchitecture}) {
    profile.rules.push_back(allow(*group));
  }
  for (const ByCapability& group : kByCapability) {
    SyscallRule allowed = allow(group.names);
    allowed.with_caps = {group.capability};
    profile.rules.push_back(allowed);
  }

  // A socket of any family but AF_ALG (38) and AF_VSOCK (40), which lead out of the container's
  // network, and of netlink anything but the audit system. Every number is named: the kernel looks
  // at 32 bits of an argument where a filter compares 64, so "greater" and "not equal" would let
  // the forbidden ones in with a bit set above.
  constexpr std::uint64_t kNetlinkAudit = 9, kLastNetlink = 22, kLastFamily = 45;
  profile.rules.push_back(allow_if("socket", {{0, AF_NETLINK, 0, Compare::Lt}}));
  for (std::uint64_t family = AF_NETLINK + 1; family <= kLastFamily; ++family) {
    if (family == AF_ALG || family == AF_VSOCK) continue;
    profile.rules.push_back(allow_if("socket", {{0, family, 0, Compare::Eq}}));
  }
  const SyscallRule::Argument netlink{0, AF_NETLINK, 0, Compare::Eq};
  profile.rules.push_back(allow_if("socket", {netlink, {2, kNetlinkAudit, 0, Compare::Lt}}));
  for (std::uint64_t protocol = kNetlinkAudit; protocol <= kLastNetlink; ++protocol) {
    SyscallRule rule = allow_if("socket", {netlink, {2, protocol, 0, Compare::Eq}});
    if (protocol == kNetlinkAudit) rule.with_caps = {"AUDIT_WRITE"};
    profile.rules.push_back(rule);
  }

  // Threads and processes, but no new namespaces.
  SyscallRule clone = allow_if("clone", {{0, kNewNamespaces, 0, Compare::Masked}});
  clone.without_caps = {"SYS_ADMIN"};
  profile.rules.push_back(clone);
  SyscallRule unshare = allow_if("unshare", {{0, kNewNamespaces, 0, Compare::Masked}});
  unshare.without_caps = {"SYS_ADMIN"};
  profile.rules.push_back(unshare);
  // Its flags lie in memory: refused in the way that makes the C library use clone.
  SyscallRule clone3 = refuse({"clone3"}, ENOSYS);
  clone3.without_caps = {"SYS_ADMIN"};
  profile.rules.push_back(clone3);

  // Linux, 32-bit on 64, the query, and address randomisation off; nothing that loosens mmap.
  for (const std::uint64_t persona : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL}) {
    profile.rules.push_back(allow_if("personality", {{0, persona, 0, Compare::Eq}}));
  }
  return profile;
}

}  // namespace executor
