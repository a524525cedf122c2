#include "image/digest.hpp"

#include "base/image_name.hpp"

namespace image {

std::optional<Digest> try_parse_digest(std::string_view text) {
  if (!base::is_digest(text)) return {};
  const std::size_t colon = text.find(':');
  return Digest{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Digest parse_digest(std::string_view text) {
  base::check_digest(text);
  return *try_parse_digest(text);
}

}  // namespace image
