#include "image/layout.hpp"

#include "base/text.hpp"

namespace image {

std::string Layout::name(std::string_view reference) const {
  constexpr const char* kHex = "0123456789ABCDEF";
  constexpr std::size_t kMost = 220;  // with temporary suffixes below NAME_MAX
  std::string out;
  for (const char c : reference) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == ':' || c == '@' || (c == '.' && !out.empty());
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  if (out.size() > kMost) out = out.substr(0, kMost - 17) + "~" + base::short_hash(reference, 16);
  return names() + "/" + out;
}

}  // namespace image
