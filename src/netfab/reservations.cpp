#include "netfab/reservations.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace netfab {

std::string Reservation::str() const {
  return base::cat(address.str(), ":", port, protocol == Protocol::Tcp ? "/tcp" : "/udp");
}

std::optional<Reservation> parse_reservation(const std::string& text) {
  const std::size_t colon = text.find(':'), slash = text.find('/');
  if (colon == std::string::npos || slash == std::string::npos || slash < colon) return {};
  const auto address = base::parse_ip(text.substr(0, colon));
  const auto port = base::parse_uint(text.substr(colon + 1, slash - colon - 1));
  if (!address || !address->is_v4() || !port || *port > 65535) return {};
  Reservation out{text.substr(slash) == "/tcp" ? Protocol::Tcp : Protocol::Udp, *address,
                  static_cast<std::uint16_t>(*port)};
  if (out.str() != text) return {};
  return out;
}

std::vector<Reservation> reservations_of(const std::vector<PublishedPort>& ports) {
  std::vector<Reservation> out;
  const IpAddress every = IpAddress::from_v4(0);
  for (const PublishedPort& port : ports) {
    const IpAddress address = port.host_address.value_or(every);
    if (port.host_port != 0 && address.is_v4() && port.target.is_v4()) {
      out.push_back({port.protocol, address, port.host_port});
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

base::Fd reserve(const Reservation& wanted) {
  const int type = wanted.protocol == Protocol::Tcp ? SOCK_STREAM : SOCK_DGRAM;
  base::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fd;
  const int on = 1;
  // An address that the host is yet to get, as the tables serve it too.
  ::setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  if (wanted.protocol == Protocol::Udp) {
    // Broadcasts are nobody's to translate: they would fill its queue.
    sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog filter{1, &nothing};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  }
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(wanted.port);
  std::memcpy(&at.sin_addr, wanted.address.bytes.data(), sizeof at.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

std::vector<Reservation> unreserved(const std::vector<PublishedPort>& ports) {
  std::vector<Reservation> out;
  for (const Reservation& each : reservations_of(ports)) {
    if (reserve(each)) out.push_back(each);
  }
  return out;
}

}  // namespace netfab
