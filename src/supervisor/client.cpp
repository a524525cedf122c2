#include "supervisor/client.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"
#include "executor/cgroup.hpp"
#include "executor/look.hpp"
#include "executor/process_pin.hpp"
#include "executor/world.hpp"
#include "supervisor/control.hpp"
#include "supervisor/frame.hpp"
#include "supervisor/keeper.hpp"

namespace supervisor {

namespace {

void send_frame(int socket, const nlohmann::json& message) {
  const std::string frame = make_frame(message.dump());
  std::string_view left = frame;
  while (!left.empty()) {
    const ssize_t n = ::send(socket, left.data(), left.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      base::throw_errno("send", "to the supervisor");
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
}

// One more piece into `buffer`; false at the end of the stream.
bool receive_more(int socket, std::string& buffer) {
  std::array<char, 65536> piece{};
  const ssize_t n = ::recv(socket, piece.data(), piece.size(), 0);
  if (n > 0) buffer.append(piece.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

}  // namespace

std::optional<Client> Client::connect(const base::ProjectPaths& paths) {
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) base::throw_errno("socket");
  const ControlAddress address(paths.control_socket);
  if (::connect(socket.get(), address.get(), address.size()) != 0) return {};
  return Client(std::move(socket));
}

namespace {

// Whether the supervisor at the other end runs the very file that we do: an upgrade replaces it.
bool is_our_program(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return true;
  struct stat ours {};
  struct stat theirs {};
  if (::stat("/proc/self/exe", &ours) != 0 ||
      ::stat(base::cat("/proc/", peer.pid, "/exe").c_str(), &theirs) != 0) {
    return true;  // not to be told: nothing is replaced on a guess
  }
  return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

}  // namespace

std::optional<Client> Client::connect_renewed(const base::ProjectPaths& paths) {
  auto old = connect(paths);
  if (!old || is_our_program(old->fd())) return old;
  std::array<char, PATH_MAX> program{};
  const ssize_t length = ::readlink("/proc/self/exe", program.data(), program.size() - 1);
  if (length <= 0 || !base::exists(program.data())) return old;  // deleted meanwhile
  send_frame(old->fd(), {{"op", "renew"}, {"program", program.data()}});
  // It answers when it cannot, and goes away when it could; one that knows no better says nothing.
  const base::Duration give_up = base::sys::monotonic_now() + std::chrono::seconds(20);
  while (base::sys::monotonic_now() < give_up) {
    pollfd wait{old->fd(), POLLIN, 0};
    if (::poll(&wait, 1, 1000) <= 0) continue;
    if (!receive_more(old->fd(), old->buffer_)) break;
    if (take_frame(old->buffer_)) return old;
  }
  while (base::sys::monotonic_now() < give_up) {
    if (auto renewed = connect(paths)) return renewed;
    ::usleep(2000);
  }
  return {};
}

bool wake(const base::ProjectPaths& paths) {
  const auto look = executor::look_at_supervisor(paths);
  if (!look || (!look->keeper_stopped && !look->stopped)) return false;
  if (look->keeper_stopped) base::send_signal(base::open_pidfd(look->keeper), SIGCONT);
  if (look->stopped) base::send_signal(base::open_pidfd(look->process), SIGCONT);
  return true;
}

Client Client::start(const base::ProjectPaths& paths) {
  const bool woken = wake(paths);
  if (auto running = connect_renewed(paths)) return std::move(*running);
  // A keeper that goes on starts a supervisor at once.
  for (int i = 0; woken && i < 200; ++i) {
    ::usleep(10'000);
    if (auto running = connect(paths)) return std::move(*running);
  }
  // More than once: the supervisor that was faster than ours may have been about to leave.
  for (int attempt = 0; attempt < 3; ++attempt) {
    base::sys::make_dirs(paths.data, 0700);
    base::sys::make_dirs(paths.run, 0700);
    // The new supervisor serves this pair from its first moment: no waiting for a socket to appear.
    auto [ours, theirs] = base::sys::socket_pair(SOCK_STREAM);
    CRASH_POINT("start/before");
    start_keeper({paths, std::move(theirs), {}});
    CRASH_POINT("start/after");
    pollfd wait{ours.get(), POLLIN, 0};
    const base::Duration give_up = base::sys::monotonic_now() + std::chrono::seconds(20);
    std::string buffer;
    bool ended = false;
    while (!ended && base::sys::monotonic_now() < give_up) {
      if (::poll(&wait, 1, 1000) <= 0) continue;
      ended = !receive_more(ours.get(), buffer);
      if (take_frame(buffer)) {
        Client client(std::move(ours));
        client.buffer_ = std::move(buffer);
        return client;
      }
    }
    if (!ended) break;
    // Another supervisor was faster and has the lock: it serves us.
    for (int i = 0; i < 100; ++i) {
      if (auto running = connect(paths)) return std::move(*running);
      ::usleep(10'000);
    }
  }
  throw base::Error(base::cat("the supervisor of stack ", paths.project, " does not start"),
                    base::cat("see ", supervisor_log(paths)));
}

std::optional<base::Fd> try_lock(const base::ProjectPaths& paths) {
  try {
    base::sys::make_dirs(paths.data, 0700);
    return base::lock_file(paths.lock, {.wait = false});
  } catch (const base::SysError& error) {
    if (error.errnum() != ENOENT) throw;
    return {};
  }
}

void sweep(const base::ProjectPaths& paths) {
  if (base::exists(paths.desired) || !base::exists(paths.roots.data)) return;
  auto lock = try_lock(paths);
  // A supervisor that serves tidies up when it leaves; one that was killed just now is waited for.
  for (int i = 0; !lock && i < 1000 && !base::exists(paths.desired); ++i) {
    ::usleep(2'000);
    lock = try_lock(paths);
  }
  if (!lock || base::exists(paths.desired)) return;
  CRASH_POINT("sweep/networks");
  executor::disown_networks(paths.roots, paths.project);
  CRASH_POINT("sweep/cgroup");
  try {
    executor::remove_cgroup(paths.cgroup);
    executor::remove_empty_cgroup(paths.roots.cgroup_parent);
  } catch (const base::SysError& error) {
    if (error.errnum() != EBUSY) throw;  // a keeper is in it: its next supervisor tidies up
  }
  CRASH_POINT("sweep/before");
  executor::unpin_all(paths);
  base::remove_tree(paths.run);
  CRASH_POINT("sweep/between");
  try {
    base::remove_tree(paths.data);  // the lock with it
  } catch (const base::SysError& error) {
    if (error.errnum() != ENOTEMPTY) throw;  // a supervisor has come meanwhile: as above
  }
}

ApplyResult Client::apply(const planner::Plan& plan, const ApplyOptions& options,
                          const executor::OnEvent& on_event, int interrupt_fd) {
  nlohmann::json request{{"op", "apply"}, {"plan", plan}};
  request["stop_timeout"] = options.stop_timeout;
  if (options.stdin_pipe >= 0) request["stdin_pipe"] = options.stdin_pipe;
  CRASH_POINT("request/before");
  const ApplyResult gone{
      .stale = true, .gone = true, .error = "the supervisor ended while it carried the plan out"};
  try {
    send_frame(socket_.get(), request);
  } catch (const base::SysError&) {
    return gone;
  }
  CRASH_POINT("request/sent");
  bool interrupted = false;
  std::optional<base::Duration> give_up;
  while (true) {
    while (const auto frame = take_frame(buffer_)) {
      const auto message = nlohmann::json::parse(*frame, nullptr, false);
      if (!message.is_object()) continue;
      CRASH_POINT("request/event");
      if (message.contains("step")) {
        on_event(message.get<executor::StepEvent>());
      } else if (message.contains("end")) {
        ApplyResult result;
        result.ok = message.value("ok", false);
        result.stale = message.value("stale", false);
        result.error = message.value("error", "");
        result.hint = message.value("hint", "");
        return result;
      }
    }
    std::array<pollfd, 2> wait{{{socket_.get(), POLLIN, 0}, {interrupt_fd, POLLIN, 0}}};
    const nfds_t count = interrupt_fd >= 0 && !interrupted ? 2 : 1;
    int timeout = -1;
    if (give_up) {
      const base::Duration left = *give_up - base::sys::monotonic_now();
      if (left.count() <= 0) return {.error = "time ran out before everything was done"};
      timeout = static_cast<int>(left.count() / 1'000'000) + 1;
    }
    if (::poll(wait.data(), count, timeout) < 0 && errno != EINTR) base::throw_errno("poll");
    if (count == 2 && wait[1].revents != 0) {
      interrupted = true;
      if (options.give_up_after) {
        give_up = base::sys::monotonic_now() + *options.give_up_after;
      }
      try {
        send_frame(socket_.get(), {{"op", "cancel"}});
      } catch (const base::SysError&) {
        return gone;
      }
    }
    if (wait[0].revents != 0 && !receive_more(socket_.get(), buffer_)) {
      return gone;
    }
  }
}

base::Fd Client::open_stdin(const std::string& container) {
  send_frame(socket_.get(), {{"op", "stdin"}, {"container", container}});
  base::sys::Received message = base::sys::receive_with_fds(socket_.get(), 1);
  return message.fds.empty() ? base::Fd{} : std::move(message.fds.front());
}

}  // namespace supervisor
