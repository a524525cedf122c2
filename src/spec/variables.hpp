// The variables that a text names, with what their forms say: for `config --variables` and
// `--explain`. Nothing is looked up. Source: 12-interpolation.md.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "spec/node.hpp"

namespace spec {

struct VariableUse {
  std::string name;
  bool required = false;       // ${V:?text}
  std::string default_value;   // ${V:-text}
  std::string presence_value;  // ${V:+text}
};

// In the order of the text, those inside of defaults included.
std::vector<VariableUse> variables_in(std::string_view text);

// Of every value below; of several uses of a name, what any of them says.
std::map<std::string, VariableUse> variables_below(const Node& node);

}  // namespace spec
