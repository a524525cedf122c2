// receive_tree(): writes below one folder. A new file appears whole, under its name, or not at all.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/tree_stream.hpp"
#include "executor/tree_copy.hpp"

namespace executor {

namespace {

using base::TreeEntry;

constexpr const char* kTemporary = ".stack-cp.tmp";

// A folder below `dir`, through no link at all.
base::Fd open_below(int dir, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  return base::Fd(static_cast<int>(::syscall(SYS_openat2, dir, name, &how, sizeof how)));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string last_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 == 0
}

class TreeReceiver {
 public:
  TreeReceiver(int stream, const ReceiveTree& request) : stream_(stream), request_(request) {}

  void run() {
    TreeEntry entry = base::read_entry(stream_);
    if (entry.kind == TreeEntry::Kind::End) throw base::Error("there is nothing to copy");
    choose_place(entry);
    for (; entry.kind != TreeEntry::Kind::End; entry = base::read_entry(stream_)) write(entry);
  }

 private:
  // What "" in the stream is here: `top_` in the folder `root_`, "" the folder itself.
  void choose_place(const TreeEntry& first) {
    std::string target = request_.target;
    struct stat info {};
    const bool there = ::stat(target.c_str(), &info) == 0;
    const bool folder = first.kind == TreeEntry::Kind::Folder;
    if (there && S_ISDIR(info.st_mode)) {
      root_ = base::sys::open(target, O_PATH | O_DIRECTORY);
      if (!(folder && request_.contents)) top_ = request_.name;
      return;
    }
    if (there && folder) throw base::Error(base::cat(target, " is a file, no folder"));
    if (!there && !folder && target.ends_with('/')) {
      throw base::Error(base::cat("there is no folder ", target));
    }
    if (there) {
      // Where a link leads to a file, the file is meant.
      char* real = ::realpath(target.c_str(), nullptr);
      if (real != nullptr) target = real;
      std::free(real);  // NOLINT: from realpath
    }
    while (target.size() > 1 && target.back() == '/') target.pop_back();
    const std::string parent = target.find('/') == std::string::npos ? "." : folder_of(target);
    root_ = base::sys::open(parent.empty() ? "/" : parent, O_PATH | O_DIRECTORY);
    top_ = last_of(target);
  }

  [[nodiscard]] std::string place_of_entry(const TreeEntry& entry) const {
    if (entry.path.empty()) return top_;
    return top_.empty() ? entry.path : base::cat(top_, "/", entry.path);
  }

  void write(const TreeEntry& entry) {
    const std::string path = place_of_entry(entry);
    if (path.empty()) return;  // the folder that is there
    base::Fd dir = open_below(root_.get(), folder_of(path));
    if (!dir && errno == ENOENT) dir = make_parents(folder_of(path));
    if (!dir) base::throw_errno("open the folder of", path);
    const std::string name = last_of(path);
    switch (entry.kind) {
      case TreeEntry::Kind::Folder:
        make_folder(dir.get(), name, entry, path);
        break;
      case TreeEntry::Kind::File:
        make_file(dir.get(), name, entry, path);
        break;
      case TreeEntry::Kind::Link:
        ::unlinkat(dir.get(), name.c_str(), 0);
        if (::symlinkat(entry.target.c_str(), dir.get(), name.c_str()) != 0) {
          base::throw_errno("make the link", path);
        }
        if (request_.keep_owners) {
          (void)::fchownat(dir.get(), name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW);
        }
        break;
      case TreeEntry::Kind::Pipe:
      case TreeEntry::Kind::Device:
      case TreeEntry::Kind::End:
        break;
    }
  }

  // A tar stream need not name the folders that its files are in.
  base::Fd make_parents(const std::string& path) const {
    for (std::size_t slash = path.find('/');; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      const base::Fd above = open_below(root_.get(), folder_of(part));
      if (!above) return {};
      if (::mkdirat(above.get(), last_of(part).c_str(), 0755) != 0 && errno != EEXIST) return {};
      if (slash == std::string::npos) return open_below(root_.get(), path);
    }
  }

  [[nodiscard]] mode_t mode_of(const TreeEntry& entry) const {
    return entry.mode & (request_.keep_owners ? 07777U : 01777U);
  }

  void make_folder(int dir, const std::string& name, const TreeEntry& entry,
                   const std::string& path) {
    if (::mkdirat(dir, name.c_str(), 0700) != 0) {
      if (errno != EEXIST || !open_below(dir, name)) base::throw_errno("make the folder", path);
      return;  // its own mode stays
    }
    const base::Fd made = base::sys::open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (request_.keep_owners && ::fchown(made.get(), entry.uid, entry.gid) != 0) {
      base::throw_errno("chown", path);
    }
    if (::fchmod(made.get(), mode_of(entry)) != 0) base::throw_errno("chmod", path);
  }

  void make_file(int dir, const std::string& name, const TreeEntry& entry,
                 const std::string& path) {
    ::unlinkat(dir, kTemporary, 0);
    base::Fd file(
        ::openat(dir, kTemporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) base::throw_errno("make the file", path);
    try {
      base::copy_bytes(stream_, file.get(), entry.size, base::Short::Refuse);
    } catch (const base::Error&) {
      ::unlinkat(dir, kTemporary, 0);
      throw;
    }
    if (request_.keep_owners && ::fchown(file.get(), entry.uid, entry.gid) != 0) {
      base::throw_errno("chown", path);
    }
    const timespec time{entry.mtime_ns / 1'000'000'000, entry.mtime_ns % 1'000'000'000};
    const timespec times[2] = {time, time};
    if (::fchmod(file.get(), mode_of(entry)) != 0) base::throw_errno("chmod", path);
    (void)::futimens(file.get(), times);
    if (::renameat(dir, kTemporary, dir, name.c_str()) == 0) return;
    const int error = errno;
    if (error == EBUSY) overwrite(dir, name, file.get(), entry.size, path);
    ::unlinkat(dir, kTemporary, 0);
    if (error != EBUSY) throw base::SysError(error, "write", path);
  }

  // A file that is mounted, such as /etc/hosts, cannot be replaced, only written.
  static void overwrite(int dir, const std::string& name, int from, std::uint64_t size,
                        const std::string& path) {
    const base::Fd to =
        base::sys::open_at(dir, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (::lseek(from, 0, SEEK_SET) != 0) base::throw_errno("seek", path);
    base::copy_bytes(from, to.get(), size, base::Short::Refuse);
  }

  int stream_;
  const ReceiveTree& request_;
  base::Fd root_;
  std::string top_;
};

}  // namespace

void receive_tree(int stream, const ReceiveTree& request) {
  TreeReceiver(stream, request).run();
}

}  // namespace executor
