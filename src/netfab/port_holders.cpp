#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"
#include "netfab/nft.hpp"
#include "netfab/port_table.hpp"
#include "netfab/ports.hpp"
#include "netfab/sockets.hpp"
#include "netfab/sysctl.hpp"

namespace netfab {

namespace {

bool same_number(Protocol a, std::uint16_t a_port, Protocol b, std::uint16_t b_port) {
  return a == b && a_port == b_port;
}

// A port published without an address is taken on both families, whatever its container has: a
// relay carries the other one.
bool listens_on(const PublishedPort& port, base::Family family) {
  return !port.host_address || port.host_address->family == family;
}

bool is_any(const PublishedPort& port) {
  return !port.host_address || port.host_address->is_unspecified();
}

bool collides(const PublishedPort& port, const Listener& listener) {
  if (!same_number(port.protocol, port.host_port, listener.protocol, listener.port)) return false;
  const bool both =
      listener.address.is_unspecified() && !listener.address.is_v4() && !listener.v6_only;
  if (!both && !listens_on(port, listener.address.family)) return false;
  return is_any(port) || listener.address.is_unspecified() ||
         *port.host_address == listener.address;
}

bool collides(const PublishedPort& a, const PublishedPort& b) {
  if (!same_number(a.protocol, a.host_port, b.protocol, b.host_port)) return false;
  if (a.host_address && !listens_on(b, a.host_address->family)) return false;
  return is_any(a) || is_any(b) || *a.host_address == *b.host_address;
}

struct Published {
  std::string owner;
  std::vector<PublishedPort> ports;
};

std::vector<Published> published_by_others(const std::string& own_table) {
  std::vector<Published> out;
  for (const nft::Table& table : nft::own_tables()) {
    if (table.name == own_table || !base::starts_with(table.name, "stack-ports-")) continue;
    const std::string owner = table.note.comment.empty()
                                  ? base::cat("another stack (nft table ", table.name, ")")
                                  : base::cat("stack ", table.note.comment);
    out.push_back({owner, read_ports(table.name)});
  }
  return out;
}

std::string describe(const std::map<std::uint32_t, Holder>& holders, const Listener& listener) {
  const auto at = holders.find(listener.inode);
  if (at == holders.end()) return "a process that cannot be seen from here";
  return base::cat("process ", at->second.name, " (pid ", at->second.pid, ")");
}

// bind(2) is the last word: it knows reserved ports and sockets that listen a moment later.
bool can_bind(Protocol protocol, const std::optional<IpAddress>& address, std::uint16_t port) {
  const bool v4 = !address || address->is_v4();
  const base::Fd fd(::socket(v4 ? AF_INET : AF_INET6,
                             (protocol == Protocol::Tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC,
                             0));
  if (!fd) return true;
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (v4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    if (address) std::memcpy(&in->sin_addr, address->bytes.data(), 4);
    size = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    std::memcpy(&in->sin6_addr, address->bytes.data(), 16);
    size = sizeof *in;
  }
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0;
}

}  // namespace

std::vector<std::pair<std::size_t, std::string>> port_holders(
    const std::vector<PublishedPort>& ports, const std::string& own_table) {
  if (ports.empty()) return {};
  const std::vector<Published> others = published_by_others(own_table);
  const std::vector<Listener> listeners = dump_listeners();
  std::map<std::size_t, std::string> out;
  std::vector<std::pair<std::size_t, Listener>> conflicts;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    for (const Published& other : others) {
      const bool taken = std::any_of(other.ports.begin(), other.ports.end(),
                                     [&](const PublishedPort& p) { return collides(ports[i], p); });
      if (taken) out.emplace(i, other.owner);
    }
    for (const Listener& listener : listeners) {
      if (collides(ports[i], listener)) conflicts.emplace_back(i, listener);
    }
  }
  if (!conflicts.empty()) {
    std::vector<std::uint32_t> inodes;
    inodes.reserve(conflicts.size());
    for (const auto& conflict : conflicts) inodes.push_back(conflict.second.inode);
    const std::map<std::uint32_t, Holder> holders = find_holders(inodes);
    for (const auto& [index, listener] : conflicts) {
      const auto at = holders.find(listener.inode);
      // A relay or a reservation of ours; whose the port is, the tables say.
      if (at != holders.end() && at->second.ours &&
          (listener.v6_only || listener.protocol == Protocol::Udp)) {
        continue;
      }
      out.emplace(index, describe(holders, listener));
    }
  }
  return {out.begin(), out.end()};
}

std::optional<std::pair<PublishedPort, std::string>> published_elsewhere(
    const std::vector<PublishedPort>& ports, const std::string& own_table) {
  if (ports.empty()) return std::nullopt;
  for (const Published& other : published_by_others(own_table)) {
    for (const PublishedPort& port : ports) {
      const bool taken = std::any_of(other.ports.begin(), other.ports.end(),
                                     [&](const PublishedPort& p) { return collides(port, p); });
      if (taken) return std::pair{port, other.owner};
    }
  }
  return std::nullopt;
}

std::optional<std::string> port_holder(const PublishedPort& port, const std::string& own_table) {
  auto found = port_holders({port}, own_table);
  if (found.empty()) return std::nullopt;
  return std::move(found.front().second);
}

std::uint16_t free_port(Protocol protocol, const std::optional<IpAddress>& address) {
  const std::vector<std::string> range = base::split(sysctl("net/ipv4/ip_local_port_range"), ' ');
  std::uint64_t low = range.empty() ? 32768 : base::parse_uint(range.front()).value_or(32768);
  std::uint64_t high = range.empty() ? 60999 : base::parse_uint(range.back()).value_or(60999);
  if (low < 1 || high > 65535 || low > high) {
    low = 32768;
    high = 60999;
  }
  const std::uint64_t count = high - low + 1;
  std::uint32_t start = 0;
  // Two that ask at the same moment should not be told the same.
  (void)::getrandom(&start, sizeof start, GRND_NONBLOCK);
  const std::vector<Published> others = published_by_others({});
  const std::vector<Listener> listeners = dump_listeners();
  PublishedPort wish;
  wish.protocol = protocol;
  wish.host_address = address;
  for (std::uint64_t i = 0; i < count; ++i) {
    wish.host_port = static_cast<std::uint16_t>(low + (start + i) % count);
    const auto listening = [&wish](const Listener& l) { return collides(wish, l); };
    if (std::any_of(listeners.begin(), listeners.end(), listening)) continue;
    const auto published = [&wish](const Published& other) {
      return std::any_of(other.ports.begin(), other.ports.end(), [&wish](const PublishedPort& p) {
        // Without an address both families count: the caller may publish the number on both.
        return collides(wish, p) ||
               (!wish.host_address &&
                same_number(wish.protocol, wish.host_port, p.protocol, p.host_port));
      });
    };
    if (std::any_of(others.begin(), others.end(), published)) continue;
    if (can_bind(protocol, address, wish.host_port)) return wish.host_port;
  }
  throw base::Error(base::cat("no free port between ", low, " and ", high),
                    "name the host's port in the stack file");
}

}  // namespace netfab
