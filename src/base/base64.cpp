#include "base/base64.hpp"

#include <array>
#include <cstdint>

namespace base {

namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> out{};
  for (std::uint8_t& value : out) value = kNone;
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    out[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return out;
}();

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    unsigned word = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      word =
          (word << 8U) | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const bool pad = at + i > bytes.size();
      out.push_back(pad ? '=' : kDigits[(word >> (18U - 6U * static_cast<unsigned>(i))) & 63U]);
    }
  }
  return out;
}

bool unbase64(std::string_view text, std::string& out) {
  out.clear();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  out.reserve(text.size() / 4 * 3 + 2);
  unsigned word = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::uint8_t digit = kValues[static_cast<unsigned char>(c)];
    if (digit == kNone) return false;
    word = ((word << 6U) | digit) & 0xffffU;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<char>((word >> bits) & 255U));
    }
  }
  return true;
}

}  // namespace base
