#include "supervisor/control.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "supervisor/frame.hpp"

namespace supervisor {

ControlAddress::ControlAddress(const std::string& name) {
  address_.sun_family = AF_UNIX;
  const std::size_t length = std::min(name.size(), sizeof(address_.sun_path) - 1);
  std::memcpy(address_.sun_path + 1, name.data(), length);
  size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
}

std::string supervisor_log(const base::ProjectPaths& paths) {
  return paths.data + "/supervisor.log";
}

Control::Control(Loop& loop, const base::ProjectPaths& paths, OnRequest on_request, OnGone on_gone)
    : loop_(loop), paths_(paths), on_request_(std::move(on_request)), on_gone_(std::move(on_gone)) {
  listener_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) base::throw_errno("socket");
  const ControlAddress address(paths_.control_socket);
  if (::bind(listener_.get(), address.get(), address.size()) != 0) {
    base::throw_errno("bind", paths_.control_socket);
  }
  if (::listen(listener_.get(), 64) != 0) base::throw_errno("listen", paths_.control_socket);
  listen_watch_ = loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
}

Control::~Control() {
  loop_.remove(listen_watch_);
  for (const auto& [id, client] : clients_) loop_.remove(client.watch);
}

void Control::adopt(base::Fd client) {
  ::fcntl(client.get(), F_SETFL, O_NONBLOCK);
  send(add(std::move(client)), nlohmann::json::object());
}

namespace {

// The peer as a process that cannot be taken for another one meanwhile: by the kernel's word (6.5),
// else by its pid.
base::PidFd peer_process(int socket, pid_t pid) {
  constexpr int kPeerPidFd = 77;  // SO_PEERPIDFD, <asm-generic/socket.h> of 6.5
  int fd = -1;
  socklen_t size = sizeof(fd);
  if (::getsockopt(socket, SOL_SOCKET, kPeerPidFd, &fd, &size) != 0) {
    return errno == ENOPROTOOPT ? base::open_pidfd(pid) : base::PidFd{};
  }
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return base::PidFd(fd);
}

// Of the machine's own user namespace as far as we are concerned, and with the right that we act
// by: root without it, or in a user namespace of its own, would be given the machine by us.
bool has_our_rights(pid_t pid) {
  struct stat ours {};
  struct stat theirs {};
  if (::stat("/proc/self/ns/user", &ours) != 0 ||
      ::stat(base::cat("/proc/", pid, "/ns/user").c_str(), &theirs) != 0 ||
      ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino) {
    return false;
  }
  const auto status = base::try_read_file(base::cat("/proc/", pid, "/status"));
  constexpr std::string_view kField = "\nCapEff:\t";
  const std::size_t at = status ? status->find(kField) : std::string::npos;
  if (at == std::string::npos) return false;
  const std::uint64_t effective = std::strtoull(status->c_str() + at + kField.size(), nullptr, 16);
  return (effective >> CAP_SYS_ADMIN & 1U) != 0;
}

}  // namespace

// Abstract names belong to a network namespace: whoever is in the machine's sees ours, a container
// with network_mode host among them, of ours or of somebody else. Ours are told by their cgroups,
// which no process gets out of without the host's rights; all others by those rights themselves.
bool Control::may_enter(int socket) const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid != ::geteuid() || peer.pid <= 0) return false;
  try {
    const base::PidFd process = peer_process(socket, peer.pid);
    const auto groups = base::try_read_file(base::cat("/proc/", peer.pid, "/cgroup"));
    return process && groups &&
           groups->find(base::cat(":", paths_.roots.cgroup_parent, "/")) == std::string::npos &&
           has_our_rights(peer.pid) &&
           base::send_signal(process, 0);  // last: what was read is that of the peer
  } catch (const base::SysError&) {
    return false;
  }
}

void Control::accept_all() {
  while (true) {
    base::Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (may_enter(socket.get())) {
      add(std::move(socket));
    } else {
      base::log::warn("refused a connection to the control socket");
    }
  }
}

Control::ClientId Control::add(base::Fd socket) {
  const ClientId id = next_++;
  const int fd = socket.get();
  Client& client = clients_[id];
  client.socket = std::move(socket);
  client.watch = loop_.watch(fd, EPOLLIN | EPOLLRDHUP,
                             [this, id](std::uint32_t events) { on_events(id, events); });
  return id;
}

void Control::on_events(ClientId id, std::uint32_t events) {
  const auto at = clients_.find(id);
  if (at == clients_.end()) return;
  if ((events & EPOLLOUT) != 0) flush(id, at->second);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP)) == 0 || !clients_.contains(id)) return;
  std::array<char, 65536> piece{};
  bool gone = false;
  while (true) {
    const ssize_t n = ::recv(at->second.socket.get(), piece.data(), piece.size(), 0);
    if (n > 0) {
      at->second.in.append(piece.data(), static_cast<std::size_t>(n));
      continue;
    }
    gone = n == 0 || (errno != EAGAIN && errno != EINTR);
    break;
  }
  std::vector<std::string> frames;
  try {
    while (auto frame = take_frame(at->second.in)) frames.push_back(std::move(*frame));
  } catch (const base::Error&) {
    gone = true;
  }
  for (const std::string& frame : frames) {
    const auto request = nlohmann::json::parse(frame, nullptr, false);
    if (request.is_object() && clients_.contains(id)) on_request_(id, request);
  }
  if (gone) close(id);
}

void Control::send(ClientId id, const nlohmann::json& message) {
  const auto at = clients_.find(id);
  if (at == clients_.end()) return;
  at->second.out += make_frame(message.dump());
  flush(id, at->second);
}

void Control::send_fd(ClientId id, int fd) {
  const auto at = clients_.find(id);
  if (at == clients_.end()) return;
  try {
    const std::vector<int> fds = fd >= 0 ? std::vector<int>{fd} : std::vector<int>{};
    base::sys::send_with_fds(at->second.socket.get(), "f", fds);
  } catch (const base::SysError&) {
    close(id);
  }
}

// By /proc and not beside the message: a stream of frames has no place for descriptors.
base::Fd Control::pipe_of(ClientId id, int number) const {
  const auto at = clients_.find(id);
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (at == clients_.end() ||
      ::getsockopt(at->second.socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return {};
  }
  const std::string path = base::cat("/proc/", peer.pid, "/fd/", number);
  base::Fd out(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!out || ::fstat(out.get(), &info) != 0 || !S_ISFIFO(info.st_mode)) return {};
  ::fcntl(out.get(), F_SETFL, O_RDONLY);
  return out;
}

void Control::flush(ClientId id, Client& client) {
  while (!client.out.empty()) {
    const ssize_t n =
        ::send(client.socket.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (n > 0) {
      client.out.erase(0, static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && client.out.size() <= kMaxFrame) {
      if (!client.blocked) loop_.change(client.watch, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
      client.blocked = true;
      return;
    }
    close(id);
    return;
  }
  if (client.blocked) loop_.change(client.watch, EPOLLIN | EPOLLRDHUP);
  client.blocked = false;
}

void Control::close(ClientId id) {
  const auto at = clients_.find(id);
  if (at == clients_.end()) return;
  loop_.remove(at->second.watch);
  clients_.erase(at);
  on_gone_(id);
}

}  // namespace supervisor
