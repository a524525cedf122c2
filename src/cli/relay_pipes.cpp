#include "cli/relay_pipes.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/error.hpp"

namespace cli {

namespace {

constexpr unsigned kSignals = 3;  // after which it is killed

class PipeRelay {
 public:
  PipeRelay(Pipes pipes, Signals& signals) : pipes_(std::move(pipes)), signals_(signals) {
    for (const base::Fd* fd : {&pipes_.out, &pipes_.err, &pipes_.in}) {
      if (*fd) ::fcntl(fd->get(), F_SETFL, ::fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
    }
  }

  void run() {
    bool ended = !pipes_.process;
    while (!ended) {
      const bool wants_input = pipes_.in && typed_.empty() && input_open_;
      const auto to_program = static_cast<short>(typed_.empty() ? 0 : POLLOUT);
      std::array<pollfd, 6> fds{{{pipes_.out.get(), POLLIN, 0},
                                 {pipes_.err.get(), POLLIN, 0},
                                 {pipes_.process.get(), POLLIN, 0},
                                 {signals_.fd(), POLLIN, 0},
                                 {wants_input ? STDIN_FILENO : -1, POLLIN, 0},
                                 {pipes_.in.get(), to_program, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) base::throw_errno("poll");
      for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
        forward(signal);
      }
      move(pipes_.out, STDOUT_FILENO);
      move(pipes_.err, STDERR_FILENO);
      if (fds[4].revents != 0) read_input();
      if (pipes_.in && (fds[5].revents & POLLERR) != 0) pipes_.in.reset();  // it reads no more
      write_input();
      ended = fds[2].revents != 0;
    }
    while (move(pipes_.out, STDOUT_FILENO) || move(pipes_.err, STDERR_FILENO)) {
    }
  }

 private:
  void forward(int signal) {
    base::send_signal(pipes_.process, signals_.count() >= kSignals ? SIGKILL : signal);
  }

  // One piece; false when there is none now.
  bool move(base::Fd& from, int to) {
    if (!from) return false;
    const ssize_t n = ::read(from.get(), buffer_.data(), buffer_.size());
    if (n <= 0) return n < 0 && errno == EINTR;
    std::size_t done = 0;
    while (done < static_cast<std::size_t>(n)) {
      const ssize_t written =
          ::write(to, buffer_.data() + done, static_cast<std::size_t>(n) - done);
      if (written >= 0) {
        done += static_cast<std::size_t>(written);
      } else if (errno == EAGAIN) {
        pollfd room{to, POLLOUT, 0};
        ::poll(&room, 1, -1);
      } else if (errno != EINTR) {
        from.reset();
        if (to == STDOUT_FILENO) base::send_signal(pipes_.process, SIGKILL);
        return false;
      }
    }
    return true;
  }

  void read_input() {
    std::array<char, 65536> piece{};
    const ssize_t n = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (n > 0) typed_.assign(piece.data(), static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) input_open_ = false;
  }

  void write_input() {
    if (!pipes_.in) return;
    if (!typed_.empty()) {
      const ssize_t n = ::write(pipes_.in.get(), typed_.data(), typed_.size());
      if (n > 0) typed_.erase(0, static_cast<std::size_t>(n));
      if (n < 0 && errno == EPIPE) pipes_.in.reset();
    }
    if (typed_.empty() && !input_open_) pipes_.in.reset();  // its end of file
  }

  Pipes pipes_;
  Signals& signals_;
  std::array<char, 65536> buffer_{};
  std::string typed_;
  bool input_open_ = true;
};

}  // namespace

void relay_pipes(Pipes pipes, Signals& signals) {
  PipeRelay(std::move(pipes), signals).run();
}

}  // namespace cli
