// interpolate(): $VAR, ${VAR} and their operators (:- - :? ? :+ +, nested, $$) in the values of
// a document, never in its keys. What is accepted is what docker compose accepts: `$` before
// anything but a name, `{` or `$` is text; the braces of a form stand on one line; inside of it
// braces come in pairs. Source: 12-interpolation.md.
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
  struct Unset {  // a name without a value and without a default
    std::string name;
    std::size_t at = 0;  // offset of its '$'
  };
  std::string text;
  std::vector<Unset> unset;
  std::string error;         // empty: it worked
  std::size_t error_at = 0;  // offset of the offending '$'
  std::string hint;
};
// Time is linear in the text and in the result, which is at most 1 MiB.
Substitution substitute(std::string_view text, const Lookup& lookup);

// `source`: the file's text, to put the caret on the variable itself. A variable without a value
// is a warning and empty; with Report::set_strict an error. All values together may grow to 8 MiB.
void interpolate(Node& document, const Lookup& lookup, std::string_view source, Report& report);

}  // namespace spec
