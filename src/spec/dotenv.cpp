#include "spec/dotenv.hpp"

#include <unordered_map>

#include "base/text.hpp"

namespace spec {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

bool in_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == '[' || c == ']';
}

class DotenvParser {
 public:
  DotenvParser(std::string_view text, const DotenvOptions& options, const Lookup& lookup,
               Report& report)
      : text_(text), options_(options), outer_(lookup), report_(report) {
    if (base::starts_with(text_, "\xef\xbb\xbf")) text_.remove_prefix(3);
  }

  Pairs run() {
    while (at_ < text_.size()) {
      if (!(options_.format == DotenvFormat::Raw ? raw_line() : statement())) break;
    }
    return std::move(pairs_);
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }

  [[nodiscard]] Place place(std::size_t offset) const {
    Place out{options_.file, 1, 1};
    std::size_t start = 0;
    for (std::size_t i = 0; i < offset && i < text_.size(); ++i) {
      if (text_[i] == '\n') {
        ++out.line;
        start = i + 1;
      }
    }
    out.column = static_cast<std::uint32_t>(offset - start + 1);
    return out;
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  void skip_line() {
    const std::size_t end = text_.find('\n', at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
  }

  std::string_view rest_of_line() {
    const std::size_t end = text_.find('\n', at_);
    const std::string_view line = text_.substr(at_, end - at_);
    skip_line();
    return line;
  }

  void store(std::string key, std::string value) {
    const auto [found, added] = index_.emplace(key, pairs_.size());
    if (added) {
      pairs_.emplace_back(std::move(key), std::move(value));
    } else {
      pairs_[found->second].second = std::move(value);
    }
  }

  bool raw_line() {
    std::string_view line = rest_of_line();
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') return true;
    line.remove_prefix(first);
    const std::size_t equals = line.find('=');
    const std::string key(line.substr(0, equals));
    if (equals != std::string_view::npos) {
      store(key, std::string(line.substr(equals + 1)));
    } else if (const auto value = outer_(key)) {
      store(key, *value);
    }
    return true;
  }

  bool statement() {
    skip_blanks();
    if (peek() == '\n' || peek() == '#') {
      skip_line();
      return true;
    }
    if (base::starts_with(text_.substr(at_), "export") && at_ + 6 < text_.size() &&
        (text_[at_ + 6] == ' ' || text_[at_ + 6] == '\t')) {
      at_ += 6;
      skip_blanks();
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && in_key(text_[at_])) ++at_;
    std::string key(text_.substr(start, at_ - start));
    skip_blanks();
    if (key.empty() || (peek() != '=' && peek() != ':' && peek() != '\n' && peek() != '#')) {
      return bad_key(start);
    }
    if (peek() == '\n' || peek() == '#') {
      if (const auto value = outer_(key)) store(std::move(key), *value);
      skip_line();
      return true;
    }
    ++at_;
    skip_blanks();
    return value(std::move(key));
  }

  bool bad_key(std::size_t start) {
    report_.error(
        place(at_ < text_.size() ? at_ : start),
        base::cat("a name may not contain '", std::string(1, peek() == '\n' ? ' ' : peek()), "'"),
        "a line reads NAME=value; text with blanks goes behind the '=' in quotes");
    skip_line();
    return true;
  }

  bool value(std::string key) {
    const char quote = peek();
    if (quote == '\'' || quote == '"') return quoted(std::move(key), quote);
    const std::size_t start = at_;
    std::string_view line = rest_of_line();
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
        line = line.substr(0, i);
        break;
      }
    }
    return expand(std::move(key), base::trim(line), start);
  }

  bool quoted(std::string key, char quote) {
    const std::size_t start = at_++;
    std::string text;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        const char next = text_[at_ + 1];
        if (quote == '\'') {
          if (next != '\'') text += '\\';
          text += next;
        } else {
          append_escape(text, next);
        }
        at_ += 2;
        continue;
      }
      text += text_[at_++];
    }
    if (at_ >= text_.size()) {
      report_.error(place(start), base::cat("the quote that opens ", key, " is never closed"),
                    base::cat("add a ", std::string(1, quote), " at the end of the value"));
      return false;
    }
    ++at_;
    skip_blanks();
    if (peek() != '\n' && peek() != '#') {
      report_.error(place(at_), base::cat("text after the closing quote of ", key));
    }
    skip_line();
    if (quote == '\'') {
      store(std::move(key), std::move(text));
      return true;
    }
    return expand(std::move(key), text, start);
  }

  static void append_escape(std::string& text, char c) {
    switch (c) {
      case 'n':
        text += '\n';
        break;
      case 'r':
        text += '\r';
        break;
      case 't':
        text += '\t';
        break;
      case '"':
        text += '"';
        break;
      case '\\':
        text += '\\';
        break;
      case '$':
        text += "$$";
        break;
      default:
        text += '\\';
        text += c;
    }
  }

  bool expand(std::string key, std::string_view text, std::size_t start) {
    const Substitution done = substitute(text, [this](const std::string& name) {
      std::optional<std::string> out = outer_(name);
      if (!out) {
        if (const auto found = index_.find(name); found != index_.end()) {
          out = pairs_[found->second].second;
        }
      }
      return out;
    });
    if (!done.error.empty()) {
      report_.error(place(start), done.error, done.hint);
      return true;
    }
    for (const std::string& name : done.unset) {
      report_.warning(place(start), base::cat("the variable ", name, " is not set, empty is used"),
                      "single quotes keep the text as it is");
    }
    store(std::move(key), done.text);
    return true;
  }

  std::string_view text_;
  DotenvOptions options_;
  const Lookup& outer_;
  Report& report_;
  std::size_t at_ = 0;
  Pairs pairs_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_dotenv(std::string_view text,
                                                              const DotenvOptions& options,
                                                              const Lookup& lookup,
                                                              Report& report) {
  return DotenvParser(text, options, lookup, report).run();
}

}  // namespace spec
