#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "supervisor/relay_listener.hpp"

namespace supervisor {

namespace {

// A connection takes six descriptors.
constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kPiece = 64U << 10U;        // a pipe's size
constexpr std::size_t kRoundBytes = 512U << 10U;  // so much a direction and round of the loop
constexpr base::Duration kPause = std::chrono::milliseconds(200);

// Bytes on their way from one socket to the other. The pipe is filled only when it is empty, so a
// slow receiver holds up the sender and EAGAIN always speaks of a socket.
struct Direction {
  base::Fd pipe_out;
  base::Fd pipe_in;
  std::size_t held = 0;
  bool ended = false;  // the sender sends no more
  bool shut = false;   // and the receiver has been told
};

struct Side {
  base::Fd socket;
  Loop::Id watch = 0;
  std::uint32_t events = 0;
};

class Tcp final : public RelayListener {
 public:
  Tcp(Loop& loop, const Relay::Listen& listen)
      : loop_(loop), target_(socket_address(listen.target, listen.target_port)) {
    socket_ = bound_socket(listen, SOCK_STREAM);
    if (::listen(socket_.get(), 512) != 0) base::throw_errno("listen", listen.address.str());
    listen_again();
  }
  ~Tcp() override {
    loop_.remove(watch_);
    for (auto& [id, flow] : flows_) forget(flow);
  }
  Tcp(const Tcp&) = delete;
  Tcp& operator=(const Tcp&) = delete;

 private:
  // sides: 0 the client, 1 the target. ways[i] leads from sides[i] to the other one.
  struct Flow {
    std::array<Side, 2> sides;
    std::array<Direction, 2> ways;
    bool connecting = true;
  };

  void listen_again() {
    watch_ = loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { on_accept(); });
  }

  void pause() {
    loop_.remove(watch_);
    watch_ = loop_.after(kPause, [this] { listen_again(); });
  }

  void on_accept() {
    // Full: newcomers wait in the kernel's queue rather than being turned away.
    if (flows_.size() >= kMaxConnections) return pause();
    base::Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) {
      const bool gone = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
      return gone ? void() : pause();
    }
    Flow flow;
    try {
      for (Direction& way : flow.ways) {
        std::tie(way.pipe_out, way.pipe_in) = base::sys::pipe(O_NONBLOCK);
      }
    } catch (const base::SysError&) {
      return pause();
    }
    flow.sides[1].socket = base::Fd(
        ::socket(target_.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!flow.sides[1].socket) return refuse(client);
    if (::connect(flow.sides[1].socket.get(), target_.get(), target_.length) != 0 &&
        errno != EINPROGRESS) {
      return refuse(client);
    }
    flow.sides[0].socket = std::move(client);
    for (const Side& side : flow.sides) {
      const int on = 1;
      // A peer that vanished must not hold its descriptors for ever.
      (void)::setsockopt(side.socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      (void)::setsockopt(side.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    const std::uint64_t id = next_++;
    Flow& kept = flows_.emplace(id, std::move(flow)).first->second;
    settle(id, kept);
  }

  // A reset, as the client would have got from the target itself.
  static void refuse(const base::Fd& client) {
    const linger now{1, 0};
    (void)::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  void on_ready(std::uint64_t id) {
    const auto at = flows_.find(id);
    if (at == flows_.end()) return;
    Flow& flow = at->second;
    if (flow.connecting) {
      int error = 0;
      socklen_t length = sizeof error;
      if (::getsockopt(flow.sides[1].socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 ||
          error != 0) {
        refuse(flow.sides[0].socket);
        return drop(id);
      }
      flow.connecting = false;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      if (!pump(flow.ways[i], flow.sides[i].socket, flow.sides[1 - i].socket)) {
        refuse(flow.sides[0].socket);
        refuse(flow.sides[1].socket);
        return drop(id);
      }
    }
    if (flow.ways[0].shut && flow.ways[1].shut) return drop(id);
    settle(id, flow);
  }

  // False: one of the two is broken.
  static bool pump(Direction& way, const base::Fd& from, const base::Fd& to) {
    std::size_t moved = 0;
    while (moved < kRoundBytes) {
      if (way.held == 0) {
        if (way.ended) break;
        const ssize_t n = ::splice(from.get(), nullptr, way.pipe_in.get(), nullptr, kPiece,
                                   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (n < 0) {
          if (errno == EAGAIN || errno == EINTR) break;
          return false;
        }
        if (n == 0) {
          way.ended = true;
          break;
        }
        way.held = static_cast<std::size_t>(n);
      }
      const ssize_t n = ::splice(way.pipe_out.get(), nullptr, to.get(), nullptr, way.held,
                                 SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) break;
        return false;
      }
      way.held -= static_cast<std::size_t>(n);
      moved += static_cast<std::size_t>(n);
    }
    if (way.ended && way.held == 0 && !way.shut) {
      way.shut = true;
      (void)::shutdown(to.get(), SHUT_WR);
    }
    return true;
  }

  void settle(std::uint64_t id, Flow& flow) {
    for (std::size_t i = 0; i < 2; ++i) {
      Side& side = flow.sides[i];
      std::uint32_t events = 0;
      if (flow.connecting) {
        events = i == 1 ? EPOLLOUT : 0U;
      } else {
        if (!flow.ways[i].ended && flow.ways[i].held == 0) events |= EPOLLIN;
        if (flow.ways[1 - i].held != 0) events |= EPOLLOUT;
      }
      if (events == side.events) continue;
      side.events = events;
      // Not watched for nothing: EPOLLHUP cannot be masked and would wake us without end.
      if (events == 0) {
        loop_.remove(std::exchange(side.watch, 0));
      } else if (side.watch != 0) {
        loop_.change(side.watch, events);
      } else {
        side.watch =
            loop_.watch(side.socket.get(), events, [this, id](std::uint32_t) { on_ready(id); });
      }
    }
  }

  void forget(Flow& flow) {
    for (Side& side : flow.sides) loop_.remove(side.watch);
  }
  void drop(std::uint64_t id) {
    const auto at = flows_.find(id);
    if (at == flows_.end()) return;
    forget(at->second);
    flows_.erase(at);
  }

  Loop& loop_;
  SocketAddress target_;
  base::Fd socket_;
  Loop::Id watch_ = 0;  // or the timer of a pause
  std::unordered_map<std::uint64_t, Flow> flows_;
  std::uint64_t next_ = 1;
};

}  // namespace

SocketAddress socket_address(const base::IpAddress& address, std::uint16_t port) {
  SocketAddress out;
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.length = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.length = sizeof v6;
  }
  return out;
}

base::Fd bound_socket(const Relay::Listen& listen, int type) {
  const SocketAddress address = socket_address(listen.address, listen.port);
  const std::string object = base::cat(listen.address.str(), " port ", listen.port);
  base::Fd socket(::socket(address.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) base::throw_errno("socket", object);
  const int on = 1;
  if (!listen.address.is_v4() &&
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    base::throw_errno("setsockopt", object);
  }
  // Old connections in TIME_WAIT do not keep a new supervisor from its port.
  if (type == SOCK_STREAM &&
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    base::throw_errno("setsockopt", object);
  }
  if (::bind(socket.get(), address.get(), address.length) != 0) base::throw_errno("bind", object);
  return socket;
}

std::unique_ptr<RelayListener> relay_tcp(Loop& loop, const Relay::Listen& listen) {
  return std::make_unique<Tcp>(loop, listen);
}

}  // namespace supervisor
