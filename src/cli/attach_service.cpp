// attach: a running container's output from now on, and what is typed for it. The output comes
// from the log, which has a reader already and bears any number of them; the input goes straight
// into its pipe or terminal.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/detach_keys.hpp"
#include "cli/errors.hpp"
#include "cli/exit_of.hpp"
#include "cli/pick.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "supervisor/client.hpp"
#include "supervisor/log_reader.hpp"

namespace cli {

namespace {

class Attached {
 public:
  Attached(const Arguments& args, const base::ProjectPaths& paths, const Picked& picked)
      : args_(args.attach),
        paths_(paths),
        container_(*picked.described),
        process_id_(picked.actual->process),
        process_(base::open_pidfd(process_id_)),
        log_(paths.log_dir(container_.name)),
        keys_(args.attach.detach_keys),
        inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    log_.tail(0);
    if (inotify_) {
      ::inotify_add_watch(inotify_.get(), paths.log_dir(container_.name).c_str(),
                          IN_MODIFY | IN_CREATE | IN_MOVED_TO);
    }
    if (!args_.no_stdin && (container_.tty || container_.stdin_open)) {
      in_ = supervisor::Client::start(paths).open_stdin(container_.name);
    }
  }

  int run() {
    std::unique_ptr<RawMode> raw;
    if (container_.tty && in_ && is_terminal(STDIN_FILENO)) {
      raw = std::make_unique<RawMode>(STDIN_FILENO);
      resize();
    }
    Signals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    Signals resized({SIGWINCH});
    bool input_open = in_.valid();
    bool over = !process_;
    while (!over) {
      constexpr int kPollMs = 100;  // for file systems that do not report splice
      std::array<pollfd, 5> fds{{{inotify_.get(), POLLIN, 0},
                                 {process_.get(), POLLIN, 0},
                                 {signals.fd(), POLLIN, 0},
                                 {resized.fd(), POLLIN, 0},
                                 {input_open ? STDIN_FILENO : -1, POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), kPollMs) < 0 && errno != EINTR) {
        base::throw_errno("poll");
      }
      std::array<char, 4096> ignored{};
      while (inotify_ && ::read(inotify_.get(), ignored.data(), ignored.size()) > 0) {
      }
      while (resized.take() != 0) resize();
      for (int signal = signals.take(); signal != 0; signal = signals.take()) {
        if (!args_.sig_proxy) return kInterrupted;
        base::send_signal(process_, signal);
      }
      show();
      if (fds[4].revents != 0) input_open = pass_input();
      if (keys_.detached()) return kDone;
      over = fds[1].revents != 0;
    }
    const auto exit = exit_of(paths_, container_.name, process_id_, process_);
    show();
    if (exit) return exit->code;
    throw base::Error(
        base::cat("container ", container_.name, " has ended; nobody saw with which exit code"));
  }

 private:
  void resize() {
    winsize size{};
    if (in_ && ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
      ::ioctl(in_.get(), TIOCSWINSZ, &size);
    }
  }

  void show() {
    while (const auto line = log_.next(true)) {
      write_text(line->err ? STDERR_FILENO : STDOUT_FILENO,
                 line->partial ? line->text : line->text + "\n");
    }
  }

  // False: nothing more will come.
  bool pass_input() {
    std::array<char, 4096> piece{};
    const ssize_t n = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) return false;
    std::string_view typed(piece.data(), static_cast<std::size_t>(n));
    const std::string meant = is_terminal(STDIN_FILENO) ? keys_.pass(typed) : std::string(typed);
    write_text(in_.get(), meant);
    return true;
  }

  const AttachArgs& args_;
  const base::ProjectPaths& paths_;
  const planner::Container& container_;
  base::ProcessId process_id_;
  base::PidFd process_;
  supervisor::LogReader log_;
  DetachKeys keys_;
  base::Fd inotify_, in_;
};

}  // namespace

int attach_service(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  const Picked picked = pick_container(recorded, args.names.front(), args.index);
  require_root("attach");
  return Attached(args, recorded.paths, picked).run();
}

}  // namespace cli
