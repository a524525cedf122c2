// Formats as docker's `--format` takes them, as far as people use them: `{{.Field}}`,
// `{{json .Field}}`, `{{json .}}`, and `table ...` with tabs between. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cli {

using FieldValues = std::vector<std::pair<std::string, std::string>>;  // in the order of columns

// "table", "table {{.Name}}\t{{.PIDs}}", "json", or a template: the rows as text. `heads`: the
// columns' titles by field. Throws base::Error for an unknown field or another kind of template.
struct Formatted {
  std::string format;  // "": table
  FieldValues heads;
  std::vector<FieldValues> rows;
};
std::string format_rows(const Formatted& in);

}  // namespace cli
