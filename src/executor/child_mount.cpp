// The child's mount steps. Sources are opened in the host's tree before the pivot, targets inside
// the new root after it, when a link can no longer lead out.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "executor/child_parts.hpp"
#include "executor/kernel_calls.hpp"

namespace executor::child {

namespace {

// Closes and keeps errno for the report.
bool finish(int fd, bool good) {
  const int saved = errno;
  if (fd >= 0) ::close(fd);
  errno = saved;
  return good;
}

Kind kind_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode) ? Kind::File : Kind::Folder;
}

bool set_attributes(int tree, std::uint64_t flags, std::uint64_t propagation) {
  kernel::MountAttr attr;
  if ((flags & kTreeReadOnly) != 0) attr.set |= kernel::kAttrReadOnly;
  if ((flags & kTreeNoDev) != 0) attr.set |= kernel::kAttrNoDev;
  if ((flags & kTreeNoSuid) != 0) attr.set |= kernel::kAttrNoSuid;
  if ((flags & kTreeNoExec) != 0) attr.set |= kernel::kAttrNoExec;
  attr.propagation = propagation & ~static_cast<std::uint64_t>(MS_REC);
  if (attr.set == 0 && attr.propagation == 0) return true;
  const bool deep = (flags & kTreeRecursive) != 0 || (propagation & MS_REC) != 0;
  return kernel::mount_setattr(tree, "", kernel::kAtEmptyPath | (deep ? kernel::kAtRecursive : 0),
                               attr) == 0;
}

// Before 5.12 there is no mount_setattr: the attached mount is changed instead.
bool set_attributes_classic(const char* path, std::uint64_t flags, std::uint64_t propagation) {
  unsigned long wanted = MS_REMOUNT | MS_BIND;
  if ((flags & kTreeReadOnly) != 0) wanted |= MS_RDONLY;
  if ((flags & kTreeNoDev) != 0) wanted |= MS_NODEV;
  if ((flags & kTreeNoSuid) != 0) wanted |= MS_NOSUID;
  if ((flags & kTreeNoExec) != 0) wanted |= MS_NOEXEC;
  if (::mount(nullptr, path, nullptr, wanted, nullptr) != 0) return false;
  return propagation == 0 || ::mount(nullptr, path, nullptr, propagation, nullptr) == 0;
}

bool hang(int tree, int target, const Step& step) {
  const bool set = set_attributes(tree, step.number, step.high);
  if (!set && errno != ENOSYS) return false;
  if (kernel::move_mount(tree, target) != 0) return false;
  return set || set_attributes_classic(step.path, step.number, step.high);
}

}  // namespace

bool open_tree_step(ChildProgram& program, const Step& step) {
  unsigned flags = kernel::kOpenTreeClone | kernel::kOpenTreeCloexec;
  if ((step.number & kTreeRecursive) != 0) flags |= kernel::kAtRecursive;
  int& slot = program.slots[static_cast<std::size_t>(step.slot)];
  if (step.text != nullptr) {
    // A folder inside a volume: containers write there, so no link may lead out of it.
    const int base = ::open(step.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (base < 0) return false;
    kernel::OpenHow how;
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = kernel::kResolveBeneath | kernel::kResolveNoMagicLinks;
    const int inner = kernel::openat2(base, step.text, how);
    finish(base, true);
    if (inner < 0) return false;
    slot = kernel::open_tree(inner, "", flags | kernel::kAtEmptyPath);
    return finish(inner, slot >= 0);
  }
  slot = kernel::open_tree(AT_FDCWD, step.path, flags);
  if (slot < 0 && errno == ENOENT && (step.number & kTreeCreate) != 0) {
    if (!make_folders(step.path)) return false;
    slot = kernel::open_tree(AT_FDCWD, step.path, flags);
  }
  return slot >= 0;
}

bool mount_overlay(const Step& step) {
  if (step.text != nullptr && ::chdir(step.text) != 0) return false;
  return ::mount("overlay", step.path, "overlay", MS_NODEV, step.data) == 0 &&
         ::chdir(step.path) == 0;
}

bool mount_layers(const ChildProgram& program, const Step& step) {
  const int context = kernel::fsopen("overlay");
  if (context < 0) return false;
  bool good = kernel::fsconfig(context, kernel::kFsSetString, "source", "overlay") == 0;
  for (const char** layer = program.layers; good && *layer != nullptr; ++layer) {
    good = kernel::fsconfig(context, kernel::kFsSetString, "lowerdir+", *layer) == 0;
  }
  good = good && kernel::fsconfig(context, kernel::kFsSetString, "upperdir", program.upper) == 0 &&
         kernel::fsconfig(context, kernel::kFsSetString, "workdir", program.work) == 0 &&
         kernel::fsconfig(context, kernel::kFsCreate, nullptr, nullptr) == 0;
  const int tree = good ? kernel::fsmount(context, static_cast<unsigned>(kernel::kAttrNoDev)) : -1;
  finish(context, true);
  if (tree < 0) return false;
  const int target = ::open(step.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  good = target >= 0 && kernel::move_mount(tree, target) == 0;
  finish(target, true);
  return finish(tree, good) && ::chdir(step.path) == 0;
}

bool pivot(const char* root) {
  if (::chdir(root) != 0) return false;
  if (kernel::pivot_root(".", ".") == 0) {
    // The old root now lies on top of the new one; detaching it reveals ours.
    return ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0;
  }
  if (errno != EINVAL) return false;
  // The machine runs from its initial file system (rootfs), which cannot be pivoted away.
  return ::mount(".", "/", nullptr, MS_MOVE, nullptr) == 0 && ::chroot(".") == 0 &&
         ::chdir("/") == 0;
}

bool mount_fs(const Step& step) {
  const int target = open_target(step.path, Kind::Folder);
  if (target < 0) return false;
  if (step.mode != 0) {
    // /proc, /sys and /dev of an image that is a link would put ours elsewhere and leave theirs.
    kernel::OpenHow how;
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = kernel::kResolveNoSymlinks;
    const int plain = kernel::openat2(AT_FDCWD, step.path, how);
    if (plain < 0) return finish(target, false);
    finish(plain, true);
  }
  const bool good =
      ::fchdir(target) == 0 && ::mount(step.text, ".", step.text, step.number, step.data) == 0;
  finish(target, true);
  const int saved = errno;
  const bool back = ::chdir("/") == 0;
  if (!good) errno = saved;
  return good && back;
}

bool attach(const ChildProgram& program, const Step& step) {
  const int tree = program.slots[static_cast<std::size_t>(step.slot)];
  const int target = open_target(step.path, kind_of(tree));
  if (target < 0) return false;
  return finish(target, hang(tree, target, step));
}

bool place_file(const ChildProgram& program, const Step& step) {
  const int tree = program.slots[static_cast<std::size_t>(step.slot)];
  // An image's /etc/resolv.conf is often a link to a service of its own; ours replaces the link
  // itself.
  struct stat info {};
  if (::lstat(step.path, &info) == 0) {
    if (S_ISLNK(info.st_mode)) {
      if (::unlink(step.path) != 0) return false;
    } else if (!S_ISREG(info.st_mode)) {
      errno = ENOTSUP;
      return false;
    }
  }
  const int target = open_target(step.path, Kind::File);
  if (target < 0) return false;
  return finish(target, hang(tree, target, step));
}

bool mask(const char* path) {
  if (::mount("/dev/null", path, nullptr, MS_BIND, nullptr) == 0) {
    // Nobody may change owner or mode of the node through it; hidden it is in any case.
    ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC,
            nullptr);
    return true;
  }
  if (errno == ENOENT) return true;
  if (errno != ENOTDIR) return false;
  return ::mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                 "size=0,nr_inodes=1,mode=555") == 0;
}

bool read_only(const char* path) {
  if (::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) != 0) return errno == ENOENT;
  return ::mount(nullptr, path, nullptr,
                 MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
}

bool make_node(const Step& step) {
  int result = ::mknod(step.path, step.mode, step.number);
  if (result != 0 && errno == ENOENT) {
    char folder[512];
    const char* slash = ::strrchr(step.path, '/');
    const auto length = static_cast<std::size_t>(slash == nullptr ? 0 : slash - step.path);
    if (length == 0 || length >= sizeof(folder)) return false;
    std::memcpy(folder, step.path, length);
    folder[length] = 0;
    const int parent = open_target(folder, Kind::Folder);
    if (parent < 0) return false;
    finish(parent, true);
    result = ::mknod(step.path, step.mode, step.number);
  }
  // The image, or an earlier start, has something of that name: the device replaces it.
  if (result != 0 && errno == EEXIST && ::unlink(step.path) == 0) {
    result = ::mknod(step.path, step.mode, step.number);
  }
  // The mask of run_child took bits away.
  if (result != 0 || ::chmod(step.path, step.mode & 07777U) != 0) return false;
  return (step.uid == 0 && step.gid == 0) || ::lchown(step.path, step.uid, step.gid) == 0;
}

bool make_link(const Step& step) {
  return ::symlink(step.text, step.path) == 0 || errno == EEXIST;
}

bool write_file(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const std::size_t length = ::strlen(text);
  const bool good = ::write(fd, text, length) == static_cast<ssize_t>(length);
  return finish(fd, good);
}

}  // namespace executor::child
