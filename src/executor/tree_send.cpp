// send_tree(): reads by descriptor, never by a path that somebody could change under us.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/tree_stream.hpp"
#include "executor/tree_copy.hpp"

namespace executor {

namespace {

using base::TreeEntry;

constexpr std::size_t kDeepest = 400;  // each level holds a descriptor

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

class TreeSender {
 public:
  explicit TreeSender(int stream) : stream_(stream) {}

  void send_top(const SendTree& request) {
    const int link = request.follow ? 0 : AT_SYMLINK_NOFOLLOW;
    struct stat info {};
    if (::fstatat(AT_FDCWD, request.source.c_str(), &info, link) != 0) {
      base::throw_errno("copy", request.source);
    }
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
      const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
      base::Fd fd(::open(request.source.c_str(), request.follow ? flags : flags | O_NOFOLLOW));
      if (!fd) base::throw_errno("open", request.source);
      send_open(std::move(fd), "", 0);
    } else if (!send_other(AT_FDCWD, request.source, info, "")) {
      throw base::Error(base::cat(request.source, " is neither a file nor a folder"));
    }
    base::write_entry(stream_, {});
  }

  std::vector<std::string> left_out;

 private:
  static TreeEntry entry_of(const struct stat& info, TreeEntry::Kind kind,
                            const std::string& path) {
    TreeEntry out;
    out.kind = kind;
    out.path = path;
    out.mode = info.st_mode & 07777U;
    out.uid = info.st_uid;
    out.gid = info.st_gid;
    out.mtime_ns =
        static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
    return out;
  }

  void send_open(base::Fd fd, const std::string& path, std::size_t depth) {
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) base::throw_errno("stat", path);
    if (S_ISREG(info.st_mode)) {
      TreeEntry entry = entry_of(info, TreeEntry::Kind::File, path);
      entry.size = static_cast<std::uint64_t>(info.st_size);
      base::write_entry(stream_, entry);
      if (!base::copy_bytes(fd.get(), stream_, entry.size, base::Short::Fill)) {
        left_out.push_back(path + ": became shorter while it was read");
      }
    } else if (S_ISDIR(info.st_mode)) {
      base::write_entry(stream_, entry_of(info, TreeEntry::Kind::Folder, path));
      if (depth >= kDeepest) {
        left_out.push_back(path + ": too deep");
      } else {
        send_folder(std::move(fd), path, depth);
      }
    } else {
      left_out.push_back(path + ": changed while it was read");
    }
  }

  void send_folder(base::Fd fd, const std::string& path, std::size_t depth) {
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(base::sys::dup(fd.get()).release()));
    if (!folder) base::throw_errno("list", path);
    std::vector<std::string> names;
    while (const dirent* each = ::readdir(folder.get())) {
      if (std::strcmp(each->d_name, ".") != 0 && std::strcmp(each->d_name, "..") != 0) {
        names.emplace_back(each->d_name);
      }
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const std::string below = path.empty() ? name : base::cat(path, "/", name);
      struct stat info {};
      if (::fstatat(fd.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone
      if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        if (!send_other(fd.get(), name, info, below)) {
          left_out.push_back(below + ": neither a file nor a folder");
        }
        continue;
      }
      base::Fd next(::openat(fd.get(), name.c_str(),
                             O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW));
      if (!next) {
        left_out.push_back(base::cat(below, ": ", base::errno_text(errno)));
        continue;
      }
      send_open(std::move(next), below, depth + 1);
    }
  }

  // A link; false: nothing that is copied.
  bool send_other(int dir, const std::string& name, const struct stat& info,
                  const std::string& path) {
    if (!S_ISLNK(info.st_mode)) return false;
    std::string target(4096, '\0');
    const ssize_t n = ::readlinkat(dir, name.c_str(), target.data(), target.size());
    if (n <= 0) return false;
    TreeEntry entry = entry_of(info, TreeEntry::Kind::Link, path);
    target.resize(static_cast<std::size_t>(n));
    entry.target = std::move(target);
    base::write_entry(stream_, entry);
    return true;
  }

  int stream_;
};

}  // namespace

std::vector<std::string> send_tree(int stream, const SendTree& request) {
  TreeSender sender(stream);
  sender.send_top(request);
  return std::move(sender.left_out);
}

}  // namespace executor
