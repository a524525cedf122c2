#include "spec/explain.hpp"

#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "spec/node.hpp"
#include "spec/variables.hpp"
#include "spec/yaml_parse.hpp"

namespace spec {
namespace {

class Explainer {
 public:
  explicit Explainer(const Loaded& loaded) : loaded_(loaded) {}

  std::string run(const std::string& path) {
    const Node* node = loaded_.stack.canonical.get();
    std::string shown;
    std::string_view rest = path;
    while (!rest.empty()) node = &step(*node, rest, shown);
    leaves(*node, shown);
    return std::move(out_);
  }

 private:
  // Keys may have dots: the longest key that fits is taken.
  const Node& step(const Node& node, std::string_view& rest, std::string& shown) {
    if (node.is_sequence()) {
      std::string_view digits = rest;
      if (digits[0] == '[') digits.remove_prefix(1);
      const std::size_t end = digits.find_first_not_of("0123456789");
      const auto index = base::parse_uint(digits.substr(0, end));
      if (!index || *index >= node.children.size()) no_such(node, shown, rest);
      rest = end == std::string_view::npos ? std::string_view() : digits.substr(end);
      if (!rest.empty() && rest[0] == ']') rest.remove_prefix(1);
      if (!rest.empty() && rest[0] == '.') rest.remove_prefix(1);
      shown += base::cat("[", *index, "]");
      return node.children[*index];
    }
    const Node* found = nullptr;
    for (const Node& child : node.children) {
      if (!base::starts_with(rest, child.key) || child.key.empty()) continue;
      const std::string_view after = rest.substr(child.key.size());
      if (!after.empty() && after[0] != '.' && after[0] != '[') continue;
      if (found == nullptr || child.key.size() > found->key.size()) found = &child;
    }
    if (found == nullptr) no_such(node, shown, rest);
    rest.remove_prefix(found->key.size());
    if (!rest.empty() && rest[0] == '.') rest.remove_prefix(1);
    shown += (shown.empty() ? "" : ".") + found->key;
    return *found;
  }

  [[noreturn]] static void no_such(const Node& node, const std::string& shown,
                                   std::string_view rest) {
    std::vector<std::string> keys;
    for (const Node& child : node.children) keys.push_back(child.key);
    const std::string wanted(rest.substr(0, rest.find_first_of(".[")));
    throw base::Error(base::cat("no value '", wanted, "'", shown.empty() ? "" : " in " + shown),
                      base::did_you_mean(wanted, base::nearest(wanted, keys)));
  }

  void leaves(const Node& node, const std::string& path) {
    if (node.is_scalar() || node.children.empty()) {
      leaf(node, path);
      return;
    }
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const Node& child = node.children[i];
      leaves(child, node.is_sequence() ? base::cat(path, "[", i, "]")
                                       : base::cat(path, path.empty() ? "" : ".", child.key));
    }
  }

  void line(const std::string& text) { out_ += "  " + text + "\n"; }

  void leaf(const Node& node, const std::string& path) {
    const std::string value = node.is_string()   ? base::cat("\"", node.text, "\"")
                              : node.is_null()   ? std::string("nothing")
                              : node.is_scalar() ? node.text
                                                 : std::string(node.is_map() ? "{}" : "[]");
    out_ += base::cat(path, ": ", value, "\n");
    if (node.via == Via::Default) {
      line(base::cat("built-in default", at(node.place, ", for what is written at ")));
      return;
    }
    if (node.via == Via::EnvFile) {
      env_file(node);
      return;
    }
    if (!node.place.known()) {
      line("built-in default");
      return;
    }
    line(base::cat(place(node.place), ": ", kind_of(node.place)));
    if (node.via == Via::Environment) {
      variable(node.key, {});
      return;
    }
    if (node.via == Via::Alias) line(place(node.via_place) + ": through this alias of its anchor");
    if (node.via == Via::MergeKey) line(place(node.via_place) + ": through this merge key");
    if (node.via == Via::Extends) line(place(node.via_place) + ": through this extends");
    variables(node);
  }

  [[nodiscard]] std::string place(const Place& at) const { return loaded_.stack.describe(at); }
  [[nodiscard]] std::string at(const Place& where, std::string_view before) const {
    return where.known() ? base::cat(before, place(where)) : std::string();
  }

  [[nodiscard]] std::string kind_of(const Place& at) const {
    if (at.file >= loaded_.sources.size()) return "written here";
    const SourceFile& source = loaded_.sources[at.file];
    switch (source.role) {
      case SourceRole::Stack:
        break;
      case SourceRole::Override:
        return "written here, in an override file";
      case SourceRole::Included:
        return "written here, in a file included by " + place(source.from);
      case SourceRole::Extended:
        return "written here, in a file extended by " + place(source.from);
      case SourceRole::Variables:
      case SourceRole::EnvFile:
        return "in this file of variables";
    }
    return "written here";
  }

  // The last line of the file that gives the name a value: "app.env:3:1".
  [[nodiscard]] std::string line_of(std::uint32_t file, const std::string& name) const {
    const std::string& text = loaded_.sources[file].text;
    std::uint32_t number = 0;
    std::uint32_t found = 0;
    for (std::size_t from = 0; from < text.size();) {
      ++number;
      const std::size_t end = text.find('\n', from);
      std::string_view here = base::trim(std::string_view(text).substr(from, end - from));
      if (base::starts_with(here, "export ")) here = base::trim(here.substr(7));
      if (base::starts_with(here, name)) {
        const std::string_view after = base::trim(here.substr(name.size()));
        if (after.empty() || after[0] == '=' || after[0] == ':') found = number;
      }
      from = end == std::string::npos ? text.size() : end + 1;
    }
    return found == 0 ? loaded_.sources[file].name
                      : base::cat(loaded_.sources[file].name, ":", found, ":1");
  }

  void env_file(const Node& node) {
    const std::uint32_t file = node.via_place.file;
    line(line_of(file, node.key) + ": in this env_file");
    line(place(node.place) + ": named here");
  }

  // What stood at a place before its variables were replaced.
  std::optional<std::string> raw_text(const Place& at) {
    if (at.file >= loaded_.sources.size()) return {};
    const auto [known, added] = documents_.try_emplace(at.file);
    if (added) {
      Report ignored;
      Bounds bounds;  // it was within them when it was loaded
      bounds.bytes = bounds.nodes = bounds.expanded_bytes = SIZE_MAX;
      known->second = parse_yaml(loaded_.sources[at.file].text, at.file, bounds, ignored);
    }
    for (const Node& document : known->second) {
      if (const Node* found = find(document, at)) return found->text;
    }
    return {};
  }

  static const Node* find(const Node& node, const Place& at) {
    if (node.is_string() && node.place == at) return &node;
    for (const Node& child : node.children) {
      if (const Node* found = find(child, at)) return found;
    }
    return nullptr;
  }

  void variables(const Node& node) {
    const auto raw = raw_text(node.place);
    if (!raw || raw->find('$') == std::string::npos) return;
    line(base::cat("as written: ", *raw));
    for (const VariableUse& use : variables_in(*raw)) variable(use.name, use);
  }

  void variable(const std::string& name, const VariableUse& use) {
    const auto value = loaded_.environment.find(name);
    if (!value) {
      if (!use.default_value.empty()) {
        line(
            base::cat(name, ": not set, the default of the variable is used: ", use.default_value));
      } else {
        line(base::cat(name, ": not set"));
      }
      return;
    }
    if (const auto file = loaded_.environment.file_of(name)) {
      line(base::cat(line_of(*file, name), ": ", name, " comes from this .env"));
    } else if (name == "COMPOSE_PROJECT_NAME") {
      line(base::cat(name, ": the name of the project"));
    } else {
      line(base::cat(name, " comes from the shell"));
    }
  }

  const Loaded& loaded_;
  std::map<std::uint32_t, std::vector<Node>> documents_;  // as written, by file
  std::string out_;
};

}  // namespace

std::string explain(const Loaded& loaded, const std::string& path) {
  return Explainer(loaded).run(path);
}

}  // namespace spec
