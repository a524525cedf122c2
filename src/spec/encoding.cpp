#include "spec/encoding.hpp"

#include <cstdio>

#include <array>

#include "base/text.hpp"

namespace spec {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t length = 0;  // 0: not well formed
};

// The UTF-8 sequence at the front: shortest form only, no surrogates, up to U+10FFFF.
Character decode(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = at(0);
  if (first < 0x80U) return {first, 1};
  std::size_t length = 0;
  std::uint32_t code = 0;
  std::uint32_t least = 0;
  if ((first & 0xe0U) == 0xc0U) {
    length = 2, code = first & 0x1fU, least = 0x80;
  } else if ((first & 0xf0U) == 0xe0U) {
    length = 3, code = first & 0x0fU, least = 0x800;
  } else if ((first & 0xf8U) == 0xf0U) {
    length = 4, code = first & 0x07U, least = 0x10000;
  } else {
    return {};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0U) != 0x80U) return {};
    code = (code << 6U) | (at(i) & 0x3fU);
  }
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, length};
}

bool printable(std::uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  if (code < 0x7f) return true;
  if (code < 0xa0) return code == 0x85;
  return code != 0xfeff && code != 0xfffe && code != 0xffff;
}

std::string name_of(std::uint32_t code) {
  if (code == 0) return "a NUL byte";
  if (code == 0xfeff) return "a byte order mark inside the text";
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "the control character U+%04X",
                static_cast<unsigned>(code));
  return text.data();
}

}  // namespace

bool check_encoding(std::string_view text, std::uint32_t file, Report& report) {
  const auto starts = [&](std::string_view mark) { return text.substr(0, mark.size()) == mark; };
  if (starts("\xff\xfe") || starts("\xfe\xff") || starts(std::string_view("\0\0\xfe\xff", 4)) ||
      (text.size() > 1 && (text[0] == '\0') != (text[1] == '\0'))) {
    report.error({file, 1, 1}, "the file is UTF-16 or UTF-32, not UTF-8",
                 "save it as UTF-8, for example with iconv -f UTF-16 -t UTF-8");
    return false;
  }
  const std::size_t mark = starts("\xef\xbb\xbf") ? 3 : 0;
  std::uint32_t line = 1;
  std::size_t line_start = mark;
  for (std::size_t i = mark; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20U && byte < 0x7fU) {
      ++i;
      continue;
    }
    const Character character = decode(text.substr(i));
    const Place place{file, line, static_cast<std::uint32_t>(i - line_start + 1)};
    if (character.length == 0) {
      report.error(place, base::cat("byte ", i, " is not valid UTF-8"),
                   "save the file as UTF-8, for example with iconv -f LATIN1 -t UTF-8");
      return false;
    }
    if (!printable(character.code)) {
      report.error(place,
                   base::cat(name_of(character.code), " at byte ", i, " is not allowed in YAML"),
                   "remove it; inside a double-quoted string write it as an escape");
      return false;
    }
    i += character.length;
    if (byte == '\n') {
      ++line;
      line_start = i;
    }
  }
  return true;
}

}  // namespace spec
