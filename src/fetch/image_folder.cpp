#include "fetch/image_folder.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.hpp"
#include "base/text.hpp"
#include "fetch/unpack_server.hpp"

namespace fetch {

namespace {

// What comes through a pipe, in a file: an archive is read at offsets.
base::Fd spooled(int pipe, const std::string& shown, const std::string& path) {
  base::Fd out = base::sys::open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  std::string buffer(1U << 20U, '\0');
  while (true) {
    const ssize_t got = ::read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) base::throw_errno("read", shown);
    if (got == 0) return out;
    base::sys::write_all(out.get(), buffer.substr(0, static_cast<std::size_t>(got)), path);
  }
}

}  // namespace

ImageFolder ImageFolder::open(const std::string& path) {
  return ImageFolder(base::sys::open(path, O_PATH | O_DIRECTORY), path);
}

ImageFolder ImageFolder::unpack(const std::string& path, StoreWriter& store) {
  base::Fd file = base::sys::open(path, O_RDONLY);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) base::throw_errno("stat", path);
  if (S_ISFIFO(info.st_mode)) {
    file = spooled(file.get(), path, store.scratch() + "/piped");
  } else if (!S_ISREG(info.st_mode)) {
    throw base::Error(base::cat(path, " is not a file"));
  }
  const std::string folder = store.scratch() + "/archive";
  base::sys::make_dir(folder, 0700);
  base::Fd tree = base::sys::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  UnpackReport report(UnpackServer::get().unpack(file.get(), tree.get()));
  while (report.read()) {
  }
  try {
    (void)report.result();
  } catch (const base::Error& error) {
    throw base::Error(base::cat(path, ": ", error.what()), error.hint());
  }
  return ImageFolder(std::move(tree), path);
}

base::Fd ImageFolder::open_member(const std::string& member) const {
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  base::Fd out(
      static_cast<int>(::syscall(SYS_openat2, folder_.get(), member.c_str(), &how, sizeof(how))));
  if (!out) throw base::SysError(errno, "open", base::cat(shown_, ": ", member));
  struct stat info {};
  if (::fstat(out.get(), &info) != 0) base::throw_errno("stat", member);
  if (!S_ISREG(info.st_mode)) throw base::Error(base::cat(shown_, ": ", member, " is not a file"));
  return out;
}

bool ImageFolder::has(const std::string& member) const {
  struct stat info {};
  return ::fstatat(folder_.get(), member.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

std::string ImageFolder::read(const std::string& member, std::size_t limit) const {
  const base::Fd fd = open_member(member);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) base::throw_errno("stat", member);
  if (static_cast<std::uint64_t>(info.st_size) > limit) {
    throw base::Error(base::cat(shown_, ": ", member, " has ", info.st_size, " bytes, more than ",
                                limit, " are refused"));
  }
  return base::sys::read_all(fd.get(), member, limit);
}

}  // namespace fetch
