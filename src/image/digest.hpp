// Digest: the name of a blob by its content ("sha256:<64 hex digits>"), strictly parsed, so that it
// can be a part of a path. Knows no hashing: `stack` never computes one (see fetch/hash.hpp).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace image {

struct Digest {
  std::string algorithm, hex;  // "sha256" or "sha512"; lower case

  auto operator<=>(const Digest&) const = default;
  [[nodiscard]] std::string str() const { return algorithm + ":" + hex; }
  // The first twelve digits, as docker shows them.
  [[nodiscard]] std::string brief() const { return hex.substr(0, 12); }
};

// Nothing when it is not one; parse_digest throws base::Error that says what is wrong
// ("sha256:../../x": not a digest; "md5:..." : unknown algorithm).
std::optional<Digest> try_parse_digest(std::string_view text);
Digest parse_digest(std::string_view text);

}  // namespace image
