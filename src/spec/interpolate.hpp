// interpolate(): $VAR, ${VAR} and their operators (:- - :? ? :+ +, nested, $$) in the values of
// a document, never in its keys. Source: 12-interpolation.md.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "spec/node.hpp"
#include "spec/report.hpp"

namespace spec {

using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

struct Substitution {
  std::string text;
  std::vector<std::string> unset;  // names without a value and without a default
  std::string error;               // empty: it worked
  std::size_t error_at = 0;        // offset of the offending '$'
  std::string hint;
};
Substitution substitute(std::string_view text, const Lookup& lookup);

// `source`: the file's text, to put the caret on the variable itself.
void interpolate(Node& document, const Lookup& lookup, std::string_view source, Report& report);

}  // namespace spec
