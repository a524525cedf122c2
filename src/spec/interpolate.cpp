#include "spec/interpolate.hpp"

#include <set>

#include "base/text.hpp"

namespace spec {
namespace {

constexpr std::size_t kMaxNesting = 20;
constexpr std::size_t kMaxText = 1U << 20U;

bool starts_name(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool in_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9');
}

class Substituter {
 public:
  Substituter(const Lookup& lookup, Substitution& out) : lookup_(lookup), out_(out) {}

  bool run(std::string_view text, std::size_t offset, std::size_t depth, std::string& result) {
    std::size_t from = 0;
    while (true) {
      const std::size_t dollar = text.find('$', from);
      if (dollar == std::string_view::npos) {
        result.append(text.substr(from));
        return true;
      }
      result.append(text.substr(from, dollar - from));
      if (result.size() > kMaxText)
        return fail(offset + dollar, "the value grows beyond 1 MiB", {});
      from = dollar + 1;
      if (from < text.size() && text[from] == '$') {
        result += '$';
        ++from;
      } else if (from < text.size() && text[from] == '{') {
        const std::size_t end = closing(text, from);
        if (end == std::string_view::npos) {
          return fail(offset + dollar, "'${' without its '}'", kDouble);
        }
        if (!braced(text.substr(from + 1, end - from - 1), offset + from + 1, depth, result)) {
          return false;
        }
        from = end + 1;
      } else if (from < text.size() && starts_name(text[from])) {
        std::size_t end = from;
        while (end < text.size() && in_name(text[end])) ++end;
        plain(std::string(text.substr(from, end - from)), result);
        from = end;
      } else {
        // "$(date)" and "$!" mean something to a shell only: docker compose leaves them alone.
        result += '$';
      }
    }
  }

 private:
  static constexpr const char* kDouble = "write $$ for a dollar sign";

  // Offset of the '}' that belongs to the '{' at `open`.
  static std::size_t closing(std::string_view text, std::size_t open) {
    std::size_t depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
      if (text[i] == '{' && (i == open || text[i - 1] == '$')) {
        ++depth;
      } else if (text[i] == '}' && --depth == 0) {
        return i;
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

  void plain(const std::string& name, std::string& result) {
    if (const auto value = lookup_(name)) {
      result += *value;
    } else {
      out_.unset.push_back(name);
    }
  }

  bool braced(std::string_view inside, std::size_t offset, std::size_t depth, std::string& result) {
    std::size_t end = 0;
    while (end < inside.size() && in_name(inside[end])) ++end;
    const std::size_t dollar = offset - 2;
    if (end == 0 || !starts_name(inside[0])) {
      return fail(dollar, base::cat("'${", inside, "}' does not begin with a variable's name"),
                  kDouble);
    }
    const std::string name(inside.substr(0, end));
    if (end == inside.size()) {
      plain(name, result);
      return true;
    }
    const bool colon = inside[end] == ':';
    const std::size_t at = end + (colon ? 1 : 0);
    const char op = at < inside.size() ? inside[at] : '\0';
    if (op != '-' && op != '?' && op != '+') {
      return fail(dollar, base::cat("'${", inside, "}' is no known form of a variable"),
                  "the forms are ${V}, ${V:-default}, ${V-default}, ${V:?error}, ${V?error}, "
                  "${V:+value}, ${V+value}; write $$ for a dollar sign");
    }
    if (depth >= kMaxNesting) return fail(dollar, "variables nested too deep", {});
    const auto value = lookup_(name);
    const bool present = value && (!colon || !value->empty());
    const std::string_view word = inside.substr(at + 1);
    if (op == '+') return !present || run(word, offset + at + 1, depth + 1, result);
    if (present) {
      result += *value;
      return true;
    }
    std::string text;
    if (!run(word, offset + at + 1, depth + 1, text)) return false;
    if (op == '-') {
      result += text;
      return true;
    }
    return fail(dollar,
                base::cat("the variable ", name, " is required", text.empty() ? "" : ": ", text),
                base::cat("set it in the shell or in .env: ", name, "=..."));
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
    Substitution done = substitute(node.text, lookup_);
    if (!done.error.empty()) {
      report_.error(place_of(node, done.error_at), std::move(done.error), std::move(done.hint));
      return;
    }
    for (const std::string& name : done.unset) {
      if (!warned_.insert(name).second) continue;
      const std::size_t braced = node.text.find("${" + name);
      const std::size_t bare = node.text.find("$" + name);
      report_.unset_variable(
          place_of(node, braced != std::string::npos ? braced : bare),
          base::cat("the variable ", name, " is not set, empty is used"),
          base::cat("set it in the shell or in .env, or give a default: ${", name, ":-value}"));
    }
    node.text = std::move(done.text);
  }

  // A scalar on one line without escapes shows the '$' at its place plus the offset; wherever
  // that is not so, the value's own place is the truth.
  Place place_of(const Node& node, std::size_t offset) {
    if (offset == std::string::npos) return node.place;
    const std::string_view line = line_at(node.place.line);
    const std::string_view wanted = std::string_view(node.text).substr(offset, 2);
    for (const std::size_t quote : {0U, 1U}) {
      const std::size_t column = node.place.column - 1 + offset + quote;
      if (column < line.size() && line.substr(column, 2) == wanted) {
        return {node.place.file, node.place.line, static_cast<std::uint32_t>(column + 1)};
      }
    }
    return node.place;
  }

  std::string_view line_at(std::uint32_t line) {
    std::size_t from = 0;
    for (std::uint32_t i = 1; i < line; ++i) {
      from = source_.find('\n', from);
      if (from == std::string_view::npos) return {};
      ++from;
    }
    return source_.substr(from, source_.find('\n', from) - from);
  }

  const Lookup& lookup_;
  std::string_view source_;
  Report& report_;
  std::set<std::string> warned_;
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
