// Reservations: the kernel leads a published port on by our tables, without a socket. So that no
// process takes the port meanwhile, which would then wait for callers in vain, one of ours is bound
// to it: it neither listens nor is ever read. v4 only: at v6 a relay listens, or nobody has to.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "netfab/fabric.hpp"

namespace netfab {

struct Reservation {
  Protocol protocol = Protocol::Tcp;
  IpAddress address;  // v4; unspecified: every one of the host
  std::uint16_t port = 0;

  auto operator<=>(const Reservation&) const = default;
  [[nodiscard]] std::string str() const;  // "0.0.0.0:8080/tcp"
};
// The inverse of str(); nothing for any other text.
std::optional<Reservation> parse_reservation(const std::string& text);
// What `ports` need, sorted, each once.
std::vector<Reservation> reservations_of(const std::vector<PublishedPort>& ports);

// A socket bound to it in the current network namespace, without SO_REUSEADDR, so that bind(2) of
// anybody else fails with EADDRINUSE (man 7 socket). Invalid, with errno set, when it is taken.
base::Fd reserve(const Reservation& wanted);
// Those that nobody holds: found out by binding them for a moment, for a socket that is bound and
// does not listen is in no list of sock_diag(7) below Linux 6.8.
std::vector<Reservation> unreserved(const std::vector<PublishedPort>& ports);

}  // namespace netfab
