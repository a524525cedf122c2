#include "spec/scan.hpp"

#include "base/text.hpp"

namespace spec {
namespace {

// Length of the well-formed UTF-8 sequence at the front (RFC 3629), 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80U) return 1;
  if (first >= 0xc2U && first <= 0xdfU) return follows(1) ? 2 : 0;
  if (first >= 0xe0U && first <= 0xefU) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xe0U && at(1) < 0xa0U) return 0;
    if (first == 0xedU && at(1) > 0x9fU) return 0;
    return 3;
  }
  if (first >= 0xf0U && first <= 0xf4U) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xf0U && at(1) < 0x90U) return 0;
    if (first == 0xf4U && at(1) > 0x8fU) return 0;
    return 4;
  }
  return 0;
}

bool check_encoding(std::string_view text, std::uint32_t file, Report& report) {
  if (base::starts_with(text, "\xff\xfe") || base::starts_with(text, "\xfe\xff") ||
      (text.size() > 1 && (text[0] == '\0') != (text[1] == '\0'))) {
    report.error({file, 1, 1}, "the file is UTF-16 or UTF-32, not UTF-8",
                 "save it as UTF-8, for example with iconv -f UTF-16 -t UTF-8");
    return false;
  }
  std::uint32_t line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const Place place{file, line, static_cast<std::uint32_t>(i - line_start + 1)};
    if (byte == '\n') {
      ++line;
      line_start = i + 1;
    } else if (byte < 0x20U && byte != '\t' && byte != '\r') {
      report.error(place,
                   base::cat(byte == 0 ? "a NUL byte" : "a control character", " at byte ", i,
                             " is not allowed in YAML"),
                   "remove it; inside a double-quoted string write it as an escape");
      return false;
    }
    if (byte < 0x80U) {
      ++i;
      continue;
    }
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      report.error(place, base::cat("byte ", i, " is not valid UTF-8"), "save the file as UTF-8");
      return false;
    }
    i += length;
  }
  return true;
}

// Follows just enough of YAML's syntax to know where flow collections open and close.
class FlowScan {
 public:
  FlowScan(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report)
      : text_(text), file_(file), bounds_(bounds), report_(report) {}

  bool run() {
    while (at_ < text_.size()) {
      if (!line()) return false;
    }
    if (quote_ != 0) {
      // The YAML library takes the rest of the file as text and says nothing.
      report_.error(quote_place_, "the quote that opens here is never closed",
                    base::cat("add a ", std::string(1, quote_), " at the end of the text"));
      return false;
    }
    return true;
  }

 private:
  bool line() {
    const std::size_t start = at_;
    std::size_t end = text_.find('\n', start);
    if (end == std::string_view::npos) end = text_.size();
    const std::string_view shown = text_.substr(start, end - start);
    ++line_;
    at_ = end + 1;
    const std::size_t indent = shown.find_first_not_of(' ');
    if (indent == std::string_view::npos || shown[indent] == '\r') return true;
    if (block_) {
      if (indent > block_indent_) return true;
      block_ = false;
    }
    if (shown[indent] == '\t' && flow_ == 0 && quote_ == 0 && looks_like_entry(shown)) {
      report_.error(place(start, start + indent), "a tab cannot indent in YAML",
                    "indent with spaces");
      return false;
    }
    std::size_t node = indent;  // after "- - "
    std::size_t dash = indent;
    std::size_t dashes = 0;
    while (flow_ == 0 && quote_ == 0 && node + 1 < shown.size() && shown[node] == '-' &&
           shown[node + 1] == ' ') {
      dash = node;
      ++dashes;
      node = shown.find_first_not_of(' ', node + 1);
      if (node == std::string_view::npos) node = shown.size();
    }
    if (dashes > bounds_.depth) return too_deep(start, start + dash);
    if (!characters(start, shown, node)) return false;
    if (flow_ == 0 && quote_ == 0) block_ = opens_block(shown, node, dash);
    return true;
  }

  static bool looks_like_entry(std::string_view shown) {
    const std::string_view text = base::trim(shown);
    return !text.empty() && text[0] != '#' &&
           (text.back() == ':' || text.find(": ") != std::string_view::npos ||
            base::starts_with(text, "- "));
  }

  bool opens_block(std::string_view shown, std::size_t node, std::size_t dash) {
    std::string_view head = shown;
    if (const std::size_t comment = head.find(" #"); comment != std::string_view::npos) {
      head = head.substr(0, comment);
    }
    head = base::trim(head);
    std::size_t length = head.size();
    while (length > 0 && (head[length - 1] == '+' || head[length - 1] == '-' ||
                          (head[length - 1] >= '1' && head[length - 1] <= '9'))) {
      --length;
    }
    if (length == 0 || (head[length - 1] != '|' && head[length - 1] != '>')) return false;
    if (length > 1 && head[length - 2] != ' ') return false;
    const bool bare = node < shown.size() && (shown[node] == '|' || shown[node] == '>');
    block_indent_ = bare ? dash : node;
    return true;
  }

  bool characters(std::size_t start, std::string_view shown, std::size_t from) {
    char before = ' ';  // last character that is no space; ' ' at the start of a value
    for (std::size_t i = from; i < shown.size(); ++i) {
      const char c = shown[i];
      if (quote_ != 0) {
        if (quote_ == '"' && c == '\\') {
          ++i;
        } else if (c == quote_) {
          quote_ = 0;
          before = 'x';
        }
        continue;
      }
      const bool spaced = i > 0 && (shown[i - 1] == ' ' || shown[i - 1] == '\t');
      const bool opens = before == ' ' || (before == ':' && (spaced || flow_ > 0)) ||
                         (flow_ > 0 && (before == ',' || before == '[' || before == '{'));
      if (c == '#' && (i == 0 || shown[i - 1] == ' ' || shown[i - 1] == '\t')) return true;
      if ((c == '"' || c == '\'') && opens) {
        quote_ = c;
        quote_place_ = place(start, start + i);
        continue;
      }
      if ((c == '[' || c == '{') && (opens || flow_ > 0)) {
        ++nodes_;
        if (++flow_ > bounds_.depth) return too_deep(start, start + i);
      } else if ((c == ']' || c == '}') && flow_ > 0) {
        --flow_;
      } else if (flow_ > 0 && (c == ',' || c == ':')) {
        ++nodes_;
      }
      if (nodes_ > bounds_.nodes) {
        report_.error(place(start, start + i),
                      base::cat("more than ", bounds_.nodes, " values in one file"));
        return false;
      }
      // An anchor or tag word may stand between the key and the collection.
      if ((c == '&' || c == '!') && opens) {
        while (i + 1 < shown.size() && shown[i + 1] != ' ' && shown[i + 1] != ',') ++i;
        continue;
      }
      if (c != ' ' && c != '\t') before = c;
    }
    return true;
  }

  [[nodiscard]] Place place(std::size_t line_start, std::size_t offset) const {
    return {file_, line_, static_cast<std::uint32_t>(offset - line_start + 1)};
  }

  bool too_deep(std::size_t line_start, std::size_t offset) {
    report_.error(place(line_start, offset),
                  base::cat("nested more than ", bounds_.depth, " levels deep"));
    return false;
  }

  std::string_view text_;
  std::uint32_t file_;
  const Bounds& bounds_;
  Report& report_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 0;
  bool block_ = false;
  std::size_t block_indent_ = 0;
  std::size_t flow_ = 0;
  std::size_t nodes_ = 0;
  char quote_ = 0;
  Place quote_place_;
};

}  // namespace

bool scan(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report) {
  if (text.size() > bounds.bytes) {
    report.error({file, 1, 1}, base::cat("the file has ", text.size(), " bytes, more than the ",
                                         bounds.bytes, " that a stack file may have"));
    return false;
  }
  return check_encoding(text, file, report) && FlowScan(text, file, bounds, report).run();
}

}  // namespace spec
