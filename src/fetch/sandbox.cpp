#include "fetch/sandbox.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

struct FreeFilter {
  void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};

// What unpacking needs: files below descriptors, memory, time, the end. No sockets, no processes,
// no mounts.
constexpr std::array kAllowed = {
    "read",         "pread64",    "write",        "pwrite64",        "writev",
    "close",        "openat",     "openat2",      "fstat",           "newfstatat",
    "statx",        "lseek",      "ftruncate",    "mkdirat",         "symlinkat",
    "linkat",       "unlinkat",   "mknodat",      "readlinkat",      "renameat2",
    "fchown",       "fchownat",   "fchmod",       "fchmodat",        "fsetxattr",
    "utimensat",    "getdents64", "fadvise64",    "fcntl",           "dup",
    "brk",          "mmap",       "munmap",       "mremap",          "madvise",
    "mprotect",     "futex",      "rt_sigreturn", "rt_sigprocmask",  "clock_gettime",
    "gettimeofday", "getpid",     "getrandom",    "restart_syscall", "exit",
    "exit_group",   "gettid",     "tgkill"};

// Only in programs built for finding mistakes: the sanitizer's own shadow takes terabytes of
// addresses, and its runtime yields, asks for limits and signal stacks, and tries memory by pipes.
#if defined(__SANITIZE_ADDRESS__)
#define STACK_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_SANITIZED 1
#endif
#endif
#ifdef STACK_SANITIZED
constexpr bool kBoundAddresses = false;
constexpr std::array kRuntimeAllowed = {"sched_yield", "sigaltstack", "prlimit64",
                                        "readlink",    "pipe",        "pipe2"};
#else
constexpr bool kBoundAddresses = true;
constexpr std::array<const char*, 0> kRuntimeAllowed = {};
#endif

constexpr std::uint64_t kKeptCapabilities =
    (1ULL << CAP_CHOWN) | (1ULL << CAP_DAC_OVERRIDE) | (1ULL << CAP_FOWNER) | (1ULL << CAP_FSETID) |
    (1ULL << CAP_SETFCAP) | (1ULL << CAP_MKNOD) |
    (1ULL << CAP_SYS_ADMIN);  // the last: trusted.overlay.opaque

void limit(__rlimit_resource_t what, std::uint64_t most) {
  struct rlimit now {};
  if (::getrlimit(what, &now) != 0) base::throw_errno("getrlimit");
  const struct rlimit wanted {
    std::min<rlim_t>(now.rlim_max, most), std::min<rlim_t>(now.rlim_max, most)
  };
  if (::setrlimit(what, &wanted) != 0) base::throw_errno("setrlimit");
}

void change_root(int root) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    base::throw_errno("make the mounts private");
  const std::string path = base::cat("/proc/self/fd/", root);
  std::array<char, 4096> real{};
  const ssize_t size = ::readlink(path.c_str(), real.data(), real.size() - 1);
  if (size <= 0) base::throw_errno("readlink", path);
  const char* target = real.data();
  if (::mount(target, target, nullptr, MS_BIND, nullptr) != 0) base::throw_errno("bind", target);
  if (::mount(nullptr, target, nullptr, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID | MS_NOEXEC,
              nullptr) != 0) {
    base::throw_errno("remount", target);
  }
  if (::chdir(target) != 0) base::throw_errno("chdir", target);
  if (::syscall(SYS_pivot_root, ".", ".") == 0) {
    if (::umount2(".", MNT_DETACH) != 0) base::throw_errno("detach the old root");
    if (::chdir("/") != 0) base::throw_errno("chdir", "/");
    return;
  }
  // The first root file system of a machine (an initramfs) cannot be pivoted away.
  if (errno != EINVAL) base::throw_errno("pivot_root", target);
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 ||
      ::chdir("/") != 0) {
    base::throw_errno("change the root to", target);
  }
}

void drop_capabilities() {
  for (int cap = 0; cap < 64; ++cap) {
    if ((kKeptCapabilities >> static_cast<unsigned>(cap) & 1U) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL)
      base::throw_errno("drop capabilities");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) base::throw_errno("capget");
  for (unsigned i = 0; i < 2; ++i) {
    const auto kept = static_cast<std::uint32_t>(kKeptCapabilities >> (32U * i));
    data.at(i).effective = data.at(i).permitted = data.at(i).permitted & kept;
    data.at(i).inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data.data()) != 0) base::throw_errno("capset");
}

// Below the root everything that unpacking makes; elsewhere nothing. Kernels without it do without.
void restrict_files(int root) {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 2) return;  // 1 cannot allow a rename or a link between folders
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = (LANDLOCK_ACCESS_FS_REFER << 1U) - 1;
  const base::Fd rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0)));
  if (!rules) base::throw_errno("landlock_create_ruleset");
  landlock_path_beneath_attr beneath{};
  beneath.parent_fd = root;
  beneath.allowed_access =
      attributes.handled_access_fs &
      ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                  LANDLOCK_ACCESS_FS_MAKE_SOCK);
  if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0) {
    base::throw_errno("landlock_add_rule");
  }
  if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0)
    base::throw_errno("landlock_restrict_self");
}

void apply_filter(int filter) {
  struct stat info {};
  if (::fstat(filter, &info) != 0) base::throw_errno("stat", "the filter");
  std::vector<sock_filter> code(static_cast<std::size_t>(info.st_size) / sizeof(sock_filter));
  const std::size_t bytes = code.size() * sizeof(sock_filter);
  if (::pread(filter, code.data(), bytes, 0) != static_cast<ssize_t>(bytes))
    base::throw_errno("read", "the filter");
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
    base::throw_errno("seccomp");
}

void allow(void* filter, const char* name) {
  const int number = ::seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return;  // not on this architecture
  if (const int result = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0); result != 0) {
    throw base::SysError(-result, "seccomp rule for", name);
  }
}

}  // namespace

base::Fd compile_filter() {
  const std::unique_ptr<void, FreeFilter> filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) throw base::Error("seccomp: no memory for the filter");
  for (const char* name : kAllowed) allow(filter.get(), name);
  for (const char* name : kRuntimeAllowed) allow(filter.get(), name);
  base::Fd out(::memfd_create("stack-unpack-filter", MFD_CLOEXEC));
  if (!out) base::throw_errno("memfd_create");
  if (const int result = ::seccomp_export_bpf(filter.get(), out.get()); result != 0) {
    throw base::SysError(-result, "compile", "the seccomp filter");
  }
  return out;
}

base::Fd enter_sandbox(const SandboxRequest& request) {
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) {
    base::throw_errno("make namespaces for", "unpacking");
  }
  change_root(request.root);
  base::Fd root = base::sys::open("/", O_PATH | O_DIRECTORY);
  ::umask(0);  // modes are the archive's
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, 256);
  limit(RLIMIT_FSIZE, request.file_size);
  if (kBoundAddresses) limit(RLIMIT_AS, request.memory);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) base::throw_errno("prctl");
  drop_capabilities();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) base::throw_errno("no-new-privileges");
  restrict_files(root.get());
  apply_filter(request.filter);
  return root;
}

}  // namespace fetch
