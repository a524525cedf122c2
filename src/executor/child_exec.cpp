// The child's last acts: the small reaper of `init: true`, and exec itself.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "executor/child_parts.hpp"
#include "executor/kernel_calls.hpp"

namespace executor::child {

namespace {

constexpr std::uint64_t kAllSignals = ~std::uint64_t{0};

// Reaps everything, passes signals on to `payload`, ends with its exit code. All signals are
// blocked: that is what makes the kernel queue them for pid 1, which has no handlers.
[[noreturn]] void reap(pid_t payload) {
  const std::uint64_t all = kAllSignals;
  while (true) {
    siginfo_t info{};
    const long number = ::syscall(SYS_rt_sigtimedwait, &all, &info, nullptr, sizeof(all));
    if (number < 0) continue;
    if (number != SIGCHLD) {
      ::kill(payload, static_cast<int>(number));
      continue;
    }
    // One SIGCHLD stands for any number of ends.
    while (true) {
      int status = 0;
      const auto pid = static_cast<pid_t>(::syscall(SYS_wait4, -1, &status, WNOHANG, nullptr));
      if (pid <= 0) break;
      if (pid != payload) continue;
      if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
      if (WIFSIGNALED(status)) _exit(128 + WTERMSIG(status));
    }
  }
}

// Signals stay blocked, and those that wait stay waiting, across the exec. Returns on failure.
void exec_reaper(int reaper, pid_t payload) {
  char number[16];
  char* at = number + sizeof(number);
  *--at = '\0';
  for (unsigned rest = static_cast<unsigned>(payload);
       at == number + sizeof(number) - 1 || rest > 0; rest /= 10) {
    *--at = static_cast<char>('0' + rest % 10);
  }
  char name[] = "init";
  char* const argv[] = {name, at, nullptr};
  char* const envp[] = {nullptr};
  if (reaper >= 0) ::syscall(SYS_execveat, reaper, "", argv, envp, kernel::kAtEmptyPath);
}

}  // namespace

bool become_init(ChildProgram& program, int reaper) {
  const std::uint64_t all = kAllSignals;
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof(all));
  // Not clone3: the container's filter already holds.
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (pid < 0) return false;
  if (pid == 0) {
    // A group of its own, in front of the terminal: ^C reaches it once, not twice.
    ::setpgid(0, 0);
    if (program.tty) ::tcsetpgrp(0, ::getpid());
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof(none));
    return true;
  }
  ::setpgid(pid, pid);
  ::chdir("/");
  // A reader of the payload's output must see its end.
  for (int fd = 0; fd <= 2; ++fd) ::syscall(SYS_close, fd);
  exec_reaper(reaper, pid);
  // Without an exec it has to let go of everything itself.
  kernel::close_range(0, 0);
  constexpr char kName[] = "init";
  ::prctl(PR_SET_NAME, kName, 0, 0, 0);
  reap(pid);
}

void exec_program(const ChildProgram& program, Detail& detail) {
  int worst = ENOENT;
  for (const char** path = program.candidates; *path != nullptr; ++path) {
    ::execve(*path, const_cast<char* const*>(program.argv), const_cast<char* const*>(program.envp));
    if (errno == ENOENT || errno == ENOTDIR) {
      struct stat info {};
      const int saved = errno;
      if (::stat(*path, &info) == 0) {
        detail = Detail::Interpreter;
        errno = saved;
        return;
      }
      continue;
    }
    if (errno != EACCES) return;
    struct stat info {};
    worst = EACCES;
    detail = ::stat(*path, &info) == 0 && S_ISDIR(info.st_mode) ? Detail::Directory : Detail::None;
  }
  errno = worst;
}

}  // namespace executor::child
