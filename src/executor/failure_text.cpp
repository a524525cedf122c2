#include "executor/failure_text.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/text.hpp"

namespace executor {

namespace {

LaunchFailure describe_exec(const FailureRecord& record, const std::string& program,
                            const std::string& path) {
  LaunchFailure out;
  out.errnum = record.errnum;
  if (record.detail == Detail::Interpreter) {
    out.text = program + ": the program is there, but its interpreter or loader is not";
    out.hint =
        "look at its first line (#!) or, for a binary, whether the image has the C library it was "
        "built for";
    return out;
  }
  switch (record.errnum) {
    case ENOENT:
    case ENOTDIR:
      out.text = program + ": no such program in the image";
      out.no_such_program = true;
      if (!path.empty()) out.text += base::cat(" (PATH=", path, ")");
      out.hint = "check command: and entrypoint:, and that the image has the program";
      break;
    case EACCES:
      out.text = program + (record.detail == Detail::Directory ? ": is a folder, not a program"
                                                               : ": permission denied");
      out.hint = "the file must be executable for the container's user, in folders it may enter";
      break;
    case ENOEXEC:
      out.text = program + ": not a program for this machine";
      out.hint =
          "a script needs a first line such as #!/bin/sh; a binary must be built for this "
          "processor";
      break;
    case E2BIG:
      out.text = program + ": arguments and environment are too long";
      break;
    default:
      out.text = base::cat(program, ": ", base::errno_text(record.errnum));
  }
  return out;
}

std::string limit_hint(int errnum) {
  if (errnum == EPERM) {
    return "raising a limit above the machine's own needs CAP_SYS_RESOURCE, which is missing here: "
           "lower it";
  }
  return errnum == EINVAL ? "the soft limit must not be above the hard limit" : std::string();
}

std::string hint_for(const FailureRecord& record) {
  switch (record.op) {
    case Op::Limit:
      return limit_hint(record.errnum);
    case Op::OpenTree:
      if (record.errnum == ENOENT) {
        return "the source must exist on this machine (create_host_path: true makes it)";
      }
      if (record.errnum == EXDEV) return "a link inside the volume leads out of it";
      return {};
    case Op::Attach:
      if (record.errnum == EROFS) return "the target must exist where it lies in a read-only mount";
      if (record.errnum == ENOTDIR || record.errnum == EISDIR || record.errnum == EINVAL) {
        return "a folder can only be mounted over a folder, a file over a file";
      }
      return {};
    case Op::MountFs:
      if (record.errnum == ELOOP) return "the image has a symbolic link there: it must be a folder";
      if (record.errnum == EINVAL) return "check the options of the mount";
      return {};
    case Op::Sysctl:
      if (record.errnum == ENOENT) return "this kernel has no such setting";
      if (record.errnum == EINVAL) return "the kernel does not accept the value";
      return {};
    case Op::WriteFile:
      if (record.errnum == EACCES || record.errnum == EPERM) {
        return "lowering it needs CAP_SYS_RESOURCE, which is missing here";
      }
      return {};
    case Op::Workdir:
      return "it must be a folder that can be entered or made in the image";
    case Op::MountOverlay:
    case Op::MountLayers:
      return "the kernel needs overlayfs, and the data root a file system that supports it as "
             "upper "
             "layer (not an overlay itself)";
    case Op::Fork:
    case Op::Init:
      return record.errnum == EAGAIN ? "the container's pids_limit is reached" : std::string();
    case Op::WriteFd:
      return "the container's cgroup must exist and take processes";
    case Op::Hostname:
    case Op::Domainname:
      return record.errnum == EINVAL ? "at most 64 characters" : std::string();
    case Op::User:
      if (record.errnum == EINVAL || record.errnum == ELOOP) {
        return "the image's /etc/passwd and /etc/group must be files inside it";
      }
      return {};
    case Op::Setns:
    case Op::Unshare:
    case Op::Stdio:
    case Op::MakePrivate:
    case Op::Pivot:
    case Op::SeedVolume:
    case Op::PlaceFile:
    case Op::Mkdir:
    case Op::Mknod:
    case Op::Symlink:
    case Op::Mask:
    case Op::ReadOnly:
    case Op::RemountRead:
    case Op::Bounding:
    case Op::NoNewPrivs:
    case Op::Seccomp:
    case Op::Become:
    case Op::Exec:
      return {};
  }
  return {};
}

}  // namespace

LaunchFailure describe_failure(const FailureRecord& record, const std::string& what) {
  const std::size_t separator = what.find('\x1f');
  const std::string object = what.substr(0, separator);
  const std::string extra = separator == std::string::npos ? "" : what.substr(separator + 1);
  if (record.op == Op::Exec) return describe_exec(record, object, extra);
  LaunchFailure out;
  out.errnum = record.errnum;
  if (record.detail == Detail::NoSuchUser) {
    out.text = object + ": no such user in the image's /etc/passwd";
    out.hint = "use a number, or a user that the image has";
  } else if (record.detail == Detail::NoSuchGroup) {
    out.text = object + ": a group of user: or group_add: is not in the image's /etc/group";
    out.hint = "use numbers, or groups that the image has";
  } else {
    out.text = base::cat(object, ": ", base::errno_text(record.errnum));
    out.hint = hint_for(record);
  }
  return out;
}

std::optional<LaunchFailure> read_failure(int status_fd) {
  std::array<char, 4096> buffer{};
  std::size_t used = 0;
  while (used < buffer.size()) {
    const ssize_t got = ::read(status_fd, buffer.data() + used, buffer.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) base::throw_errno("read", "the status of the new process");
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  FailureRecord record;
  if (used < sizeof(record)) return {};
  std::memcpy(&record, buffer.data(), sizeof(record));
  const std::size_t length = std::min<std::size_t>(record.length, used - sizeof(record));
  return describe_failure(record, std::string(buffer.data() + sizeof(record), length));
}

}  // namespace executor
