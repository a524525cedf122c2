#include "spec/variables.hpp"

namespace spec {
namespace {

constexpr std::size_t kMaxNesting = 20;

bool starts_name(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::size_t name_end(std::string_view text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && (starts_name(text[end]) || (text[end] >= '0' && text[end] <= '9'))) {
    ++end;
  }
  return end;
}

// Of the brace that belongs to the one at `open`.
std::size_t closing_brace(std::string_view text, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{' && (i == open || text[i - 1] == '$')) ++depth;
    if (text[i] == '}' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

void collect(std::string_view text, std::size_t depth, std::vector<VariableUse>& out);

void collect_braced(std::string_view inside, std::size_t depth, std::vector<VariableUse>& out) {
  const std::size_t end = name_end(inside, 0);
  if (end == 0 || !starts_name(inside[0])) return;
  VariableUse use;
  use.name = inside.substr(0, end);
  std::string_view form = inside.substr(end);
  if (!form.empty() && form[0] == ':') form.remove_prefix(1);
  const std::string_view word = form.empty() ? form : form.substr(1);
  if (!form.empty() && form[0] == '-') use.default_value = word;
  if (!form.empty() && form[0] == '+') use.presence_value = word;
  use.required = !form.empty() && form[0] == '?';
  out.push_back(std::move(use));
  collect(word, depth + 1, out);
}

void collect(std::string_view text, std::size_t depth, std::vector<VariableUse>& out) {
  if (depth > kMaxNesting) return;
  for (std::size_t at = text.find('$'); at != std::string_view::npos && at + 1 < text.size();
       at = text.find('$', at)) {
    ++at;
    if (text[at] == '$') {
      ++at;
    } else if (text[at] == '{') {
      const std::size_t end = closing_brace(text, at);
      if (end == std::string_view::npos) return;
      collect_braced(text.substr(at + 1, end - at - 1), depth, out);
      at = end + 1;
    } else if (starts_name(text[at])) {
      const std::size_t end = name_end(text, at);
      out.push_back({std::string(text.substr(at, end - at)), false, {}, {}});
      at = end;
    }
  }
}

void collect_below(const Node& node, std::map<std::string, VariableUse>& out) {
  if (node.is_string() && node.text.find('$') != std::string::npos) {
    for (VariableUse& use : variables_in(node.text)) {
      VariableUse& known = out[use.name];
      known.name = use.name;
      known.required = known.required || use.required;
      if (known.default_value.empty()) known.default_value = std::move(use.default_value);
      if (known.presence_value.empty()) known.presence_value = std::move(use.presence_value);
    }
  }
  for (const Node& child : node.children) collect_below(child, out);
}

}  // namespace

std::vector<VariableUse> variables_in(std::string_view text) {
  std::vector<VariableUse> out;
  collect(text, 0, out);
  return out;
}

std::map<std::string, VariableUse> variables_below(const Node& node) {
  std::map<std::string, VariableUse> out;
  collect_below(node, out);
  return out;
}

}  // namespace spec
