#include "fetch/layer_tree.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

constexpr std::string_view kWhiteout = ".wh.", kOpaque = ".wh..wh..opq", kMeta = ".wh..wh.";
constexpr unsigned kMaxLinks = 40;

int open_in_root(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  while (true) {
    const auto fd = static_cast<int>(::syscall(SYS_openat2, root, name, &how, sizeof(how)));
    // A rename elsewhere on the machine may disturb a look-up.
    if (fd >= 0 || errno != EAGAIN) return fd;
  }
}

// Overlay's and SELinux's are this machine's matter, not the image's.
bool is_kept(const std::string& name) {
  if (base::starts_with(name, "user.overlay.")) return false;
  return base::starts_with(name, "user.") || name == "security.capability" ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

void set_xattrs(int fd, const std::string& path, const EntryAttributes& attributes) {
  for (const auto& [name, value] : attributes.xattrs) {
    if (!is_kept(name)) continue;
    // A file system without them still holds the file, as everywhere.
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0 && errno != ENOTSUP) {
      base::throw_errno(base::cat("set ", name, " of"), path);
    }
  }
}

// Links have an owner and times; modes and the kept attributes they have not.
void finish_link(int folder, const std::string& name, const std::string& path,
                 const EntryAttributes& attributes) {
  const std::array<timespec, 2> times = {attributes.modified, attributes.modified};
  if (::fchownat(folder, name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    base::throw_errno("chown", path);
  }
  if (::utimensat(folder, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    base::throw_errno("set times of", path);
  }
}

void remove_below(int folder, const std::string& name, const std::string& path) {
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR) base::throw_errno("unlink", path);
  // Our own root is the only file system in sight: the path below /proc/self/fd is not needed.
  const base::Fd inner(
      ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inner) base::throw_errno("open", path);
  base::empty_folder(inner.get(), path);
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0) base::throw_errno("rmdir", path);
}

bool is_whiteout(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == 0;
}

void make_opaque(int fd, const std::string& path) {
  if (::fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) != 0) {
    base::throw_errno("set trusted.overlay.opaque of", path);
  }
}

void make_whiteout(int folder, const std::string& name, const std::string& path) {
  if (::mknodat(folder, name.c_str(), S_IFCHR, 0) == 0) return;
  if (errno != EPERM) base::throw_errno("make a whiteout at", path);
  // Without the right to make devices the kernel still leaves a whiteout behind a renamed file.
  const std::string other = name.substr(0, 200) + ".stack-whiteout";
  const base::Fd file(
      ::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::syscall(SYS_renameat2, folder, name.c_str(), folder, other.c_str(),
                         4U /* RENAME_WHITEOUT */) != 0) {
    base::throw_errno("make a whiteout at", path);
  }
  if (::unlinkat(folder, other.c_str(), 0) != 0) base::throw_errno("unlink", path);
}

}  // namespace

std::string normal_entry_path(std::string_view written) {
  if (written.empty()) throw base::Error("an entry has no name");
  if (written.size() >= PATH_MAX) {
    throw base::Error(base::cat("an entry's name has ", written.size(), " bytes, more than ",
                                PATH_MAX - 1, " are refused"));
  }
  // ".." is taken as a word, before links are looked at: as containerd cleans names.
  return base::clean_path(base::cat("/", written)).substr(1);
}

base::Fd LayerTree::open_folder(const std::string& path, unsigned depth) {
  base::Fd out(open_in_root(root_.get(), path, O_RDONLY | O_DIRECTORY));
  if (out) return out;
  if (errno != ENOENT || path.empty()) base::throw_errno("open", path);
  if (depth > kMaxLinks) throw base::SysError(ELOOP, "open", path);
  const std::size_t slash = path.rfind('/');
  const std::string above = slash == std::string::npos ? "" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const base::Fd parent = open_folder(above, depth);
  if (::mkdirat(parent.get(), name.c_str(), 0755) != 0) {
    if (errno != EEXIST) base::throw_errno("mkdir", path);
    // A link to a folder that is still missing: that one is made.
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(parent.get(), name.c_str(), target.data(), target.size());
    if (size <= 0) throw base::SysError(ENOTDIR, "open", path);
    const std::string link(target.data(), static_cast<std::size_t>(size));
    const std::string whole = link.front() == '/' ? link : base::cat(above, "/", link);
    return open_folder(normal_entry_path(whole), depth + 1);
  }
  implied_.insert(path);
  out = base::Fd(open_in_root(root_.get(), path, O_RDONLY | O_DIRECTORY));
  if (!out) base::throw_errno("open", path);
  return out;
}

LayerTree::Target LayerTree::locate(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string above = slash == std::string::npos ? "" : path.substr(0, slash);
  if (!has_cached_ || cached_path_ != above) {
    has_cached_ = false;
    cached_ = open_folder(above, 0);
    cached_path_ = above;
    has_cached_ = true;
  }
  return {cached_.get(), slash == std::string::npos ? path : path.substr(slash + 1)};
}

// Makes room for a new entry.
void LayerTree::clear(const Target& target, const std::string& path) {
  if (target.name.empty()) throw base::Error("an entry would replace the root folder");
  struct stat info {};
  if (::fstatat(target.folder, target.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) base::throw_errno("stat", path);
    return;
  }
  remove_below(target.folder, target.name, path);
  // Folders below may have been the one that is kept open.
  if (S_ISDIR(info.st_mode) || S_ISLNK(info.st_mode)) has_cached_ = false;
}

void LayerTree::folder(const std::string& path, const EntryAttributes& attributes) {
  base::Fd fd;
  if (path.empty()) {
    fd = open_folder("", 0);
  } else {
    Target target = locate(path);
    struct stat info {};
    const bool there =
        ::fstatat(target.folder, target.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there || !S_ISDIR(info.st_mode)) {
      if (there) {
        clear(target, path);
        target = locate(path);
      }
      if (::mkdirat(target.folder, target.name.c_str(), 0700) != 0)
        base::throw_errno("mkdir", path);
    }
    fd = base::Fd(::openat(target.folder, target.name.c_str(),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) base::throw_errno("open", path);
    // Deleted and made again in one layer: nothing of the lower one's content shines through.
    if (there && is_whiteout(info)) make_opaque(fd.get(), path);
  }
  if (::fchown(fd.get(), attributes.uid, attributes.gid) != 0) base::throw_errno("chown", path);
  set_xattrs(fd.get(), path, attributes);
  if (::fchmod(fd.get(), attributes.mode) != 0) base::throw_errno("chmod", path);
  folder_times_[path] = attributes.modified;
  implied_.erase(path);
}

void LayerTree::symlink(const std::string& path, const std::string& target_text,
                        const EntryAttributes& attributes) {
  Target target = locate(path);
  clear(target, path);
  target = locate(path);
  if (::symlinkat(target_text.c_str(), target.folder, target.name.c_str()) != 0)
    base::throw_errno("symlink", path);
  finish_link(target.folder, target.name, path, attributes);
}

void LayerTree::hard_link(const std::string& path, const std::string& source) {
  if (skipped_.count(source) != 0) {
    skipped_.insert(path);
    return;
  }
  if (source == path) return;
  const std::size_t slash = source.rfind('/');
  const std::string above = slash == std::string::npos ? "" : source.substr(0, slash);
  const std::string name = slash == std::string::npos ? source : source.substr(slash + 1);
  const base::Fd from(open_in_root(root_.get(), above, O_PATH | O_DIRECTORY));
  struct stat info {};
  if (!from || name.empty() ||
      ::fstatat(from.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    throw base::Error(base::cat("hard link ", path, ": the layer has no ", source));
  }
  Target target = locate(path);
  struct stat old {};
  if (::fstatat(target.folder, target.name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 &&
      old.st_ino == info.st_ino && old.st_dev == info.st_dev) {
    return;  // the same file under another spelling
  }
  clear(target, path);
  target = locate(path);
  if (::linkat(from.get(), name.c_str(), target.folder, target.name.c_str(), 0) != 0)
    base::throw_errno("link", path);
}

void LayerTree::fifo(const std::string& path, const EntryAttributes& attributes) {
  Target target = locate(path);
  clear(target, path);
  target = locate(path);
  const char* name = target.name.c_str();
  if (::mknodat(target.folder, name, S_IFIFO | 0600, 0) != 0) base::throw_errno("mkfifo", path);
  finish_link(target.folder, target.name, path, attributes);
  if (::fchmodat(target.folder, name, attributes.mode, 0) != 0) base::throw_errno("chmod", path);
}

base::Fd LayerTree::file(const std::string& path, mode_t mode) {
  Target target = locate(path);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  base::Fd out;
  if (!target.name.empty())
    out = base::Fd(::openat(target.folder, target.name.c_str(), kFlags, mode & 0777U));
  if (!out) {
    if (!target.name.empty() && errno != EEXIST) base::throw_errno("open", path);
    clear(target, path);
    target = locate(path);
    out = base::Fd(::openat(target.folder, target.name.c_str(), kFlags, mode & 0777U));
    if (!out) base::throw_errno("open", path);
  }
  return out;
}

void LayerTree::finish_file(int fd, const std::string& path, const EntryAttributes& attributes) {
  // In this order: a change of owner takes capabilities and set-uid away, writing them the times.
  if ((attributes.uid != 0 || attributes.gid != 0) &&
      ::fchown(fd, attributes.uid, attributes.gid) != 0) {
    base::throw_errno("chown", path);
  }
  set_xattrs(fd, path, attributes);
  const bool has_mode = attributes.xattrs.empty() && (attributes.mode & ~0777U) == 0;
  if (!has_mode && ::fchmod(fd, attributes.mode) != 0) base::throw_errno("chmod", path);
  const std::array<timespec, 2> times = {attributes.modified, attributes.modified};
  if (::futimens(fd, times.data()) != 0) base::throw_errno("set times of", path);
}

bool LayerTree::whiteout(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (!base::starts_with(name, kWhiteout)) return false;
  const std::string above = slash == std::string::npos ? "" : path.substr(0, slash);
  if (name == kOpaque) {
    const base::Fd folder = open_folder(above, 0);
    make_opaque(folder.get(), above);
    return true;
  }
  if (base::starts_with(name, kMeta)) return true;  // aufs' own bookkeeping
  const std::string hidden = name.substr(kWhiteout.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    throw base::Error(base::cat("invalid whiteout name: ", name));
  }
  const std::string hidden_path = above.empty() ? hidden : base::cat(above, "/", hidden);
  Target target = locate(hidden_path);
  clear(target, hidden_path);
  target = locate(hidden_path);
  make_whiteout(target.folder, target.name, hidden_path);
  return true;
}

void LayerTree::finish() {
  // Deepest last in the map's order, yet setting times of one folder changes no other's.
  for (const auto& [path, modified] : folder_times_) {
    const base::Fd fd(open_in_root(root_.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (!fd) continue;  // replaced by a later entry
    const std::array<timespec, 2> times = {modified, modified};
    if (::futimens(fd.get(), times.data()) != 0) base::throw_errno("set times of", path);
  }
}

}  // namespace fetch
