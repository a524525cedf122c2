#include "spec/interpolate.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "spec/source_lines.hpp"

namespace spec {
namespace {

constexpr std::size_t kMaxNesting = 20;
constexpr std::size_t kMaxText = 1U << 20U;  // of one value
constexpr std::size_t kMaxAll = 8U << 20U;   // of all values of a document

bool starts_name(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool in_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9');
}

class Substituter {
 public:
  Substituter(const Lookup& lookup, Substitution& out) : lookup_(lookup), out_(out) {}

  // `offset`: of `text` in the whole value.
  bool run(std::string_view text, std::size_t offset, std::size_t depth, std::string& result) {
    Line line;
    std::size_t from = 0;
    while (true) {
      const std::size_t dollar = text.find('$', from);
      if (dollar == std::string_view::npos) {
        return append(text.substr(from), offset + from, result);
      }
      if (!append(text.substr(from, dollar - from), offset + from, result)) return false;
      from = dollar + 1;
      const char next = from < text.size() ? text[from] : ' ';
      if (next == '$') {
        result += '$';
        ++from;
      } else if (next == '{') {
        if (!braced(text, dollar, line, offset, depth, result, from)) return false;
      } else if (starts_name(next)) {
        std::size_t end = from;
        while (end < text.size() && in_name(text[end])) ++end;
        if (!plain(std::string(text.substr(from, end - from)), offset + dollar, result)) {
          return false;
        }
        from = end;
      } else {
        // "$(date)" and "$!" mean something to a shell only: docker compose leaves them alone.
        result += '$';
      }
    }
  }

 private:
  static constexpr const char* kDouble = "write $$ for a dollar sign";

  // The last brace of the line that was looked at last, so that every line is searched once.
  struct Line {
    std::size_t end = 0;
    std::size_t last_brace = std::string_view::npos;

    void reach(std::string_view text, std::size_t at) {
      if (at < end) return;
      end = std::min(text.find('\n', at), text.size());
      last_brace = text.substr(0, end).rfind('}');
    }
  };

  // Offset of the '}' that belongs to the '{' at `open`, or npos. What follows a '{' is not looked
  // at, so that "{}" needs another one; docker compose reads it so.
  static std::size_t closing(std::string_view text, std::size_t open) {
    std::size_t depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
      if (text[i] == '}' && --depth == 0) return i;
      if (text[i] == '{') {
        ++depth;
        ++i;
      }
    }
    return std::string_view::npos;
  }

  bool fail(std::size_t at, std::string text, std::string hint) {
    out_.error = std::move(text);
    out_.error_at = at;
    out_.hint = std::move(hint);
    return false;
  }

  bool append(std::string_view piece, std::size_t at, std::string& result) {
    if (result.size() + piece.size() > kMaxText) {
      return fail(at, "the value grows beyond 1 MiB", {});
    }
    result.append(piece);
    return true;
  }

  bool plain(const std::string& name, std::size_t at, std::string& result) {
    if (const auto value = lookup_(name)) return append(*value, at, result);
    out_.unset.push_back({name, at});
    return true;
  }

  // text[dollar] is the '$' of "${"; `from` becomes the offset behind the form.
  bool braced(std::string_view text, std::size_t dollar, Line& line, std::size_t offset,
              std::size_t depth, std::string& result, std::size_t& from) {
    const std::size_t at = offset + dollar;
    const std::size_t begin = dollar + 2;
    std::size_t end = begin;
    while (end < text.size() && in_name(text[end])) ++end;
    const bool named = end > begin && starts_name(text[begin]);
    const std::string name(text.substr(begin, named ? end - begin : 0));
    if (named && end < text.size() && text[end] == '}') {
      from = end + 1;
      return plain(name, at, result);
    }
    const bool colon = end < text.size() && text[end] == ':';
    const std::size_t after = end + (colon ? 1 : 0);
    const char op = after < text.size() ? text[after] : ' ';
    const std::size_t word = after + 1;
    line.reach(text, dollar);
    const bool closed = line.last_brace != std::string_view::npos && line.last_brace >= end;
    if (!closed) {
      const bool later = text.find('}', begin) != std::string_view::npos;
      return fail(at, later ? "'${' and its '}' are on different lines" : "'${' without its '}'",
                  kDouble);
    }
    if (!named || (op != '-' && op != '?' && op != '+') || line.last_brace < word) {
      return unknown_form(text.substr(begin), named, at);
    }
    const std::size_t close = closing(text.substr(0, line.last_brace + 1), dollar + 1);
    const std::size_t stop = close == std::string_view::npos ? line.last_brace : close;
    from = stop + 1;
    if (depth >= kMaxNesting) return fail(at, "variables nested too deep", {});
    const std::string_view inside = text.substr(word, stop - word);
    const auto value = lookup_(name);
    const bool present = value && (!colon || !value->empty());
    if (op == '+') return !present || run(inside, offset + word, depth + 1, result);
    if (present) return append(*value, at, result);
    if (op == '-') return run(inside, offset + word, depth + 1, result);
    std::string reason;
    if (!run(inside, offset + word, depth + 1, reason)) return false;
    return fail(
        at, base::cat("the variable ", name, " is required", reason.empty() ? "" : ": ", reason),
        base::cat("set it in the shell or in .env: ", name, "=..."));
  }

  bool unknown_form(std::string_view rest, bool named, std::size_t at) {
    const std::string shown(rest.substr(0, std::min<std::size_t>(rest.find('}'), 40)));
    if (!named) {
      return fail(at, base::cat("'${", shown, "}' does not begin with a variable's name"), kDouble);
    }
    return fail(at, base::cat("'${", shown, "}' is no known form of a variable"),
                "the forms are ${V}, ${V:-default}, ${V-default}, ${V:?error}, ${V?error}, "
                "${V:+value}, ${V+value}; write $$ for a dollar sign");
  }

  const Lookup& lookup_;
  Substitution& out_;
};

class Walker {
 public:
  Walker(const Lookup& lookup, std::string_view source, Report& report)
      : lookup_(lookup), source_(source), report_(report) {
    if (base::starts_with(source_, "\xef\xbb\xbf")) source_.remove_prefix(3);
  }

  void walk(Node& node) {
    if (node.is_string() && node.text.find('$') != std::string::npos) one(node);
    for (Node& child : node.children) walk(child);
  }

 private:
  void one(Node& node) {
    if (grown_ > kMaxAll) return;
    Substitution done = substitute(node.text, lookup_);
    if (!done.error.empty()) {
      report_.error(place_of(node, done.error_at), std::move(done.error), std::move(done.hint));
      return;
    }
    for (const Substitution::Unset& unset : done.unset) {
      if (warned_.size() >= Report::kMost) break;
      if (!warned_.insert(unset.name).second) continue;
      report_.unset_variable(place_of(node, unset.at),
                             base::cat("the variable ", unset.name, " is not set"),
                             base::cat("set it in the shell or in .env, or give a default: ${",
                                       unset.name, ":-value}"));
    }
    grown_ += done.text.size();
    if (grown_ > kMaxAll) {
      report_.error(node.place, "all values of the file together grow beyond 8 MiB",
                    "a long variable is used too often");
      return;
    }
    node.text = std::move(done.text);
  }

  // Where in the file the '$' at `offset` of the value stands. A scalar keeps its dollars in their
  // order whatever its style, so the n-th of the value is the n-th of the text it was written as.
  Place place_of(const Node& node, std::size_t offset) {
    if (!lines_) lines_.emplace(source_);
    std::size_t at = lines_->offset(node.place);
    if (at == std::string_view::npos || at >= source_.size()) return node.place;
    if (node.block) at = std::min(source_.find('\n', at), source_.size());
    const bool escapes = source_.substr(at, 1) == "\"";
    std::size_t left = 0;
    for (std::size_t i = 0; i < offset && i < node.text.size(); ++i) left += node.text[i] == '$';
    for (; at < source_.size(); ++at) {
      std::size_t length = source_[at] == '$' ? 1 : 0;
      if (escapes && source_[at] == '\\') {
        for (const std::string_view code : {"\\x24", "\\u0024", "\\U00000024"}) {
          if (base::starts_with(source_.substr(at), code)) length = code.size();
        }
        if (length == 0) ++at;
      }
      if (length == 0) continue;
      if (left == 0) return lines_->place(node.place.file, at);
      --left;
      at += length - 1;
    }
    return node.place;
  }

  const Lookup& lookup_;
  std::string_view source_;
  Report& report_;
  std::optional<SourceLines> lines_;
  std::set<std::string> warned_;
  std::size_t grown_ = 0;
};

}  // namespace

Substitution substitute(std::string_view text, const Lookup& lookup) {
  Substitution out;
  std::string result;
  if (Substituter(lookup, out).run(text, 0, 0, result)) out.text = std::move(result);
  return out;
}

void interpolate(Node& document, const Lookup& lookup, std::string_view source, Report& report) {
  Walker(lookup, source, report).walk(document);
}

}  // namespace spec
