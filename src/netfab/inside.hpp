// observe_insides(): what lies inside pinned network namespaces, many in one go: links, addresses,
// default routes, the name service, sysctls. One entry and a few exchanges a namespace (some 30
// us), one way back for all. Reads only; the calling thread goes there and comes back, others do
// not notice.
#pragma once

#include <string>
#include <vector>

#include "netfab/fabric.hpp"

namespace netfab {

// The nft table (family ip) that redirects a name server's address to the sockets behind it. Its
// user data is this note, written by whoever makes the table, read here.
struct RedirectionNote {
  std::uint16_t udp_port = 0, tcp_port = 0;
};
std::string encode_redirection(const RedirectionNote& note);
std::optional<RedirectionNote> decode_redirection(std::string_view bytes);
inline constexpr const char* kRedirectionTable = "stack-dns";
inline constexpr const char* kRedirectionChain = "output";
inline constexpr std::uint32_t kRedirectionRules = 2;     // one a protocol
inline constexpr std::uint32_t kNameServer = 0x7f00000b;  // 127.0.0.11

enum class NameLook : std::uint8_t { None, Redirection, Sockets };

struct InsideRequest {
  std::string path;  // where it is pinned
  // What should be there: where it is, it costs two dumps instead of three, and links without
  // addresses are left out.
  std::vector<const Endpoint*> expected;
  NameLook names = NameLook::None;
  std::vector<std::string> sysctls;  // "net/ipv4/..."
};
// In the order of the requests.
std::vector<Inside> observe_insides(const std::vector<InsideRequest>& requests);

// Sets sysctls of the namespace pinned at `path`.
void set_inner_sysctls(const std::string& path, const std::map<std::string, std::string>& sysctls);

}  // namespace netfab
