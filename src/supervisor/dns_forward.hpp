// DnsForwarder: asks the name servers outside on behalf of containers, from the host's network
// namespace: udp with a fresh id and a fresh port each, tcp for what was asked by tcp. Bounded in
// number and time; an answer counts only from the server asked, with its id and its question. Knows
// no containers.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "supervisor/dns_message.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

struct DnsServer {
  base::IpAddress address;
  std::uint32_t scope = 0;  // interface index of a link-local address
  std::uint16_t port = 53;

  auto operator<=>(const DnsServer&) const = default;
};

// "1.1.1.1" or "fe80::1%eth0"; nothing for anything else.
std::optional<DnsServer> parse_dns_server(std::string_view text);
// The name servers of a resolv.conf(5): the first three, as the C library takes them.
std::vector<DnsServer> parse_resolv_conf(std::string_view text);

// The host's resolv.conf, read again when it has changed.
class HostResolver {
 public:
  explicit HostResolver(std::string path = "/etc/resolv.conf") : path_(std::move(path)) {}
  const std::vector<DnsServer>& servers();

 private:
  std::string path_;
  bool read_ = false;
  struct stat seen_ {};
  std::vector<DnsServer> servers_;
};

class DnsForwarder {
 public:
  using Id = std::uint64_t;
  // The answer with the asker's id, or empty when no server gave one.
  using Done = std::function<void(DnsBytes answer)>;
  enum class Transport : std::uint8_t { Udp, Tcp };

  // All containers of a stack together: each takes one descriptor of the supervisor's.
  static constexpr std::size_t kMaxInFlight = 256;

  explicit DnsForwarder(Loop& loop);
  ~DnsForwarder();
  DnsForwarder(const DnsForwarder&) = delete;
  DnsForwarder& operator=(const DnsForwarder&) = delete;

  // `done` is never called from inside ask(). 0 when too many are under way.
  Id ask(DnsBytes query, const std::vector<DnsServer>& servers, Transport transport, Done done);
  // Forgets it; `done` is not called.
  void cancel(Id id);
  [[nodiscard]] std::size_t in_flight() const { return pending_.size(); }

 private:
  struct Pending;
  void try_next(Pending& pending);
  void on_udp(Pending& pending);
  void on_tcp(Pending& pending, std::uint32_t events);
  void take(Pending& pending, DnsBytes answer);
  void finish(Pending& pending, DnsBytes answer);
  void let_go(Pending& pending);

  Loop& loop_;
  std::unordered_map<Id, std::unique_ptr<Pending>> pending_;
  Id next_ = 1;
};

}  // namespace supervisor
