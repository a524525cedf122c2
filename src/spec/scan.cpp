#include "spec/scan.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "spec/encoding.hpp"

namespace spec {
namespace {

bool blank(char c) {
  return c == ' ' || c == '\t';
}

// Follows just enough of YAML's syntax to know where flow collections, quotes, block scalars and
// unquoted texts of several lines begin and end. What it counts is never more than there is.
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
  static constexpr std::size_t kNone = std::string_view::npos;

  bool line() {
    start_ = at_;
    std::size_t end = text_.find('\n', start_);
    if (end == kNone) end = text_.size();
    std::string_view shown = text_.substr(start_, end - start_);
    ++line_;
    at_ = end + 1;
    if (!shown.empty() && shown.back() == '\r') shown.remove_suffix(1);
    const std::size_t indent = shown.find_first_not_of(' ');
    if (indent == kNone) return true;
    if (flow_ > 0 || quote_ != 0) return characters(shown, indent);
    if (block_indent_ != kNone) {
      if (indent > block_indent_) return true;
      block_indent_ = kNone;
    }
    if (continues(shown, indent)) return true;
    if (shown[indent] == '\t' && looks_like_entry(shown)) {
      report_.error(place(indent), "a tab cannot indent in YAML", "indent with spaces");
      return false;
    }
    return entry(shown, indent);
  }

  // A further line of an unquoted text: nothing in it means anything. A comment ends such a text.
  bool continues(std::string_view shown, std::size_t indent) {
    if (plain_indent_ == kNone) return false;
    const bool more = (indent > plain_indent_ || shown[indent] == '\t') && shown[indent] != '#';
    if (!more || shown.find(" #") != kNone || shown.find("\t#") != kNone) plain_indent_ = kNone;
    return more;
  }

  static bool looks_like_entry(std::string_view shown) {
    const std::string_view text = base::trim(shown);
    return !text.empty() && text[0] != '#' &&
           (text.back() == ':' || text.find(": ") != kNone || base::starts_with(text, "- "));
  }

  // A line outside of flow collections and quotes. "- ", "? " and "--- " stand before what it says.
  bool entry(std::string_view shown, std::size_t indent) {
    std::size_t node = indent;
    std::size_t dash = kNone;
    std::size_t dashes = 0;
    if (indent == 0 && base::starts_with(shown, "---") && (shown.size() == 3 || blank(shown[3]))) {
      node = 3;
      if (!count(1, 0)) return false;
    }
    while (true) {
      while (node < shown.size() && blank(shown[node])) ++node;
      const bool indicator = node < shown.size() && (shown[node] == '-' || shown[node] == '?') &&
                             (node + 1 == shown.size() || blank(shown[node + 1]));
      if (!indicator) break;
      dash = node++;
      if (++dashes > bounds_.depth) return too_deep(dash);
    }
    if (!count(dashes == 0 ? 0 : 1, indent)) return false;
    colon_ = plain_ = comment_ = false;
    if (!characters(shown, node)) return false;
    if (flow_ > 0 || quote_ != 0) return true;
    const std::size_t parent = colon_ ? node : dash;
    const std::string_view head = base::trim(shown.substr(0, text_end_));
    if (opens_block(head)) {
      // "key: |" belongs to the key, "- |" to the dash.
      block_indent_ = parent != kNone ? parent : indent;
    } else if (plain_ && !comment_ && parent != kNone) {
      plain_indent_ = parent;
    }
    return true;
  }

  static bool opens_block(std::string_view head) {
    std::size_t length = head.size();
    while (length > 0 && (head[length - 1] == '+' || head[length - 1] == '-' ||
                          (head[length - 1] >= '1' && head[length - 1] <= '9'))) {
      --length;
    }
    if (length == 0 || (head[length - 1] != '|' && head[length - 1] != '>')) return false;
    return length == 1 || blank(head[length - 2]);
  }

  bool characters(std::string_view shown, std::size_t from) {
    char before = ' ';  // last character that is no space; ' ' at the start of a value
    text_end_ = shown.size();
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
      const bool spaced = i > 0 && blank(shown[i - 1]);
      const bool opens = before == ' ' || (before == ':' && (spaced || flow_ > 0)) ||
                         (flow_ > 0 && (before == ',' || before == '[' || before == '{'));
      if (c == '#' && (i == 0 || spaced)) {
        comment_ = true;
        text_end_ = i;
        return true;
      }
      if (blank(c)) continue;
      if ((c == '"' || c == '\'') && opens) {
        quote_ = c;
        quote_place_ = place(i);
        plain_ = false;
        continue;
      }
      if ((c == '[' || c == '{') && (opens || flow_ > 0)) {
        plain_ = false;
        if (++flow_ > bounds_.depth) return too_deep(i);
        if (!count(1, i)) return false;
      } else if ((c == ']' || c == '}') && flow_ > 0) {
        --flow_;
      } else if (flow_ > 0 && (c == ',' || c == ':')) {
        if (!count(1, i)) return false;
      } else if (flow_ == 0 && c == ':' && (i + 1 == shown.size() || blank(shown[i + 1]))) {
        colon_ = true;
        plain_ = false;
        if (!count(2, i)) return false;
      } else if ((c == '&' || c == '!') && opens) {
        // An anchor or tag word may stand between the key and the collection.
        while (i + 1 < shown.size() && !blank(shown[i + 1]) && shown[i + 1] != ',') ++i;
        plain_ = false;
        continue;
      } else if (opens) {
        plain_ = c != '*' && c != '|' && c != '>' && c != '%' && c != '@' && c != '`';
      }
      before = c;
    }
    return true;
  }

  bool count(std::size_t nodes, std::size_t column) {
    nodes_ += nodes;
    if (nodes_ <= bounds_.nodes) return true;
    report_.error(place(column), base::cat("more than ", bounds_.nodes, " values in one file"),
                  "the bound is the variable STACK_MAX_NODES");
    return false;
  }

  [[nodiscard]] Place place(std::size_t column) const {
    return {file_, line_, static_cast<std::uint32_t>(column + 1)};
  }

  bool too_deep(std::size_t column) {
    report_.error(place(column), base::cat("nested more than ", bounds_.depth, " levels deep"),
                  "the bound is the variable STACK_MAX_DEPTH");
    return false;
  }

  std::string_view text_;
  std::uint32_t file_;
  const Bounds& bounds_;
  Report& report_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  std::uint32_t line_ = 0;
  std::size_t block_indent_ = kNone;  // of what a block scalar belongs to; its lines are deeper
  std::size_t plain_indent_ = kNone;  // the same for an unquoted text
  std::size_t flow_ = 0;
  std::size_t nodes_ = 0;
  // Of the line just read:
  std::size_t text_end_ = 0;  // where its comment begins
  bool colon_ = false;        // it has a key
  bool plain_ = false;        // it ends in an unquoted text
  bool comment_ = false;
  char quote_ = 0;
  Place quote_place_;
};

std::size_t bound(const std::map<std::string, std::string>& environment, const char* name,
                  std::size_t otherwise, std::size_t most) {
  const auto at = environment.find(name);
  if (at == environment.end() || at->second.empty()) return otherwise;
  const auto value = base::parse_uint(at->second);
  if (!value || *value == 0 || *value > most) {
    throw base::Error(base::cat(name, ": '", at->second, "' is not a number from 1 to ", most),
                      base::cat("without it the bound is ", otherwise));
  }
  return static_cast<std::size_t>(*value);
}

}  // namespace

Bounds bounds_of(const std::map<std::string, std::string>& environment) {
  Bounds out;
  out.bytes = bound(environment, "STACK_MAX_BYTES", out.bytes, 1U << 30U);
  // The YAML library itself refuses at 500.
  out.depth = bound(environment, "STACK_MAX_DEPTH", out.depth, 400);
  out.nodes = bound(environment, "STACK_MAX_NODES", out.nodes, 100'000'000);
  out.expanded_bytes = 8 * out.bytes;
  return out;
}

bool scan(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report) {
  if (text.size() > bounds.bytes) {
    report.error(
        {file, 1, 1},
        base::cat("the file has more than the ", bounds.bytes, " bytes that a stack file may have"),
        "the bound is the variable STACK_MAX_BYTES");
    return false;
  }
  if (!check_encoding(text, file, report)) return false;
  if (base::starts_with(text, "\xef\xbb\xbf")) text.remove_prefix(3);
  return FlowScan(text, file, bounds, report).run();
}

}  // namespace spec
