#include "cli/template_text.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/table.hpp"

namespace cli {

namespace {

std::string json_object(const FieldValues& row) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : row) out[name] = value;
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string field_text(std::string_view words, const FieldValues& row) {
  words = base::trim(words);
  const bool as_json = base::starts_with(words, "json ");
  if (as_json) words = base::trim(words.substr(5));
  if (as_json && words == ".") return json_object(row);
  const auto at = std::find_if(row.begin(), row.end(), [&](const auto& field) {
    return words.size() > 1 && words[0] == '.' && words.substr(1) == field.first;
  });
  if (at == row.end()) {
    std::vector<std::string> known;
    for (const auto& field : row) known.push_back("." + field.first);
    throw base::Error(base::cat("--format: {{", words, "}} is not known"),
                      "fields: " + base::join(known, ", "));
  }
  return as_json ? nlohmann::json(at->second).dump() : at->second;
}

std::string expand(std::string_view text, const FieldValues& row) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find("{{", at);
    const auto close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) {
      out.append(text.substr(at));
      break;
    }
    out.append(text.substr(at, open - at));
    out.append(field_text(text.substr(open + 2, close - open - 2), row));
    at = close + 2;
  }
  return out;
}

// As a shell passes it: backslash and t.
std::string with_tabs(std::string text) {
  for (std::size_t at = text.find("\\t"); at != std::string::npos; at = text.find("\\t")) {
    text.replace(at, 2, "\t");
  }
  return text;
}

std::vector<std::string> values_of(const FieldValues& row) {
  std::vector<std::string> out;
  for (const auto& field : row) out.push_back(field.second);
  return out;
}

}  // namespace

std::string format_rows(const Formatted& in) {
  std::string out;
  if (in.format == "json") {
    for (const FieldValues& row : in.rows) out += json_object(row) + "\n";
    return out;
  }
  if (in.format.empty() || in.format == "table") {
    Table table(values_of(in.heads));
    for (const FieldValues& row : in.rows) {
      FieldValues shown;
      for (const auto& head : in.heads) {
        const auto at = std::find_if(row.begin(), row.end(),
                                     [&](const auto& field) { return field.first == head.first; });
        shown.emplace_back(head.first, at == row.end() ? "" : at->second);
      }
      table.add(values_of(shown));
    }
    return table.str();
  }
  const std::string text = with_tabs(in.format);
  if (base::starts_with(text, "table ")) {
    const std::string columns = text.substr(6);
    Table table(base::split(expand(columns, in.heads), '\t'));
    for (const FieldValues& row : in.rows) table.add(base::split(expand(columns, row), '\t'));
    return table.str();
  }
  for (const FieldValues& row : in.rows) out += expand(text, row) + "\n";
  return out;
}

}  // namespace cli
