#include <netinet/in.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "supervisor/relay_listener.hpp"

namespace supervisor {

namespace {

constexpr std::size_t kMaxSessions = 256;  // a descriptor each; the one idle for longest gives way
constexpr base::Duration kIdle = std::chrono::seconds(60);
constexpr int kDatagramsARound = 64;
constexpr std::size_t kLargest = 65535;

class Udp final : public RelayListener {
 public:
  Udp(Loop& loop, const Relay::Listen& listen)
      : loop_(loop),
        target_(socket_address(listen.target, listen.target_port)),
        socket_(bound_socket(listen, SOCK_DGRAM)),
        buffer_(kLargest) {
    // On every address: an answer must come from the one that was asked.
    const int on = 1;
    if (!listen.address.is_v4() &&
        ::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0) {
      base::throw_errno("setsockopt", listen.address.str());
    }
    watch_ = loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { on_client(); });
  }
  ~Udp() override {
    loop_.remove(watch_);
    for (auto& [peer, session] : sessions_) forget(session);
  }
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;

 private:
  // The address of ours that a client sent to; empty when the socket has only one.
  using Local = std::optional<in6_pktinfo>;
  struct Session {
    SocketAddress peer;
    Local local;
    base::Fd socket;
    Loop::Id watch = 0;
    Loop::Id timer = 0;
    base::Duration used{0};
  };

  void on_client() {
    for (int i = 0; i < kDatagramsARound; ++i) {
      SocketAddress peer;
      Local local;
      const ssize_t n = receive(peer, local);
      if (n < 0) return;
      if (const Session* session = session_of(peer, local)) {
        // Lost when the target is not there or slow, as any datagram.
        (void)::send(session->socket.get(), buffer_.data(), static_cast<std::size_t>(n),
                     MSG_NOSIGNAL);
      }
    }
  }

  ssize_t receive(SocketAddress& peer, Local& local) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control;
    iovec data{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_name = &peer.storage;
    message.msg_namelen = sizeof peer.storage;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = ::recvmsg(socket_.get(), &message, 0);
    if (n < 0) return n;
    peer.length = message.msg_namelen;
    const cmsghdr* info = CMSG_FIRSTHDR(&message);
    if (info != nullptr && info->cmsg_level == IPPROTO_IPV6 && info->cmsg_type == IPV6_PKTINFO) {
      std::memcpy(&local.emplace(), CMSG_DATA(info), sizeof(in6_pktinfo));
    }
    return n;
  }

  void answer(const Session& session, std::size_t size) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
    iovec data{buffer_.data(), size};
    SocketAddress peer = session.peer;
    msghdr message{};
    message.msg_name = &peer.storage;
    message.msg_namelen = peer.length;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (session.local) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* info = CMSG_FIRSTHDR(&message);
      info->cmsg_level = IPPROTO_IPV6;
      info->cmsg_type = IPV6_PKTINFO;
      info->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
      std::memcpy(CMSG_DATA(info), &*session.local, sizeof(in6_pktinfo));
    }
    (void)::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  }

  Session* session_of(const SocketAddress& peer, const Local& local) {
    std::string key(reinterpret_cast<const char*>(&peer.storage), peer.length);
    if (local) key.append(reinterpret_cast<const char*>(&local->ipi6_addr), sizeof(in6_addr));
    const base::Duration now = base::sys::monotonic_now();
    if (const auto at = sessions_.find(key); at != sessions_.end()) {
      at->second.used = now;
      return &at->second;
    }
    if (sessions_.size() >= kMaxSessions) {
      drop(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
             return a.second.used < b.second.used;
           })->first);
    }
    Session session;
    session.peer = peer;
    session.local = local;
    session.used = now;
    session.socket =
        base::Fd(::socket(target_.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!session.socket || ::connect(session.socket.get(), target_.get(), target_.length) != 0) {
      return nullptr;
    }
    session.watch =
        loop_.watch(session.socket.get(), EPOLLIN, [this, key](std::uint32_t) { on_target(key); });
    session.timer = loop_.after(kIdle, [this, key] { on_idle(key); });
    return &sessions_.emplace(key, std::move(session)).first->second;
  }

  void on_target(const std::string& key) {
    const auto at = sessions_.find(key);
    if (at == sessions_.end()) return;
    Session& session = at->second;
    for (int i = 0; i < kDatagramsARound; ++i) {
      // An error (nobody listens there) is read and forgotten: the target may come yet.
      const ssize_t n = ::recv(session.socket.get(), buffer_.data(), buffer_.size(), 0);
      if (n < 0) return;
      session.used = base::sys::monotonic_now();
      answer(session, static_cast<std::size_t>(n));
    }
  }

  // One timer a session, set again only when it rings: a datagram costs no timer.
  void on_idle(const std::string& key) {
    const auto at = sessions_.find(key);
    if (at == sessions_.end()) return;
    at->second.timer = 0;
    const base::Duration left = at->second.used + kIdle - base::sys::monotonic_now();
    if (left.count() <= 0) return drop(key);
    at->second.timer = loop_.after(left, [this, key] { on_idle(key); });
  }

  void forget(Session& session) {
    loop_.remove(session.watch);
    loop_.remove(session.timer);
  }
  void drop(const std::string& key) {
    const auto at = sessions_.find(key);
    if (at == sessions_.end()) return;
    forget(at->second);
    sessions_.erase(at);
  }

  Loop& loop_;
  SocketAddress target_;
  base::Fd socket_;
  std::vector<char> buffer_;
  Loop::Id watch_ = 0;
  std::map<std::string, Session> sessions_;
};

}  // namespace

std::unique_ptr<RelayListener> relay_udp(Loop& loop, const Relay::Listen& listen) {
  return std::make_unique<Udp>(loop, listen);
}

}  // namespace supervisor
