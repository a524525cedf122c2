#include "spec/node.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>

namespace spec {

const Node* Node::find(std::string_view name) const {
  if (kind != Kind::Map) return nullptr;
  for (const Node& child : children) {
    if (child.key == name) return &child;
  }
  return nullptr;
}

Node* Node::find(std::string_view name) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(name));
}

std::string Node::text_of(std::string_view name) const {
  const Node* child = find(name);
  return child != nullptr && child->is_scalar() ? child->text : std::string();
}

Node& Node::set(std::string_view name, Node value) {
  if (Node* old = find(name)) {
    const Place key_at = old->key_place;
    *old = std::move(value);
    old->key = name;
    old->key_place = key_at;
    return *old;
  }
  kind = Kind::Map;
  value.key = name;
  if (!value.key_place.known()) value.key_place = value.place;
  children.push_back(std::move(value));
  return children.back();
}

bool Node::erase(std::string_view name) {
  for (auto at = children.begin(); at != children.end(); ++at) {
    if (at->key == name) {
      children.erase(at);
      return true;
    }
  }
  return false;
}

void Node::take_name_of(const Node& old) {
  key = old.key;
  key_place = old.key_place;
  tag = old.tag;
  via = old.via;
  via_place = old.via_place;
}

Node Node::scalar(Kind kind, std::string text, Place place) {
  Node node;
  node.kind = kind;
  node.text = std::move(text);
  node.place = place;
  node.key_place = place;
  return node;
}

Node Node::string(std::string text, Place place) {
  return scalar(Kind::String, std::move(text), place);
}

Node Node::map(Place place) {
  return scalar(Kind::Map, {}, place);
}
Node Node::sequence(Place place) {
  return scalar(Kind::Sequence, {}, place);
}

Node Node::implied(Kind kind, std::string text, Place place) {
  Node out = scalar(kind, std::move(text), place);
  out.via = Via::Default;
  return out;
}

namespace {
constexpr std::size_t kHashFrom = 32;
}

KeyIndex::KeyIndex(Node& map) : map_(map) {
  if (map_.children.size() < kHashFrom) return;
  for (std::size_t i = 0; i < map_.children.size(); ++i) {
    places_.emplace(map_.children[i].key, i);
  }
}

Node* KeyIndex::find(const std::string& key) {
  if (places_.empty()) return map_.find(key);
  const auto found = places_.find(key);
  return found == places_.end() ? nullptr : &map_.children[found->second];
}

void KeyIndex::add(Node child) {
  map_.kind = Kind::Map;
  map_.children.push_back(std::move(child));
  if (!places_.empty()) {
    places_.emplace(map_.children.back().key, map_.children.size() - 1);
  } else if (map_.children.size() >= kHashFrom) {
    for (std::size_t i = 0; i < map_.children.size(); ++i) {
      places_.emplace(map_.children[i].key, i);
    }
  }
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::Null:
      return "nothing";
    case Kind::Bool:
      return "a boolean";
    case Kind::Int:
    case Kind::Float:
      return "a number";
    case Kind::String:
      return "a string";
    case Kind::Sequence:
      return "a list";
    case Kind::Map:
      return "a mapping";
  }
  return "?";
}

std::string number_text(double value) {
  std::array<char, 64> buffer{};
  // Shortest digits that read back the same, which %g finds by trying.
  int precision = 1;
  for (; precision <= 17; ++precision) {
    std::snprintf(buffer.data(), buffer.size(), "%.*e", precision - 1, value);
    if (std::strtod(buffer.data(), nullptr) == value) break;
  }
  const int exponent =
      value == 0.0 ? 0 : static_cast<int>(std::floor(std::log10(std::fabs(value))));
  if (exponent < -4 || exponent >= 6) return buffer.data();
  const int decimals = precision - 1 - exponent;
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals > 0 ? decimals : 0, value);
  return buffer.data();
}

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// An integer as Go's ParseInt(base 0) reads it; false when it is none.
bool read_integer(std::string_view digits, Node& node) {
  std::string_view rest = digits;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  int base = 10;
  if (rest.size() > 1 && rest[0] == '0') {
    const char mark = rest[1];
    if (mark == 'x' || mark == 'X') {
      base = 16;
    } else if (mark == 'o' || mark == 'O') {
      base = 8;
    } else if (mark == 'b' || mark == 'B') {
      base = 2;
    } else {
      base = 8;
      rest.remove_prefix(1);
    }
    if (base != 8 || mark == 'o' || mark == 'O') rest.remove_prefix(2);
  }
  if (rest.empty()) return false;
  std::uint64_t value = 0;
  for (const char c : rest) {
    int digit = 99;
    if (is_digit(c)) digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit >= base) return false;
    const auto step = static_cast<std::uint64_t>(digit);
    if (value > (UINT64_MAX - step) / static_cast<std::uint64_t>(base)) return false;
    value = value * static_cast<std::uint64_t>(base) + step;
  }
  if (negative && value > (1ULL << 63U)) return false;
  node.kind = Kind::Int;
  node.text = (negative && value != 0 ? "-" : "") + std::to_string(value);
  return true;
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_float(std::string_view text) {
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  std::size_t digits = 0;
  while (at < text.size() && is_digit(text[at])) ++at, ++digits;
  if (at < text.size() && text[at] == '.') {
    ++at;
    while (at < text.size() && is_digit(text[at])) ++at, ++digits;
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (at == text.size()) return false;
    while (at < text.size() && is_digit(text[at])) ++at;
  }
  return at == text.size();
}

// .inf and .nan, as Go prints them.
bool read_special(std::string_view plain, Node& node) {
  std::string_view rest = plain;
  const char sign = rest[0];
  if (sign == '+' || sign == '-') rest.remove_prefix(1);
  const bool infinite = rest == ".inf" || rest == ".Inf" || rest == ".INF";
  const bool none = plain == ".nan" || plain == ".NaN" || plain == ".NAN";
  if (!infinite && !none) return false;
  node.kind = Kind::Float;
  node.text = none ? "NaN" : sign == '-' ? "-Inf" : "+Inf";
  return true;
}

}  // namespace

void resolve_plain(std::string_view plain, Node& node) {
  node.kind = Kind::String;
  node.text = plain;
  if (plain.empty() || plain == "~" || plain == "null" || plain == "Null" || plain == "NULL") {
    node.kind = Kind::Null;
    node.text.clear();
    return;
  }
  const char first = plain[0];
  if (first == 't' || first == 'T' || first == 'f' || first == 'F') {
    const bool yes = plain == "true" || plain == "True" || plain == "TRUE";
    if (yes || plain == "false" || plain == "False" || plain == "FALSE") {
      node.kind = Kind::Bool;
      node.text = yes ? "true" : "false";
    }
    return;
  }
  if (!is_digit(first) && first != '-' && first != '+' && first != '.') return;
  if (read_special(plain, node)) return;
  // Underscores part the digits of a number that begins with one or with a sign.
  std::string digits;
  if (first != '.')
    std::copy_if(plain.begin(), plain.end(), std::back_inserter(digits),
                 [](char c) { return c != '_'; });
  if (first == '.') digits = plain;
  if (first != '.' && read_integer(digits, node)) return;
  if (looks_float(digits)) {
    const double value = std::strtod(digits.c_str(), nullptr);
    if (!std::isfinite(value)) return;
    node.kind = Kind::Float;
    node.text = number_text(value);
  }
}

}  // namespace spec
