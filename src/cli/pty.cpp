#include "cli/pty.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"

namespace cli {

namespace {

// Never follows a link: the container may have put one there, and it would lead into our own root.
base::Fd container_ptmx(pid_t container) {
  const std::string root_path = base::cat("/proc/", container, "/root");
  const base::Fd root(::open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return {};
  open_how how{};
  how.flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  base::Fd out(
      static_cast<int>(::syscall(SYS_openat2, root.get(), "dev/pts/ptmx", &how, sizeof how)));
  struct statfs file_system {};
  if (out &&
      (::fstatfs(out.get(), &file_system) != 0 || file_system.f_type != DEVPTS_SUPER_MAGIC)) {
    out.reset();
  }
  return out;
}

void copy_window_size(int master) {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master, TIOCSWINSZ, &size);
}

}  // namespace

Pty open_pty(pid_t container) {
  Pty out;
  out.master = container_ptmx(container);
  if (!out.master) out.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!out.master) base::throw_errno("open", "a pseudo terminal");
  if (::unlockpt(out.master.get()) != 0) base::throw_errno("unlockpt");
  out.slave.reset(::ioctl(out.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!out.slave) base::throw_errno("open", "the pseudo terminal's other end");
  copy_window_size(out.master.get());  // the program may ask for it first of all
  return out;
}

namespace {

// One piece of output to standard output; false when there is none (for now, or any more).
bool show_output(int master) {
  std::array<char, 16384> buffer{};
  const ssize_t n = ::read(master, buffer.data(), buffer.size());
  if (n <= 0) return n < 0 && errno == EINTR;
  write_text(STDOUT_FILENO, {buffer.data(), static_cast<std::size_t>(n)});
  return true;
}

}  // namespace

bool relay_terminal(const base::Fd& master, const base::PidFd& process, DetachKeys* keys) {
  Signals resized({SIGWINCH});
  const RawMode raw(STDIN_FILENO);
  ::fcntl(master.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  copy_window_size(master.get());
  std::string typed;  // not taken by the program yet; it may be busy printing meanwhile
  bool input_open = true;
  while (true) {
    const short to_master = typed.empty() ? POLLIN : static_cast<short>(POLLIN | POLLOUT);
    std::array<pollfd, 4> fds{{{master.get(), to_master, 0},
                               {process.get(), POLLIN, 0},
                               {resized.fd(), POLLIN, 0},
                               {input_open && typed.empty() ? STDIN_FILENO : -1, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) base::throw_errno("poll");
    if ((fds[2].revents & POLLIN) != 0) {
      while (resized.take() != 0) {
      }
      copy_window_size(master.get());
    }
    const bool shown = (fds[0].revents & (POLLIN | POLLHUP)) != 0 && show_output(master.get());
    if ((fds[1].revents != 0 || !process) && !shown) {
      while (show_output(master.get())) {
      }
      return true;
    }
    if (!shown && (fds[0].revents & POLLHUP) != 0) {
      // Every holder of the other end has gone: only the end of the process is left to wait for.
      pollfd end{process.get(), POLLIN, 0};
      ::poll(&end, 1, -1);
      return true;
    }
    if (fds[3].revents != 0) {
      std::array<char, 4096> buffer{};
      const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n > 0) typed.assign(buffer.data(), static_cast<std::size_t>(n));
      if (n > 0 && keys != nullptr) typed = keys->pass(typed);
      if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) input_open = false;
    }
    if (!typed.empty()) {
      const ssize_t n = ::write(master.get(), typed.data(), typed.size());
      if (n > 0) typed.erase(0, static_cast<std::size_t>(n));
    }
    if (keys != nullptr && keys->detached()) return false;
  }
}

}  // namespace cli
