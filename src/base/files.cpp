#include "base/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace base {

namespace {

struct CloseDir {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

std::vector<std::string> names_in(int dir_fd, const std::string& path) {
  Dir dir(::fdopendir(dir_fd));
  if (!dir) {
    const int saved = errno;
    ::close(dir_fd);
    throw SysError(saved, "opendir", path);
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// A folder that is being emptied, and the names in it that are still to go.
struct Level {
  Fd dir;
  std::string path;  // for messages
  std::vector<std::string> names;
};

Level open_level(int parent, const std::string& name, const std::string& path) {
  Fd dir(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir) {
    if (errno == ENOENT) return {};
    throw_errno("open", path);
  }
  std::vector<std::string> names = names_in(sys::dup(dir.get()).release(), path);
  return {std::move(dir), path, std::move(names)};
}

// Puts the folder `name` of `from` beside the others at the top. What it may replace there, an
// empty folder, was to go as well.
void move_to_top(const Level& from, const std::string& name, const Level& top) {
  static std::atomic<unsigned> counter{0};
  while (::renameat(from.dir.get(), name.c_str(), top.dir.get(),
                    cat(".deep.", counter++).c_str()) != 0) {
    if (errno == ENOENT) return;
    if (errno == EBUSY) {
      throw SysError(EBUSY, "remove", cat(from.path, "/", name),
                     "something is still mounted there");
    }
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
      throw_errno("rename", cat(from.path, "/", name));
    }
  }
}

// Empties what lies below `levels.front()`, on `device`. False when there is more, moved to the
// top: a tree may be deeper than there are descriptors, and its paths longer than a stack holds.
bool empty_levels(std::vector<Level> levels, dev_t device) {
  constexpr std::size_t kDeepest = 32;
  bool all = true;
  while (true) {
    Level& level = levels.back();
    if (level.names.empty()) {
      if (levels.size() == 1) return all;
      const std::string path = std::move(level.path);
      levels.pop_back();
      Level& parent = levels.back();
      if (::unlinkat(parent.dir.get(), parent.names.back().c_str(), AT_REMOVEDIR) != 0 &&
          errno != ENOENT) {
        throw_errno("rmdir", path);
      }
      parent.names.pop_back();
      continue;
    }
    const std::string& name = level.names.back();
    CRASH_POINT("remove-tree/entry");
    if (::unlinkat(level.dir.get(), name.c_str(), 0) == 0 || errno == ENOENT) {
      level.names.pop_back();
      continue;
    }
    if (errno != EISDIR && errno != EPERM) throw_errno("unlink", cat(level.path, "/", name));
    Level below = open_level(level.dir.get(), name, cat(level.path, "/", name));
    struct stat info {};
    if (below.dir && ::fstat(below.dir.get(), &info) != 0) throw_errno("stat", below.path);
    if (below.dir && info.st_dev != device) {
      throw SysError(EBUSY, "remove", below.path, "something is still mounted there");
    }
    if (below.dir && levels.size() < kDeepest) {
      levels.push_back(std::move(below));
      continue;
    }
    if (below.dir) {
      move_to_top(level, name, levels.front());
      all = false;
    }
    level.names.pop_back();
  }
}

// Removes the entries below `dir`, which lies on `device`.
void empty_dir(int dir, const std::string& path, dev_t device) {
  bool all = false;
  while (!all) {
    std::vector<Level> levels;
    levels.push_back(open_level(dir, ".", path));
    all = empty_levels(std::move(levels), device);
  }
}

}  // namespace

std::string read_file(const std::string& path, std::size_t limit) {
  return sys::read_all(sys::open(path, O_RDONLY).get(), path, limit);
}

std::string read_start(const std::string& path, std::size_t most) {
  const Fd fd = sys::open(path, O_RDONLY);
  struct stat info {};
  const bool regular = ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode);
  std::size_t room = regular ? static_cast<std::size_t>(info.st_size) + 1 : 65536;
  std::string out;
  while (out.size() < most) {
    const std::size_t used = out.size();
    out.resize(used + std::min(room, most - used));
    const ssize_t n = ::read(fd.get(), out.data() + used, out.size() - used);
    out.resize(used + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && errno != EINTR) throw_errno("read", path);
    if (n == 0) break;
    room = 65536;
  }
  return out;
}

std::optional<std::string> try_read_file(const std::string& path, std::size_t limit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    throw_errno("open", path);
  }
  return sys::read_all(fd.get(), path, limit);
}

void write_if_other(const std::string& path, std::string_view content) {
  if (try_read_file(path) != content) write_atomic(path, content);
}

void write_atomic(const std::string& path, std::string_view content, WriteOptions options) {
  static std::atomic<unsigned> counter{0};
  const std::string temporary = cat(path, ".tmp.", ::getpid(), ".", counter++);
  try {
    CRASH_POINT("write/", base_name(path), "/before");
    const Fd fd = sys::open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, options.mode);
    CRASH_POINT("write/", base_name(path), "/made");
    if (::fchmod(fd.get(), options.mode) != 0) throw_errno("chmod", temporary);
    sys::write_all(fd.get(), content, path);
    if (options.durable && ::fsync(fd.get()) != 0) throw_errno("fsync", path);
    CRASH_POINT("write/", base_name(path), "/written");
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_errno("rename", path);
    CRASH_POINT("write/", base_name(path), "/renamed");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (options.durable) {
    const Fd dir = sys::open(parent_dir(path), O_RDONLY | O_DIRECTORY);
    ::fsync(dir.get());
  }
}

void write_kernel(const std::string& path, std::string_view value) {
  CRASH_POINT("kernel-file/", base_name(path), "/before");
  const Fd fd = sys::open(path, O_WRONLY);
  if (::write(fd.get(), value.data(), value.size()) < 0) {
    throw SysError(errno, cat("write \"", value, "\" to"), path);
  }
  CRASH_POINT("kernel-file/", base_name(path), "/after");
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::vector<std::string> list_dir(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    throw_errno("open", path);
  }
  std::vector<std::string> names = names_in(fd, path);
  std::sort(names.begin(), names.end());
  return names;
}

void remove_file(const std::string& path) {
  CRASH_POINT("unlink/", base_name(path), "/before");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
    throw_errno("unlink", path);
  }
  CRASH_POINT("unlink/", base_name(path), "/after");
}

void remove_tree(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    throw_errno("stat", path);
  }
  if (!S_ISDIR(info.st_mode)) {
    remove_file(path);
    return;
  }
  {
    const Fd dir = sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    CRASH_POINT("remove-tree/before");
    empty_dir(dir.get(), path, info.st_dev);
    CRASH_POINT("remove-tree/emptied");
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) throw_errno("rmdir", path);
  CRASH_POINT("remove-tree/after");
}

void empty_folder(int dir, const std::string& path) {
  struct stat info {};
  if (::fstat(dir, &info) != 0) throw_errno("stat", path);
  empty_dir(dir, path, info.st_dev);
}

std::optional<Fd> lock_file(const std::string& path, LockOptions options) {
  while (true) {
    Fd fd = sys::open(path, O_RDWR | O_CREAT, 0600);
    int operation = options.shared ? LOCK_SH : LOCK_EX;
    if (!options.wait) operation |= LOCK_NB;
    while (::flock(fd.get(), operation) != 0) {
      if (errno == EWOULDBLOCK) return {};
      if (errno != EINTR) throw_errno("flock", path);
    }
    // The file may have been removed while we waited; a lock on a name nobody sees guards nothing.
    struct stat held {};
    struct stat named {};
    if (::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
        held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
      return fd;
    }
  }
}

std::string clean_path(std::string_view path) {
  const bool rooted = !path.empty() && path.front() == '/';
  std::vector<std::string> out;
  for (std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!out.empty() && out.back() != "..") {
        out.pop_back();
        continue;
      }
      if (rooted) continue;
    }
    out.push_back(std::move(part));
  }
  std::string joined = join(out, "/");
  if (rooted) return "/" + joined;
  return joined.empty() ? "." : joined;
}

std::string absolute_path(const std::string& base, std::string_view path) {
  if (!path.empty() && path.front() == '/') return clean_path(path);
  return clean_path(cat(base, "/", path));
}

std::string parent_dir(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string base_name(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace base
