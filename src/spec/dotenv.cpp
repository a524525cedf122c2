#include "spec/dotenv.hpp"

#include <unordered_map>

#include "base/text.hpp"
#include "spec/source_lines.hpp"

namespace spec {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxTotal = 8U << 20U;  // bytes of all values

// Letters beyond ASCII may be part of a name.
bool in_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == '[' || c == ']' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

// The text of a value before its variables are put in, and where its dollars stand in the file.
struct Value {
  std::string text;
  std::vector<std::size_t> dollars;

  void add(char c, std::size_t at) {
    if (c == '$') dollars.push_back(at);
    text += c;
  }
};

class DotenvParser {
 public:
  DotenvParser(std::string_view text, const DotenvOptions& options, const Lookup& lookup,
               Report& report)
      : text_(text), options_(options), outer_(lookup), report_(report) {
    if (base::starts_with(text_, "\xef\xbb\xbf")) text_.remove_prefix(3);
  }

  Pairs run() {
    if (const std::size_t nul = text_.find('\0'); nul != std::string_view::npos) {
      report_.error(place(nul), "a NUL byte: this is no text file", "remove it");
      return {};
    }
    while (at_ < text_.size()) {
      if (!(options_.format == DotenvFormat::Raw ? raw_line() : statement())) break;
    }
    return std::move(pairs_);
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }

  [[nodiscard]] Place place(std::size_t offset) {
    if (!lines_) lines_.emplace(text_);
    return lines_->place(options_.file, offset);
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  std::string_view rest_of_line() {
    const std::size_t end = text_.find('\n', at_);
    std::string_view line = text_.substr(at_, end - at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    return line;
  }

  bool store(std::string key, std::string value, std::size_t at) {
    total_ += value.size();
    if (total_ > kMaxTotal) {
      report_.error(place(at), "the values of this file grow beyond 8 MiB",
                    "a long variable is used too often");
      return false;
    }
    const auto [found, added] = index_.emplace(key, pairs_.size());
    if (added) {
      pairs_.emplace_back(std::move(key), std::move(value));
    } else {
      pairs_[found->second].second = std::move(value);
    }
    return true;
  }

  // A name without '=': passed on from outside.
  bool inherit(const std::string& key, std::size_t at) {
    const auto value = outer_(key);
    return !value || store(key, *value, at);
  }

  bool raw_line() {
    const std::size_t start = at_;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') return true;
    line.remove_prefix(first);
    const std::size_t equals = line.find('=');
    const std::string key(line.substr(0, equals));
    const std::size_t blank = key.find_first_of(" \t");
    if (key.empty() || blank != std::string::npos) {
      report_.error(place(start + first + (key.empty() ? 0 : blank)),
                    key.empty() ? "a name is missing before the '='"
                                : base::cat("the name '", key, "' may not contain blanks"),
                    "with format: raw a line reads NAME=value, without blanks around the '='");
      return true;
    }
    if (equals == std::string_view::npos) return inherit(key, start);
    return store(key, std::string(line.substr(equals + 1)), start);
  }

  bool statement() {
    skip_blanks();
    if (peek() == '\n' || peek() == '#') {
      rest_of_line();
      return true;
    }
    if (base::starts_with(text_.substr(at_), "export") && at_ + 6 < text_.size() &&
        is_blank(text_[at_ + 6])) {
      at_ += 6;
      skip_blanks();
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && in_key(text_[at_])) ++at_;
    const std::string key(text_.substr(start, at_ - start));
    skip_blanks();
    const char next = peek();
    if (key.empty() || (next != '=' && next != ':' && next != '\n')) return bad_key(start);
    if (next == '\n') {
      rest_of_line();
      return inherit(key, start);
    }
    ++at_;
    skip_blanks();
    const char quote = peek();
    if (quote == '\'' || quote == '"') return quoted(key, quote);
    return unquoted(key);
  }

  bool bad_key(std::size_t start) {
    const char next = peek();
    const bool missing = at_ == start && (next == '=' || next == ':');
    report_.error(place(at_),
                  missing ? base::cat("a name is missing before the '", std::string(1, next), "'")
                          : base::cat("a name may not contain '",
                                      std::string(1, next == '\n' ? ' ' : next), "'"),
                  "a line reads NAME=value; text with blanks goes behind the '=' in quotes");
    rest_of_line();
    return true;
  }

  // Only a '#' behind a blank begins a comment: the first character of a value never does.
  bool unquoted(const std::string& key) {
    const std::size_t start = at_;
    std::string_view line = rest_of_line();
    line = line.substr(0, line.find(" #"));
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    Value value;
    for (std::size_t i = 0; i < line.size(); ++i) value.add(line[i], start + i);
    return expand(key, value, start);
  }

  bool quoted(const std::string& key, char quote) {
    const std::size_t start = at_++;
    Value value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        if (text_[at_ + 1] == quote) {
          value.add(quote, at_);
          at_ += 2;
        } else if (quote == '\'') {
          value.add('\\', at_);
          value.add(text_[at_ + 1], at_ + 1);
          at_ += 2;
        } else {
          escape(value);
        }
        continue;
      }
      value.add(text_[at_], at_);
      ++at_;
    }
    if (at_ >= text_.size()) {
      report_.error(place(start), base::cat("the quote that opens ", key, " is never closed"),
                    base::cat("add a ", std::string(1, quote), " at the end of the value"));
      return false;
    }
    ++at_;
    skip_blanks();
    if (peek() != '\n' && peek() != '#') {
      report_.error(place(at_), base::cat("text after the closing quote of ", key),
                    base::cat("write \\", std::string(1, quote), " for a quote inside the value"));
    }
    rest_of_line();
    if (quote == '\'') return store(key, std::move(value.text), start);
    return expand(key, value, start);
  }

  // What a backslash makes of the next character inside double quotes; anything else stays as it
  // is.
  void escape(Value& value) {
    static constexpr std::string_view kLetters = "abfnrtv\\";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
    const char next = text_[at_ + 1];
    if (const std::size_t letter = kLetters.find(next); letter != std::string_view::npos) {
      value.add(kMeanings[letter], at_);
      at_ += 2;
    } else if (next == '$') {
      value.add('$', at_);
      value.add('$', at_);
      at_ += 2;
    } else if (next == '0' && at_ + 4 < text_.size() && text_[at_ + 2] <= '3' &&
               is_octal(text_[at_ + 2]) && is_octal(text_[at_ + 3]) && is_octal(text_[at_ + 4])) {
      octal(value);
    } else {
      value.add('\\', at_);
      value.add(next, at_ + 1);
      at_ += 2;
    }
  }

  // \0 and three octal digits: a character, written as UTF-8.
  void octal(Value& value) {
    const unsigned code = static_cast<unsigned>(text_[at_ + 2] - '0') * 64U +
                          static_cast<unsigned>(text_[at_ + 3] - '0') * 8U +
                          static_cast<unsigned>(text_[at_ + 4] - '0');
    if (code == 0) {
      report_.error(place(at_), "a NUL byte cannot be part of a variable's value");
    } else if (code < 0x80U) {
      value.add(static_cast<char>(code), at_);
    } else {
      value.add(static_cast<char>(0xc0U | (code >> 6U)), at_);
      value.add(static_cast<char>(0x80U | (code & 0x3fU)), at_);
    }
    at_ += 5;
  }

  bool expand(const std::string& key, const Value& value, std::size_t start) {
    const auto place_of = [&](std::size_t offset) {
      std::size_t number = 0;
      for (std::size_t i = 0; i < offset; ++i) number += value.text[i] == '$' ? 1 : 0;
      return place(number < value.dollars.size() ? value.dollars[number] : start);
    };
    const Substitution done = substitute(value.text, [this](const std::string& name) {
      std::optional<std::string> out = outer_(name);
      if (!out) {
        if (const auto found = index_.find(name); found != index_.end()) {
          out = pairs_[found->second].second;
        }
      }
      return out;
    });
    if (!done.error.empty()) {
      report_.error(place_of(done.error_at), done.error, done.hint);
      return true;
    }
    for (const Substitution::Unset& unset : done.unset) {
      if (++unset_ > Report::kMost) break;
      report_.unset_variable(place_of(unset.at),
                             base::cat("the variable ", unset.name, " is not set"),
                             "single quotes keep the text as it is");
    }
    return store(key, done.text, start);
  }

  std::string_view text_;
  DotenvOptions options_;
  const Lookup& outer_;
  Report& report_;
  std::optional<SourceLines> lines_;
  std::size_t at_ = 0;
  std::size_t total_ = 0;
  std::size_t unset_ = 0;
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
