#include "spec/short_forms.hpp"

namespace spec {
namespace {

// "$(...)" and "`...`" are kept as one word, untouched.
enum class Quote : unsigned char { None, Single, Double, Back, Dollar };

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class WordSplitter {
 public:
  WordSplitter(std::string_view text, std::vector<std::string>& out) : text_(text), out_(out) {}

  bool run() {
    for (at_ = 0; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\' && quote_ != Quote::Single) {
        if (++at_ == text_.size()) return false;
        escaped(text_[at_]);
      } else if (is_blank(c)) {
        blank(c);
      } else if (!special(c)) {
        if (stopped_) break;
        if (failed_) return false;
        put(c);
      }
    }
    if (in_word_) out_.push_back(std::move(word_));
    return quote_ == Quote::None;
  }

  [[nodiscard]] std::string_view dropped() const { return dropped_; }

 private:
  void put(char c) {
    word_ += c;
    in_word_ = true;
  }

  void escaped(char c) {
    if (quote_ == Quote::Back || quote_ == Quote::Dollar) {
      put('\\');
      put(c);
      return;
    }
    put(c == 't' ? '\t' : (c == 'n' ? '\n' : c));
  }

  void blank(char c) {
    if (quote_ != Quote::None) {
      word_ += c;
    } else if (in_word_) {
      out_.push_back(std::move(word_));
      word_.clear();
      in_word_ = false;
    }
  }

  void toggle(Quote kind) { quote_ = quote_ == kind ? Quote::None : kind; }

  // True when the character is dealt with; otherwise it is put, unless this ends the text.
  bool special(char c) {
    switch (c) {
      case '\'':
      case '"': {
        const Quote kind = c == '"' ? Quote::Double : Quote::Single;
        if (quote_ != Quote::None && quote_ != kind) return false;
        toggle(kind);
        in_word_ = true;
        return true;
      }
      case '`':
        if (quote_ == Quote::None || quote_ == Quote::Back) toggle(Quote::Back);
        return false;
      case '(':
        if (quote_ == Quote::Single || quote_ == Quote::Double || quote_ == Quote::Back) {
          return false;
        }
        failed_ = quote_ != Quote::None || word_.empty() || word_.back() != '$';
        quote_ = Quote::Dollar;
        return false;
      case ')':
        if (quote_ == Quote::Dollar) {
          quote_ = Quote::None;
        } else if (quote_ == Quote::None) {
          failed_ = true;
        }
        return false;
      case ';':
      case '&':
      case '|':
      case '<':
      case '>':
        if (quote_ != Quote::None) return false;
        // The number in "2>file" belongs to the operator.
        if (c == '>' && !word_.empty() && word_[0] >= '0' && word_[0] <= '9') in_word_ = false;
        dropped_ = text_.substr(at_);
        stopped_ = true;
        return false;
      default:
        return false;
    }
  }

  std::string_view text_;
  std::vector<std::string>& out_;
  std::string_view dropped_;
  std::size_t at_ = 0;
  std::string word_;
  Quote quote_ = Quote::None;
  bool in_word_ = false, stopped_ = false, failed_ = false;
};

}  // namespace

bool split_words(std::string_view text, std::vector<std::string>& out, std::string* dropped) {
  WordSplitter splitter(text, out);
  const bool fine = splitter.run();
  if (dropped != nullptr) *dropped = splitter.dropped();
  return fine;
}

}  // namespace spec
