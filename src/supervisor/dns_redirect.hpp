// The redirection inside a container's network namespace: an nft table "stack-dns" that sends
// 127.0.0.11:53 (udp and tcp) to the ports our sockets have. Answers get their source back from
// connection tracking. Knows no containers; the calling thread is already inside the namespace.
#pragma once

#include <cstdint>

#include "base/fd.hpp"
#include "netfab/inside.hpp"

namespace supervisor {

inline constexpr const char* kDnsTable = netfab::kRedirectionTable;
inline constexpr std::uint32_t kDnsAddress = netfab::kNameServer;  // 127.0.0.11

// Puts the table in place of an older one in one transaction. Throws base::SysError.
// The socket it was done with is given back to be closed later: closed at once, the kernel would
// hold the caller for some 15 ms until the older table is freed.
[[nodiscard]] base::Fd ensure_dns_redirect(std::uint16_t udp_port, std::uint16_t tcp_port);
// Removes it; absent is fine. Throws base::SysError.
void remove_dns_redirect();

}  // namespace supervisor
