// System calls that the C library of our oldest target has no wrapper for: one inline function a
// call, errno as result, nothing else. Safe between clone and exec. Numbers and layouts: man 2 of
// each.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace executor::kernel {

constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kOpenTreeCloexec = 02000000;
constexpr unsigned kAtEmptyPath = 0x1000;
constexpr unsigned kAtRecursive = 0x8000;
constexpr unsigned kMoveFromEmpty = 0x04;
constexpr unsigned kMoveToEmpty = 0x40;
constexpr std::uint64_t kAttrReadOnly = 0x01;
constexpr std::uint64_t kAttrNoSuid = 0x02;
constexpr std::uint64_t kAttrNoDev = 0x04;
constexpr std::uint64_t kAttrNoExec = 0x08;

constexpr std::uint64_t kResolveNoMagicLinks = 0x02;
constexpr std::uint64_t kResolveNoSymlinks = 0x04;
constexpr std::uint64_t kResolveBeneath = 0x08;
constexpr std::uint64_t kResolveInRoot = 0x10;

constexpr unsigned kFsSetFlag = 0, kFsSetString = 1, kFsCreate = 6;
constexpr unsigned kCloseRangeCloexec = 4;

constexpr std::uint64_t kClonePidFd = 0x1000;
constexpr std::uint64_t kCloneParent = 0x8000;
constexpr std::uint64_t kCloneClearSighand = 0x100000000;
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000;

struct CloneArgs {
  std::uint64_t flags = 0, pidfd = 0, child_tid = 0, parent_tid = 0, exit_signal = 0, stack = 0,
                stack_size = 0, tls = 0, set_tid = 0, set_tid_size = 0, cgroup = 0;
};

struct MountAttr {
  std::uint64_t set = 0, clear = 0, propagation = 0, userns_fd = 0;
};

struct OpenHow {
  std::uint64_t flags = 0, mode = 0, resolve = 0;
};

inline pid_t clone3(CloneArgs& args) {
  return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
}
inline int open_tree(int dir, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, dir, path, flags));
}
inline int move_mount(int from, int to) {
  return static_cast<int>(
      ::syscall(SYS_move_mount, from, "", to, "", kMoveFromEmpty | kMoveToEmpty));
}
inline int mount_setattr(int dir, const char* path, unsigned flags, const MountAttr& attr) {
  constexpr long kNumber = 442;  // the same on every architecture
  return static_cast<int>(::syscall(kNumber, dir, path, flags, &attr, sizeof(attr)));
}
inline int openat2(int dir, const char* path, const OpenHow& how) {
  constexpr long kNumber = 437;
  return static_cast<int>(::syscall(kNumber, dir, path, &how, sizeof(how)));
}
inline int fsopen(const char* type) {
  return static_cast<int>(::syscall(SYS_fsopen, type, 1U));
}
inline int fsconfig(int fd, unsigned command, const char* key, const char* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, fd, command, key, value, 0));
}
inline int fsmount(int fd, unsigned attributes) {
  return static_cast<int>(::syscall(SYS_fsmount, fd, 1U, attributes));
}
inline int close_range(unsigned first, unsigned flags) {
  constexpr long kNumber = 436;
  return static_cast<int>(::syscall(kNumber, first, ~0U, flags));
}
inline int pivot_root(const char* fresh, const char* old) {
  return static_cast<int>(::syscall(SYS_pivot_root, fresh, old));
}

}  // namespace executor::kernel
