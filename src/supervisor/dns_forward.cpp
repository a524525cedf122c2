#include "supervisor/dns_forward.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace supervisor {

namespace {

constexpr std::size_t kMaxServers = 3;  // MAXNS of resolv.conf(5)
// Three tries of 1.5 s end before the C library's own 5 s, so that it hears an answer.
constexpr unsigned kTries = 3;
constexpr base::Duration kTryTime = std::chrono::milliseconds(1500);
constexpr std::size_t kLargest = 65535;

std::uint16_t random_id() {
  std::uint16_t id = 0;
  // Never blocks after early boot; a failure leaves the random port as the guard.
  if (::getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id) id = 0x5a5a;
  return id;
}

socklen_t to_sockaddr(const DnsServer& server, sockaddr_storage& out) {
  out = {};
  if (server.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(server.port);
    std::memcpy(&v4.sin_addr, server.address.bytes.data(), 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(server.port);
  v6.sin6_scope_id = server.scope;
  std::memcpy(&v6.sin6_addr, server.address.bytes.data(), 16);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

}  // namespace

std::optional<DnsServer> parse_dns_server(std::string_view text) {
  DnsServer server;
  const std::size_t percent = text.find('%');
  const auto address = base::parse_ip(text.substr(0, percent));
  if (!address) return {};
  server.address = *address;
  if (percent != std::string_view::npos) {
    server.scope = ::if_nametoindex(std::string(text.substr(percent + 1)).c_str());
    if (address->is_v4() || server.scope == 0) return {};
  }
  return server;
}

std::vector<DnsServer> parse_resolv_conf(std::string_view text) {
  std::vector<DnsServer> servers;
  for (const std::string& raw : base::split(text, '\n')) {
    std::string_view line = base::trim(raw);
    constexpr std::string_view kWord = "nameserver";
    if (!base::starts_with(line, kWord)) continue;
    line.remove_prefix(kWord.size());
    if (line.empty() || (line.front() != ' ' && line.front() != '\t')) continue;
    line = base::trim(line);
    const auto server = parse_dns_server(line.substr(0, line.find_first_of(" \t#;")));
    if (server && servers.size() < kMaxServers) servers.push_back(*server);
  }
  return servers;
}

const std::vector<DnsServer>& HostResolver::servers() {
  struct stat now {};
  if (::stat(path_.c_str(), &now) != 0) {
    read_ = false;
    servers_.clear();
    return servers_;
  }
  const bool same = read_ && now.st_ino == seen_.st_ino && now.st_dev == seen_.st_dev &&
                    now.st_size == seen_.st_size && now.st_mtim.tv_sec == seen_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec;
  if (same) return servers_;
  try {
    servers_ = parse_resolv_conf(base::try_read_file(path_, 1U << 20U).value_or(""));
  } catch (const base::Error& error) {
    servers_.clear();
    base::log::warn(base::cat("dns: ", error.what()));
  }
  read_ = true;
  seen_ = now;
  return servers_;
}

struct DnsForwarder::Pending {
  Id id = 0;
  DnsBytes query;  // carries our id of the current try
  std::uint16_t asked_id = 0;
  std::uint16_t our_id = 0;
  std::vector<DnsServer> servers;
  Transport transport = Transport::Udp;
  Done done;
  unsigned tries = 0;
  DnsBytes refusal;  // a server's own failure, given when no other does better
  base::Fd socket;
  Loop::Id watch = 0;
  Loop::Id timer = 0;
  std::size_t sent = 0;  // tcp
  DnsBytes received;     // tcp: length and message
};

DnsForwarder::DnsForwarder(Loop& loop) : loop_(loop) {}

DnsForwarder::~DnsForwarder() {
  for (auto& [id, pending] : pending_) let_go(*pending);
}

DnsForwarder::Id DnsForwarder::ask(DnsBytes query, const std::vector<DnsServer>& servers,
                                   Transport transport, Done done) {
  if (pending_.size() >= kMaxInFlight || query.size() > kLargest) return 0;
  auto pending = std::make_unique<Pending>();
  const Id id = next_++;
  pending->id = id;
  pending->asked_id = dns_id(query);
  pending->query = std::move(query);
  pending->servers = servers;
  pending->transport = transport;
  pending->done = std::move(done);
  // From the loop: the caller has its id before `done` can be called.
  pending->timer = loop_.soon([this, id] {
    if (const auto at = pending_.find(id); at != pending_.end()) {
      at->second->timer = 0;
      try_next(*at->second);
    }
  });
  pending_.emplace(id, std::move(pending));
  return id;
}

void DnsForwarder::cancel(Id id) {
  const auto at = pending_.find(id);
  if (at == pending_.end()) return;
  let_go(*at->second);
  pending_.erase(at);
}

void DnsForwarder::let_go(Pending& pending) {
  loop_.remove(std::exchange(pending.watch, 0));
  loop_.remove(std::exchange(pending.timer, 0));
  pending.socket.reset();
}

void DnsForwarder::finish(Pending& pending, DnsBytes answer) {
  let_go(pending);
  const Done done = std::move(pending.done);
  set_dns_id(answer, pending.asked_id);
  pending_.erase(pending.id);
  done(std::move(answer));
}

// Asks the next server in turn; ends with what the last one said when there are no tries left.
void DnsForwarder::try_next(Pending& pending) {
  while (pending.tries < kTries && !pending.servers.empty()) {
    let_go(pending);
    const DnsServer& server = pending.servers[pending.tries++ % pending.servers.size()];
    sockaddr_storage address{};
    const socklen_t length = to_sockaddr(server, address);
    const bool udp = pending.transport == Transport::Udp;
    // A socket a try: connect() picks a random port and lets nothing in but this server's answers.
    pending.socket = base::Fd(::socket(
        address.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!pending.socket) continue;
    if (::connect(pending.socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 &&
        errno != EINPROGRESS) {
      continue;
    }
    pending.our_id = random_id();
    set_dns_id(pending.query, pending.our_id);
    if (udp && ::send(pending.socket.get(), pending.query.data(), pending.query.size(),
                      MSG_NOSIGNAL) < 0) {
      continue;
    }
    pending.sent = 0;
    pending.received.clear();
    const Id id = pending.id;
    pending.watch = loop_.watch(pending.socket.get(), udp ? EPOLLIN : EPOLLOUT,
                                [this, id](std::uint32_t events) {
                                  const auto at = pending_.find(id);
                                  if (at == pending_.end()) return;
                                  if (at->second->transport == Transport::Udp) {
                                    on_udp(*at->second);
                                  } else {
                                    on_tcp(*at->second, events);
                                  }
                                });
    pending.timer = loop_.after(kTryTime, [this, id] {
      if (const auto at = pending_.find(id); at != pending_.end()) {
        at->second->timer = 0;
        try_next(*at->second);
      }
    });
    return;
  }
  finish(pending, std::move(pending.refusal));
}

void DnsForwarder::on_udp(Pending& pending) {
  DnsBytes answer(kLargest);
  const ssize_t n = ::recv(pending.socket.get(), answer.data(), answer.size(), 0);
  if (n < 0) {
    // ECONNREFUSED and the like: this server is not there, the next one is asked at once.
    if (errno != EAGAIN && errno != EINTR) try_next(pending);
    return;
  }
  answer.resize(static_cast<std::size_t>(n));
  // Not ours: forged or late. The right one may still come.
  if (!is_dns_answer(answer, pending.query, pending.our_id)) return;
  take(pending, std::move(answer));
}

void DnsForwarder::on_tcp(Pending& pending, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    DnsBytes framed{static_cast<std::uint8_t>(pending.query.size() >> 8U),
                    static_cast<std::uint8_t>(pending.query.size())};
    framed.insert(framed.end(), pending.query.begin(), pending.query.end());
    const ssize_t n = ::send(pending.socket.get(), framed.data() + pending.sent,
                             framed.size() - pending.sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return try_next(pending);
    if (n > 0) pending.sent += static_cast<std::size_t>(n);
    if (pending.sent == framed.size()) loop_.change(pending.watch, EPOLLIN);
    return;
  }
  std::array<std::uint8_t, 16384> buffer;
  const ssize_t n = ::recv(pending.socket.get(), buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return try_next(pending);
  pending.received.insert(pending.received.end(), buffer.begin(), buffer.begin() + n);
  if (pending.received.size() < 2) return;
  const std::size_t length = std::size_t{pending.received[0]} << 8U | pending.received[1];
  if (pending.received.size() < length + 2) return;
  DnsBytes answer(pending.received.begin() + 2,
                  pending.received.begin() + static_cast<std::ptrdiff_t>(length + 2));
  if (!is_dns_answer(answer, pending.query, pending.our_id)) return try_next(pending);
  take(pending, std::move(answer));
}

void DnsForwarder::take(Pending& pending, DnsBytes answer) {
  switch (dns_code(answer)) {
    case DnsCode::ServFail:
    case DnsCode::NotImp:
    case DnsCode::Refused: {
      // As the C library does: another server may know better, but the same one is not asked twice.
      pending.refusal = std::move(answer);
      if (pending.tries >= pending.servers.size()) pending.tries = kTries;
      return try_next(pending);
    }
    case DnsCode::NoError:
    case DnsCode::FormErr:
    case DnsCode::NxDomain:
      break;
  }
  finish(pending, std::move(answer));
}

}  // namespace supervisor
