// One listening port of the relay with its connections (tcp) or sessions (udp); ends with its
// destruction. Knows nothing of which ports are wanted.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "supervisor/relay.hpp"

namespace supervisor {

class RelayListener {
 public:
  RelayListener() = default;
  virtual ~RelayListener() = default;
  RelayListener(const RelayListener&) = delete;
  RelayListener& operator=(const RelayListener&) = delete;
};

// Throw base::SysError when the port cannot be bound.
std::unique_ptr<RelayListener> relay_tcp(Loop& loop, const Relay::Listen& listen);
std::unique_ptr<RelayListener> relay_udp(Loop& loop, const Relay::Listen& listen);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress socket_address(const base::IpAddress& address, std::uint16_t port);
// Non-blocking, v6 without v4 (that port has its own owner), bound.
base::Fd bound_socket(const Relay::Listen& listen, int type);

}  // namespace supervisor
