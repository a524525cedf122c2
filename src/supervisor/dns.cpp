#include "supervisor/dns.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "netfab/netns.hpp"
#include "supervisor/dns_forward.hpp"
#include "supervisor/dns_message.hpp"
#include "supervisor/dns_redirect.hpp"

namespace supervisor {

namespace {

// Seconds. An address is stale as soon as a container is replaced, and asking again costs
// microseconds; one second spares the clients that cache a question for each of their requests.
constexpr std::uint32_t kTtl = 1;
constexpr std::size_t kLargestQuery = 4096;
constexpr int kDatagramsARound = 64;             // one container must not hold up the others
constexpr std::size_t kMaxTcp = 32;              // connections a container
constexpr std::size_t kMaxUnsent = 256U << 10U;  // answers a tcp client does not fetch
constexpr std::size_t kMaxForwarded = 64;        // questions of one container under way outside
constexpr std::size_t kMaxTurns = 256;           // names whose turn is remembered
constexpr std::size_t kMaxUsed = 64;
constexpr base::Duration kUsed = std::chrono::seconds(1);
constexpr base::Duration kTcpIdle = std::chrono::seconds(10);
constexpr int kNetnsCookie = 71;  // SO_NETNS_COOKIE, 5.14

using Reply = std::function<void(const DnsBytes&)>;

base::Fd listen_socket(int type, std::uint16_t& port) {
  base::Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) base::throw_errno("socket", "127.0.0.11");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(kDnsAddress);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), generic, length) != 0) base::throw_errno("bind", "127.0.0.11");
  if (type == SOCK_STREAM && ::listen(socket.get(), 64) != 0) {
    base::throw_errno("listen", "127.0.0.11");
  }
  if (::getsockname(socket.get(), generic, &length) != 0) {
    base::throw_errno("getsockname", "127.0.0.11");
  }
  port = ntohs(address.sin_port);
  return socket;
}

// The port of a socket of ours at 127.0.0.11; 0 when it is not one of `netns_cookie`'s namespace,
// or the kernel cannot tell (before 5.14): then it is made anew.
std::uint16_t held_port(const base::Fd& socket, std::uint64_t netns_cookie) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(socket.get(), SOL_SOCKET, kNetnsCookie, &cookie, &size) != 0) return 0;
  if (cookie != netns_cookie) return 0;
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return ntohs(address.sin_port);
}

// Of the calling thread's network namespace; 0 when the kernel cannot tell.
std::uint64_t current_netns_cookie() {
  const base::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, kNetnsCookie, &cookie, &size) != 0)
    return 0;
  return cookie;
}

struct Connection {
  base::Fd socket;
  Loop::Id watch = 0;
  Loop::Id idle = 0;
  DnsBytes in;
  DnsBytes out;
  std::size_t waiting = 0;  // questions without an answer yet
  bool ended = false;       // the client sends no more
};

}  // namespace

// One container's sockets and what is under way for it.
struct ClientDns {
  DnsClient client;
  std::vector<DnsServer> servers;
  dev_t netns_dev = 0;
  ino_t netns_ino = 0;
  base::Fd udp;
  base::Fd tcp;
  std::uint16_t udp_port = 0;
  std::uint16_t tcp_port = 0;
  Loop::Id udp_watch = 0;
  Loop::Id tcp_watch = 0;
  std::unordered_map<std::uint64_t, Connection> connections;
  std::unordered_set<DnsForwarder::Id> forwarded;
  std::unordered_map<std::string, std::array<std::size_t, 2>> turns;  // a name's, v4 and v6 apart
};

struct Dns::Impl {
  Impl(Loop& loop_, Resolve resolve_, Reverse reverse_)
      : loop(loop_), resolve(std::move(resolve_)), reverse(std::move(reverse_)), forwarder(loop_) {}
  ~Impl() {
    for (auto& [name, client] : clients) close(*client);
    loop.remove(used_timer);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Loop& loop;
  Resolve resolve;
  Reverse reverse;
  HostResolver host;
  DnsForwarder forwarder;
  std::unordered_map<std::string, std::unique_ptr<ClientDns>> clients;
  std::uint64_t next_connection = 1;
  std::function<void(const std::string&)> renewed;
  std::deque<base::Fd> used;  // netlink sockets, see ensure_dns_redirect
  Loop::Id used_timer = 0;

  ClientDns* find(const std::string& container) {
    const auto at = clients.find(container);
    return at == clients.end() ? nullptr : at->second.get();
  }

  void close(ClientDns& c) {
    for (const DnsForwarder::Id id : c.forwarded) forwarder.cancel(id);
    c.forwarded.clear();
    for (auto& [id, connection] : c.connections) {
      loop.remove(connection.watch);
      loop.remove(connection.idle);
    }
    c.connections.clear();
    loop.remove(std::exchange(c.udp_watch, 0));
    loop.remove(std::exchange(c.tcp_watch, 0));
    c.udp.reset();
    c.tcp.reset();
  }

  // Closing waits for the kernel to free what was replaced; a moment later there is nothing to wait
  // for.
  void close_used_later() {
    if (used.size() > kMaxUsed) used.pop_front();
    if (used_timer != 0) return;
    used_timer = loop.after(kUsed, [this] {
      used_timer = 0;
      used.clear();
    });
  }

  static void open_sockets(ClientDns& c, std::vector<base::Fd> held) {
    if (held.size() == 2) {
      const std::uint64_t cookie = current_netns_cookie();
      c.udp_port = cookie == 0 ? 0 : held_port(held[0], cookie);
      c.tcp_port = cookie == 0 ? 0 : held_port(held[1], cookie);
      if (c.udp_port != 0 && c.tcp_port != 0) {
        c.udp = std::move(held[0]);
        c.tcp = std::move(held[1]);
        return;
      }
    }
    c.udp = listen_socket(SOCK_DGRAM, c.udp_port);
    c.tcp = listen_socket(SOCK_STREAM, c.tcp_port);
  }

  // Somebody can end sockets from outside (SOCK_DESTROY, as `ss -K` does): such a one is deaf.
  static bool are_alive(const ClientDns& c) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    if (::getsockname(c.udp.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
        address.sin_port == 0) {
      return false;
    }
    int listens = 0;
    length = sizeof listens;
    return ::getsockopt(c.tcp.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 &&
           listens != 0;
  }

  // Not from inside a callback of what is closed here.
  void revive_soon(const std::string& name) {
    ClientDns* c = find(name);
    if (c == nullptr || are_alive(*c)) return;
    // They would be ready for ever.
    loop.remove(std::exchange(c->udp_watch, 0));
    loop.remove(std::exchange(c->tcp_watch, 0));
    loop.soon([this, name] {
      const ClientDns* dead = find(name);
      if (dead == nullptr || are_alive(*dead)) return;
      base::log::warn(base::cat(name, ": somebody ended the sockets that answer names: new ones"));
      try {
        const DnsClient wanted = dead->client;
        attach(wanted, {});
        if (renewed) renewed(name);
      } catch (const base::Error& error) {
        base::log::warn(error.what());
      }
    });
  }

  bool attach(const DnsClient& wanted, std::vector<base::Fd> held) {
    std::vector<DnsServer> servers;
    for (const std::string& text : wanted.upstream) {
      const auto server = parse_dns_server(text);
      if (!server) {
        throw base::Error(base::cat("container ", wanted.container, ": dns server \"", text,
                                    "\" is not an address"),
                          "write an IPv4 or IPv6 address");
      }
      servers.push_back(*server);
    }
    const base::Fd netns = netfab::open_netns(wanted.netns);
    struct stat info {};
    if (::fstat(netns.get(), &info) != 0) base::throw_errno("fstat", wanted.netns);

    auto& slot = clients[wanted.container];
    const bool fresh = !slot || slot->netns_dev != info.st_dev || slot->netns_ino != info.st_ino ||
                       !are_alive(*slot);
    if (fresh) {
      if (slot) close(*slot);
      slot = std::make_unique<ClientDns>();
    }
    ClientDns& c = *slot;
    c.client = wanted;
    c.servers = std::move(servers);
    try {
      netfab::in_netns(netns, [&] {
        if (fresh) open_sockets(c, std::move(held));
        // Every time: what somebody flushed is there again.
        used.push_back(ensure_dns_redirect(c.udp_port, c.tcp_port));
      });
    } catch (...) {
      // Sockets that were there before go on answering.
      if (fresh) {
        close(c);
        clients.erase(wanted.container);
      }
      throw;
    }
    close_used_later();
    if (!fresh) return false;
    c.netns_dev = info.st_dev;
    c.netns_ino = info.st_ino;
    const std::string name = wanted.container;
    c.udp_watch = loop.watch(c.udp.get(), EPOLLIN, [this, name](std::uint32_t) { on_udp(name); });
    watch_tcp(c);
    return true;
  }

  // --- what a question means ---------------------------------------------------------------

  // Replies now or later, at most once. `reply` finds out itself whether its asker is still there.
  void answer(ClientDns& c, DnsView message, DnsForwarder::Transport transport, Reply reply) {
    const DnsQuery query = parse_dns_query(message);
    if (query.state == DnsQuery::State::NotAQuery) return;
    const bool udp = transport == DnsForwarder::Transport::Udp;
    const std::size_t limit = udp ? query.udp_size : 65535;
    const auto say = [&](const DnsAnswer& a) { reply(build_dns_answer(message, query, a, limit)); };
    if (query.state == DnsQuery::State::Bad) return say({query.code, {}, {}, 0});

    constexpr std::uint16_t kInternet = 1;
    if (query.klass == kInternet) {
      if (auto known = own_answer(c, query)) return say(*known);
    }
    // Nothing outside exists for a container on internal networks only, and the answer says so
    // rather than SERVFAIL, on which musl's resolver asks again until its five seconds are over.
    if (!c.client.forward) return say({DnsCode::NxDomain, {}, {}, 0});
    const std::vector<DnsServer>& servers = c.client.upstream.empty() ? host.servers() : c.servers;
    if (servers.empty()) return say({DnsCode::NxDomain, {}, {}, 0});
    forward(c, DnsBytes(message.begin(), message.end()), query, servers, transport, reply);
  }

  // Nothing when the name is none of ours.
  std::optional<DnsAnswer> own_answer(ClientDns& c, const DnsQuery& query) {
    DnsAnswer out;
    out.ttl = kTtl;
    if (const auto address = parse_reverse_name(query.name)) {
      out.pointer = reverse(c.client.container, *address);
      if (out.pointer.empty()) return {};
      if (query.type != dns_type::kPtr && query.type != dns_type::kAny) out.pointer.clear();
      return out;
    }
    if (query.name.empty()) return {};
    const std::vector<base::IpAddress> all = resolve(c.client.container, query.name);
    if (all.empty()) return {};
    const bool any = query.type == dns_type::kAny;
    // A known name without an address of this family exists all the same: an empty answer.
    for (const base::IpAddress& address : all) {
      if (any || query.type == (address.is_v4() ? dns_type::kA : dns_type::kAaaa)) {
        out.addresses.push_back(address);
      }
    }
    if (out.addresses.size() > 1) {
      if (c.turns.size() >= kMaxTurns) c.turns.clear();
      // A turn for each family: resolvers ask for both at a time.
      std::size_t& turn = c.turns[query.name][query.type == dns_type::kAaaa ? 1 : 0];
      const std::size_t first = turn++ % out.addresses.size();
      std::rotate(out.addresses.begin(), out.addresses.begin() + static_cast<std::ptrdiff_t>(first),
                  out.addresses.end());
    }
    return out;
  }

  void forward(ClientDns& c, const DnsBytes& message, const DnsQuery& query,
               const std::vector<DnsServer>& servers, DnsForwarder::Transport transport,
               const Reply& reply) {
    const auto failure = [query](const DnsBytes& asked) {
      return build_dns_answer(asked, query, {DnsCode::ServFail, {}, {}, 0}, 65535);
    };
    if (c.forwarded.size() >= kMaxForwarded) return reply(failure(message));
    auto id = std::make_shared<DnsForwarder::Id>(0);
    const auto done = [this, id, failure, reply, message,
                       container = c.client.container](const DnsBytes& answered) {
      if (ClientDns* still = find(container)) still->forwarded.erase(*id);
      reply(answered.empty() ? failure(message) : answered);
    };
    *id = forwarder.ask(message, servers, transport, done);
    if (*id == 0) return reply(failure(message));
    c.forwarded.insert(*id);
  }

  // --- udp -----------------------------------------------------------------------------------

  void on_udp(const std::string& name) {
    std::array<std::uint8_t, kLargestQuery> buffer;
    for (int i = 0; i < kDatagramsARound; ++i) {
      ClientDns* c = find(name);
      if (c == nullptr || !c->udp) return;
      sockaddr_in peer{};
      socklen_t length = sizeof peer;
      const ssize_t n = ::recvfrom(c->udp.get(), buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&peer), &length);
      if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) revive_soon(name);
        return;
      }
      const int socket = c->udp.get();
      answer(*c, DnsView(buffer).first(static_cast<std::size_t>(n)), DnsForwarder::Transport::Udp,
             [this, name, socket, peer](const DnsBytes& bytes) {
               const ClientDns* still = find(name);
               if (still == nullptr || still->udp.get() != socket) return;
               // A full buffer loses it, as udp does.
               (void)::sendto(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
             });
    }
  }

  // --- tcp -----------------------------------------------------------------------------------

  void watch_tcp(ClientDns& c) {
    c.tcp_watch = loop.watch(c.tcp.get(), EPOLLIN,
                             [this, name = c.client.container](std::uint32_t) { on_accept(name); });
  }

  void on_accept(const std::string& name) {
    ClientDns* c = find(name);
    if (c == nullptr) return;
    base::Fd socket(::accept4(c->tcp.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      // Would be ready again at once: pause rather than spin.
      loop.remove(std::exchange(c->tcp_watch, 0));
      c->tcp_watch = loop.after(std::chrono::seconds(1), [this, name] {
        if (ClientDns* still = find(name)) watch_tcp(*still);
      });
      return;
    }
    if (!socket && errno == EINVAL) return revive_soon(name);  // it does not listen any more
    if (!socket || c->connections.size() >= kMaxTcp) return;
    const std::uint64_t id = next_connection++;
    Connection& connection = c->connections[id];
    connection.socket = std::move(socket);
    connection.watch =
        loop.watch(connection.socket.get(), EPOLLIN,
                   [this, name, id](std::uint32_t events) { on_connection(name, id, events); });
    restart_idle(name, id, connection);
  }

  void restart_idle(const std::string& name, std::uint64_t id, Connection& connection) {
    loop.remove(connection.idle);
    connection.idle = loop.after(kTcpIdle, [this, name, id] { hang_up(name, id); });
  }

  Connection* find(const std::string& name, std::uint64_t id) {
    ClientDns* c = find(name);
    if (c == nullptr) return nullptr;
    const auto at = c->connections.find(id);
    return at == c->connections.end() ? nullptr : &at->second;
  }

  void hang_up(const std::string& name, std::uint64_t id) {
    Connection* connection = find(name, id);
    if (connection == nullptr) return;
    loop.remove(connection->watch);
    loop.remove(connection->idle);
    find(name)->connections.erase(id);
  }

  void on_connection(const std::string& name, std::uint64_t id, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) flush(name, id);
    Connection* connection = find(name, id);
    if (connection == nullptr || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    std::array<std::uint8_t, kLargestQuery> buffer;
    const ssize_t n = ::recv(connection->socket.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) return hang_up(name, id);
    if (n == 0) {
      if (connection->ended) return hang_up(name, id);  // reset after its end
      connection->ended = true;
      return settle(name, id);
    }
    restart_idle(name, id, *connection);
    connection->in.insert(connection->in.end(), buffer.begin(), buffer.begin() + n);
    read_questions(name, id);
  }

  void read_questions(const std::string& name, std::uint64_t id) {
    for (;;) {
      Connection* connection = find(name, id);
      if (connection == nullptr) return;
      DnsBytes& in = connection->in;
      const std::size_t length = in.size() < 2 ? 0 : std::size_t{in[0]} << 8U | in[1];
      if (in.size() < 2 || in.size() < length + 2) {
        if (length > kLargestQuery) return hang_up(name, id);
        return settle(name, id);
      }
      const DnsBytes message(in.begin() + 2, in.begin() + static_cast<std::ptrdiff_t>(length + 2));
      in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(length + 2));
      if (parse_dns_query(message).state == DnsQuery::State::NotAQuery) return hang_up(name, id);
      ++connection->waiting;
      answer(*find(name), message, DnsForwarder::Transport::Tcp,
             [this, name, id](const DnsBytes& bytes) {
               Connection* still = find(name, id);
               if (still == nullptr || bytes.size() > 65535) return;
               --still->waiting;
               still->out.push_back(static_cast<std::uint8_t>(bytes.size() >> 8U));
               still->out.push_back(static_cast<std::uint8_t>(bytes.size()));
               still->out.insert(still->out.end(), bytes.begin(), bytes.end());
               if (still->out.size() > kMaxUnsent) return hang_up(name, id);
               flush(name, id);
             });
    }
  }

  void flush(const std::string& name, std::uint64_t id) {
    Connection* connection = find(name, id);
    if (connection == nullptr) return;
    DnsBytes& out = connection->out;
    if (!out.empty()) {
      const ssize_t n = ::send(connection->socket.get(), out.data(), out.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return hang_up(name, id);
      if (n > 0) {
        out.erase(out.begin(), out.begin() + n);
        restart_idle(name, id, *connection);
      }
    }
    settle(name, id);
  }

  // Watches for what the connection can still do; closes it when that is nothing.
  void settle(const std::string& name, std::uint64_t id) {
    Connection* connection = find(name, id);
    if (connection == nullptr) return;
    if (connection->ended && connection->out.empty() && connection->waiting == 0) {
      return hang_up(name, id);
    }
    std::uint32_t events = 0;
    if (!connection->ended) events |= EPOLLIN;
    if (!connection->out.empty()) events |= EPOLLOUT;
    loop.change(connection->watch, events);
  }
};

Dns::Dns(Loop& loop, Resolve resolve, Reverse reverse)
    : impl_(std::make_unique<Impl>(loop, std::move(resolve), std::move(reverse))) {}
Dns::~Dns() = default;

void Dns::on_renewed(std::function<void(const std::string& container)> call) {
  impl_->renewed = std::move(call);
}

bool Dns::attach(const DnsClient& client, std::vector<base::Fd> held) {
  return impl_->attach(client, std::move(held));
}

std::vector<int> Dns::sockets(const std::string& container) const {
  const ClientDns* client = impl_->find(container);
  if (client == nullptr) return {};
  return {client->udp.get(), client->tcp.get()};
}

void Dns::detach(const std::string& container) {
  const auto at = impl_->clients.find(container);
  if (at == impl_->clients.end()) return;
  impl_->close(*at->second);
  impl_->clients.erase(at);
}

}  // namespace supervisor
