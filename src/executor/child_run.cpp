// The child's loop over its steps. See child_program.hpp for the rules that hold here.
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "executor/child_parts.hpp"
#include "executor/child_program.hpp"
#include "executor/kernel_calls.hpp"

namespace executor {

namespace {

// linux/filter.h clashes with nothing, but we need one struct of it only.
struct FilterProgram {
  unsigned short length;
  const sock_filter* filter;
};

[[noreturn]] void fail(const ChildProgram& program, const Step& step, int errnum, Detail detail) {
  char buffer[1024];
  FailureRecord record;
  record.errnum = errnum;
  record.op = step.op;
  record.detail = detail;
  const std::size_t room = sizeof(buffer) - sizeof(record);
  std::size_t length = ::strlen(step.what);
  if (length > room) length = room;
  record.length = static_cast<std::uint16_t>(length);
  std::memcpy(buffer, &record, sizeof(record));
  std::memcpy(buffer + sizeof(record), step.what, length);
  if (::write(program.status_fd, buffer, sizeof(record) + length) < 0) _exit(126);
  _exit(127);
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < 65; ++number) {
    if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33) continue;
    ::sigaction(number, &standard, nullptr);
  }
  // Also what the C library keeps for itself: raw, eight bytes of mask.
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof(none));
}

bool set_stdio(ChildProgram& program) {
  // Sources may themselves lie in 0..2: lift them out of the way first.
  int from[3];
  for (int i = 0; i < 3; ++i) {
    const int source = program.stdio[i];
    from[i] = source < 0 ? ::open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC) : source;
    if (from[i] < 0) return false;
    if (from[i] < 3) from[i] = ::fcntl(from[i], F_DUPFD_CLOEXEC, 3);
    if (from[i] < 0) return false;
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(from[i], i) < 0) return false;
  }
  if (::setsid() < 0 && errno != EPERM) return false;
  return !program.tty || ::ioctl(0, TIOCSCTTY, 0) == 0;
}

bool set_limit(const Step& step) {
  rlimit wanted{};
  wanted.rlim_cur = step.number;
  wanted.rlim_max = step.high;
  return ::syscall(SYS_prlimit64, 0, step.slot, &wanted, nullptr) == 0;
}

bool change_dir(const Step& step) {
  if (::chdir(step.path) == 0) return true;
  if (errno != ENOENT || step.number == 0) return false;
  const int fd = child::open_target(step.path, child::Kind::Folder);
  return fd >= 0 && ::fchdir(fd) == 0;
}

bool apply_filter(const ChildProgram& program) {
  const FilterProgram filter{program.filter_length, program.filter};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

// The new process is born inside every namespace of the container, a sibling of this one; this
// one was never visible in there.
bool fork_inside(const ChildProgram& program) {
  kernel::CloneArgs args;
  args.flags = kernel::kCloneParent;
  const pid_t pid = kernel::clone3(args);
  if (pid < 0) return false;
  if (pid == 0) return true;
  _exit(::write(program.pid_fd, &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1);
}

bool run(ChildProgram& program, const Step& step, Detail& detail) {
  switch (step.op) {
    case Op::WriteFd: {
      const std::size_t length = ::strlen(step.text);
      return ::write(step.fd, step.text, length) == static_cast<ssize_t>(length);
    }
    case Op::Setns:
      return ::setns(step.fd, static_cast<int>(step.number)) == 0;
    case Op::Unshare:
      return ::unshare(static_cast<int>(step.number)) == 0;
    case Op::Stdio:
      return set_stdio(program);
    case Op::MakePrivate:
      return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    case Op::OpenTree:
      return child::open_tree_step(program, step);
    case Op::MountOverlay:
      return child::mount_overlay(step);
    case Op::MountLayers:
      return child::mount_layers(program, step);
    case Op::Pivot:
      return child::pivot(step.path);
    case Op::MountFs:
      return child::mount_fs(step);
    case Op::Attach:
      return child::attach(program, step);
    case Op::SeedVolume:
      return child::seed_volume(program, step);
    case Op::PlaceFile:
      return child::place_file(program, step);
    case Op::Mkdir:
      return ::mkdir(step.path, static_cast<mode_t>(step.number)) == 0;
    case Op::Mknod:
      return child::make_node(step);
    case Op::Symlink:
      return child::make_link(step);
    case Op::Mask:
      return child::mask(step.path);
    case Op::ReadOnly:
      return child::read_only(step.path);
    case Op::RemountRead:
      return ::mount(nullptr, step.path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | step.number,
                     nullptr) == 0;
    case Op::WriteFile:
    case Op::Sysctl:
      return child::write_file(step.path, step.text);
    case Op::Hostname:
      return ::sethostname(step.text, ::strlen(step.text)) == 0;
    case Op::Domainname:
      return ::setdomainname(step.text, ::strlen(step.text)) == 0;
    case Op::Limit:
      return set_limit(step);
    case Op::Workdir:
      return change_dir(step);
    case Op::User:
      return child::find_user(program, detail);
    case Op::Bounding:
      return child::drop_bounding(step.number);
    case Op::NoNewPrivs:
      return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    case Op::Seccomp:
      return apply_filter(program);
    case Op::Become:
      return child::become(program, step.number);
    case Op::Fork:
      return fork_inside(program);
    case Op::Init:
      return child::become_init(program, step.fd);
    case Op::Exec:
      child::exec_program(program, detail);
      return false;
  }
  errno = EINVAL;
  return false;
}

}  // namespace

void run_child(ChildProgram& program) {
  // Nobody inside reads our memory or follows our /proc/PID/exe until exec.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  reset_signals();
  // Marks everything; the copies made by dup2 below are the only ones without the mark.
  if (kernel::close_range(0, kernel::kCloseRangeCloexec) != 0) {  // before 5.11
    for (int fd = 0; fd < 4096; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  ::umask(0022);
  for (const Step& step : program.steps) {
    Detail detail = Detail::None;
    if (!run(program, step, detail)) fail(program, step, errno, detail);
  }
  _exit(127);
}

}  // namespace executor
