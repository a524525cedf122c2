#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/pick.hpp"
#include "cli/pty.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "executor/enter.hpp"

namespace cli {

namespace {

constexpr int kCannotExecute = 126, kNotFound = 127;

std::vector<std::string> variables(const Context& context, const ExecArgs& args, bool tty) {
  std::vector<std::string> out;
  bool has_term = false;
  for (const std::string& each : args.environment) {
    has_term = has_term || base::starts_with(each, "TERM=");
    if (each.find('=') != std::string::npos) {
      out.push_back(each);
    } else if (const auto at = context.environment.find(each); at != context.environment.end()) {
      out.push_back(base::cat(each, "=", at->second));
    }
  }
  const auto term = context.environment.find("TERM");
  if (tty && !has_term) {
    out.push_back("TERM=" +
                  (term == context.environment.end() ? std::string("xterm") : term->second));
  }
  return out;
}

// Until `process` has ended; signals sent to us are for the program.
void wait_and_forward(const base::PidFd& process, Signals& signals) {
  while (true) {
    std::array<pollfd, 2> fds{{{process.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) base::throw_errno("poll");
    if (fds[0].revents != 0) return;
    for (int signal = signals.take(); signal != 0; signal = signals.take()) {
      base::send_signal(process, signal);
    }
  }
}

int exit_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return kFailed;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int exec(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  const Picked picked = pick_container(recorded, args.names.front(), args.index);
  require_root("exec");
  const bool tty = !args.exec.no_tty && !args.exec.detach && is_terminal(STDIN_FILENO) &&
                   is_terminal(STDOUT_FILENO);
  Pty pty;
  base::Fd null;
  std::array<int, 3> fds{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  if (tty) {
    pty = open_pty(picked.actual->process.pid);
    fds.fill(pty.slave.get());
  } else if (args.exec.detach) {
    null = base::sys::open("/dev/null", O_RDWR);
    fds.fill(null.get());
  }
  // Before the program starts, so that no signal falls in between.
  Signals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
  const executor::Launched launched =
      executor::enter({*picked.described, recorded.paths, picked.actual->process, args.exec.argv,
                       variables(context, args.exec, tty), args.exec.working_dir, args.exec.user,
                       args.exec.privileged, fds[0], fds[1], fds[2], tty});
  pty.slave.reset();
  pollfd known{launched.status.get(), POLLIN, 0};
  while (::poll(&known, 1, -1) < 0 && errno == EINTR) {
  }
  if (const auto failure = executor::launch_outcome(launched)) {
    exit_status(launched.pid);
    write_text(STDERR_FILENO, render_error(failure->text, failure->hint, context.err_colour));
    return failure->no_such_program ? kNotFound : kCannotExecute;
  }
  if (args.exec.detach) return kDone;
  if (tty) {
    relay_terminal(pty.master, launched.pidfd);
  } else {
    wait_and_forward(launched.pidfd, signals);
  }
  return exit_status(launched.pid);
}

}  // namespace cli
