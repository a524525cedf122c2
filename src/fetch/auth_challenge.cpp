#include "fetch/auth_challenge.hpp"

#include <strings.h>

#include "base/text.hpp"

namespace fetch {
namespace {

bool is_tchar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool equals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// Walks over one header: SCHEME NAME=VALUE, NAME="VALUE", SCHEME ...
class ChallengeReader {
 public:
  explicit ChallengeReader(std::string_view text) : text_(text) {}

  void read(std::vector<Challenge>& out) {
    Challenge unknown;
    Challenge* current = &unknown;
    while (skip(), at_ < text_.size()) {
      const std::string_view word = token();
      if (word.empty()) break;  // no header of this grammar: what was read so far counts
      if (at_ < text_.size() && text_[at_] == '=') {
        ++at_;
        assign(*current, word, value());
        continue;
      }
      current = &unknown;
      if (!equals(word, "basic") && !equals(word, "bearer")) continue;
      current = &out.emplace_back();
      if (equals(word, "bearer")) current->kind = Challenge::Kind::Bearer;
    }
  }

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == ',')) {
      ++at_;
    }
  }

  std::string_view token() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_tchar(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  std::string value() {
    if (at_ >= text_.size() || text_[at_] != '"') return std::string(token());
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out.push_back(text_[at_]);
    }
    if (at_ < text_.size()) ++at_;
    return out;
  }

  static void assign(Challenge& challenge, std::string_view name, const std::string& value) {
    if (equals(name, "realm")) challenge.realm = value;
    if (equals(name, "service")) challenge.service = value;
    if (equals(name, "scope")) challenge.scope = value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Challenge> parse_challenges(const std::vector<std::string>& headers) {
  std::vector<Challenge> out;
  for (const std::string& header : headers) ChallengeReader(header).read(out);
  return out;
}

bool may_ask_token(const Url& registry, const Url& realm) {
  return realm.is_https() || !registry.is_https();
}

bool may_send_password(const Url& registry, Channel channel, const Url& realm) {
  if (!may_ask_token(registry, realm)) return false;
  if (realm.host == registry.host) return true;
  return realm.is_https() && channel == Channel::Verified;
}

std::string choose_scope(const std::string& wanted, const std::string& offered) {
  const std::size_t name_end = wanted.rfind(':');
  if (offered.empty() || name_end == std::string::npos) return wanted;
  if (offered.find(' ') != std::string::npos ||
      !base::starts_with(offered, wanted.substr(0, name_end + 1))) {
    return wanted;
  }
  const std::vector<std::string> has = base::split(offered.substr(name_end + 1), ',');
  for (const std::string& action : base::split(wanted.substr(name_end + 1), ',')) {
    bool found = false;
    for (const std::string& other : has) found = found || other == action;
    if (!found) return wanted;
  }
  return offered;
}

bool is_token_text(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return !text.empty();
}

}  // namespace fetch
