#include "fetch/tar_headers.hpp"

#include <algorithm>
#include <cstddef>

#include "base/error.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

constexpr std::size_t kBlock = 512, kSizeAt = 124, kSizeLength = 12, kTypeAt = 156;
constexpr std::size_t kLargest = 1U << 20U;      // Go's and libarchive's limit alike
constexpr std::size_t kLongestRecord = 999'999;  // libarchive ignores longer ones

// Blanks, octal digits, then only blanks and NULs: what every reader takes for the same number.
std::size_t size_of(std::string_view header) {
  std::string_view field = header.substr(kSizeAt, kSizeLength);
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  std::size_t out = 0;
  while (!field.empty() && field.front() >= '0' && field.front() <= '7') {
    out = out * 8 + static_cast<std::size_t>(field.front() - '0');
    field.remove_prefix(1);
  }
  using namespace std::string_view_literals;
  if (field.find_first_not_of(" \0"sv) != std::string_view::npos)
    throw base::Error("the size of an extended header is no number");
  if (out > kLargest) throw base::Error("an extended header of more than 1 MiB is refused");
  return out;
}

[[noreturn]] void malformed() {
  throw base::Error("a record of a PAX header is malformed");
}

bool is_name(std::string_view key) {
  return key == "path" || key == "linkpath" || key == "uname" || key == "gname" ||
         key == "GNU.sparse.name";
}

// "LENGTH KEY=VALUE\n", the length that of all of it.
void check_records(std::string_view body) {
  while (!body.empty()) {
    const std::size_t space = body.find(' ');
    if (space == std::string_view::npos) malformed();
    const auto length = base::parse_uint(body.substr(0, space));
    if (!length || *length > body.size() || *length < space + 3) malformed();
    if (*length > kLongestRecord) throw base::Error("a record of a PAX header is too long");
    std::string_view record = body.substr(space + 1, *length - space - 1);
    body.remove_prefix(*length);
    if (record.back() != '\n') malformed();
    record.remove_suffix(1);
    const std::size_t equals = record.find('=');
    if (equals == 0 || equals == std::string_view::npos) malformed();
    const std::string_view key = record.substr(0, equals);
    if (key.find('\0') != std::string_view::npos) malformed();
    if (is_name(key) && record.find('\0') != std::string_view::npos)
      throw base::Error(base::cat("a NUL in the `", key, "` of a PAX header is refused"));
  }
}

}  // namespace

void check_tar_headers(std::string_view area) {
  while (area.size() >= kBlock) {
    const char type = area[kTypeAt];
    // Not containerd's to read either, and measured by libarchive in ways of its own.
    if (type == 'A' || type == 'V' || type == 'X')
      throw base::Error(base::cat("headers of type ", std::string(1, type), " are refused"));
    if (type != 'x' && type != 'g' && type != 'L' && type != 'K') return;
    const std::size_t size = size_of(area);
    area.remove_prefix(kBlock);
    if (size > area.size()) throw base::Error("an extended header is cut short");
    if (type == 'x' || type == 'g') check_records(area.substr(0, size));
    area.remove_prefix(std::min((size + kBlock - 1) / kBlock * kBlock, area.size()));
  }
}

}  // namespace fetch
