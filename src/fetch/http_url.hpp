// Url: an absolute http or https address taken apart, and a Location resolved against one. Strict:
// no user information, no other scheme, no control characters, bounded length. Decides what "the
// same origin" means, which is what a token or password may be sent to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fetch {

struct Url {
  std::string scheme;  // http or https
  std::string host;    // lower case; an IPv6 address without brackets
  std::uint16_t port = 0;
  std::string path;   // from the first slash on
  std::string query;  // without the question mark

  [[nodiscard]] bool is_https() const { return scheme == "https"; }
  // A literal loopback address or the name localhost, which curl never asks a server for.
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool same_origin(const Url& other) const;
  [[nodiscard]] std::string authority()
      const;  // HOST:PORT, the port only where it is not the usual
  [[nodiscard]] std::string str() const;
  // For messages: without the query, which may hold a signature that grants access.
  [[nodiscard]] std::string shown() const;
};

// Nothing when the text is no absolute http(s) address or is longer than 8 KiB.
std::optional<Url> parse_url(std::string_view text);
// `location` as a server sent it: absolute, or relative to `from` (RFC 3986).
std::optional<Url> resolve_url(const Url& from, std::string_view location);
// Adds NAME=VALUE to the query, the value percent-encoded.
void add_query(Url& url, std::string_view name, std::string_view value);
std::string percent_encode(std::string_view text);

// Text of a server, for a message on a terminal: control characters out, at most `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 300);

}  // namespace fetch
