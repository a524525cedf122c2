#include "cli/detach_keys.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace cli {

namespace {

char key_of(const std::string& word, std::string_view words) {
  if (word.size() == 1) return word[0];
  if (base::starts_with(word, "ctrl-") && word.size() == 6) {
    const char c = word[5];
    if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 1);
    static constexpr std::string_view kOthers = "@[\\]^_";
    static constexpr std::string_view kCodes("\0\x1b\x1c\x1d\x1e\x1f", 6);
    if (const auto at = kOthers.find(c); at != std::string_view::npos) return kCodes[at];
  }
  throw base::Error(base::cat("--detach-keys: \"", word, "\" in \"", words, "\" is no key"),
                    "a letter, or ctrl- and one of a-z @ [ \\ ] ^ _; several with commas between");
}

}  // namespace

DetachKeys::DetachKeys(std::string_view words) {
  if (words.empty()) return;
  for (const std::string& word : base::split(words, ',')) keys_ += key_of(word, words);
}

std::string DetachKeys::pass(std::string_view typed) {
  std::string out;
  for (const char c : typed) {
    if (detached_) break;
    if (!keys_.empty() && c == keys_[seen_]) {
      if (++seen_ == keys_.size()) detached_ = true;
      continue;
    }
    // Not it after all: what was held back goes out, and this key may begin it anew.
    out.append(keys_, 0, seen_);
    seen_ = 0;
    if (!keys_.empty() && c == keys_[0]) {
      seen_ = 1;
      detached_ = keys_.size() == 1;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace cli
