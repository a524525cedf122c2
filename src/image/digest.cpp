#include "image/digest.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace image {

namespace {

std::size_t digits_of(std::string_view algorithm) {
  if (algorithm == "sha256") return 64;
  if (algorithm == "sha512") return 128;
  return 0;
}

bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Hostile text in a message: bounded and without control characters.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 100)) out += c < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > 100 ? out + "..." : out;
}

}  // namespace

std::optional<Digest> try_parse_digest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view algorithm = text.substr(0, colon), hex = text.substr(colon + 1);
  const std::size_t digits = digits_of(algorithm);
  if (digits == 0 || hex.size() != digits) return {};
  if (!std::all_of(hex.begin(), hex.end(), is_lower_hex)) return {};
  return Digest{std::string(algorithm), std::string(hex)};
}

Digest parse_digest(std::string_view text) {
  if (auto digest = try_parse_digest(text)) return *digest;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && colon > 0 && digits_of(text.substr(0, colon)) == 0) {
    throw base::Error(base::cat("digest \"", shown(text), "\": unknown algorithm"),
                      "sha256 and sha512 are known");
  }
  throw base::Error(base::cat("\"", shown(text), "\" is not a digest"),
                    "sha256: and 64 digits 0-9a-f");
}

}  // namespace image
