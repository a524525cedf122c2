// Relay: carries what the kernel's translation cannot: [::1]:port of the host, for there is no
// route_localnet for v6, and v6 addresses of the host that lead to a container without one.
// Non-blocking splice in both directions, udp by datagram, on the loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/ip.hpp"
#include "netfab/fabric.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

class Relay {
 public:
  explicit Relay(Loop& loop);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Listens for exactly these; a listener that stays keeps its connections. A port that cannot be
  // bound is returned with its errno, the rest works.
  struct Listen {
    netfab::Protocol protocol = netfab::Protocol::Tcp;
    base::IpAddress address;  // v6; unspecified: every one of the host
    std::uint16_t port = 0;
    base::IpAddress target;
    std::uint16_t target_port = 0;
    auto operator<=>(const Listen&) const = default;
  };
  std::vector<std::pair<Listen, int>> set(const std::vector<Listen>& wanted);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisor
