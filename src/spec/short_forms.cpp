#include "spec/short_forms.hpp"

#include "base/text.hpp"
#include "spec/casts.hpp"
#include "spec/pull_policy.hpp"

namespace spec {
namespace {

// `value` stands where `node` stood.
void replace_by(Node& node, Node value) {
  value.take_name_of(node);
  node = std::move(value);
}

// NAME becomes {key: NAME}.
void text_to_map(Node& node, std::string_view key) {
  if (!node.is_string()) return;
  Node out = Node::map(node.place);
  out.set(key, Node::string(node.text, node.place));
  replace_by(node, std::move(out));
}

// A list of names becomes a mapping; anything else is left for the type check.
template <class Make>
void list_to_map(Node& node, const Path& path, Report& report, Make make) {
  if (!node.is_sequence()) return;
  Node out = Node::map(node.place);
  KeyIndex index(out);
  for (const Node& item : node.children) {
    if (item.tag == Tag::Reset) continue;
    if (!item.is_string()) {
      report.error(
          item.place,
          base::cat(path.str(), " must be a list of names, this is ", kind_name(item.kind)),
          item.is_map() ? "remove the dashes to write it as a mapping" : "");
      continue;
    }
    if (const Node* first = index.find(item.text)) {
      report.error(item.place, base::cat(path.str(), ": '", item.text, "' is given twice"),
                   "keep one of the two", {{first->key_place, "first given here"}});
      continue;
    }
    Node value = make(item.place);
    value.key = item.text;
    value.key_place = item.place;
    value.via = item.via;
    value.via_place = item.via_place;
    index.add(std::move(value));
  }
  replace_by(node, std::move(out));
}

}  // namespace

void expand_depends_on(Node& node, const Path& path, Report& report) {
  list_to_map(node, path, report, [](Place place) {
    Node entry = Node::map(place);
    entry.set("condition", Node::implied(Kind::String, "service_started", place));
    entry.set("required", Node::implied(Kind::Bool, "true", place));
    return entry;
  });
}

void expand_names(Node& node, const Path& path, Report& report) {
  list_to_map(node, path, report, [](Place place) { return Node::scalar(Kind::Null, {}, place); });
}

void expand_context(Node& node, const Path&, Report&) {
  text_to_map(node, "context");
}
void expand_source(Node& node, const Path&, Report&) {
  text_to_map(node, "source");
}
void expand_env_file(Node& node, const Path&, Report&) {
  text_to_map(node, "path");
}
void expand_extends(Node& node, const Path&, Report&) {
  text_to_map(node, "service");
}
void expand_include(Node& node, const Path&, Report&) {
  text_to_map(node, "path");
}

void expand_env_files(Node& node, const Path&, Report&) {
  if (!node.is_string()) return;
  Node out = Node::sequence(node.place);
  out.children.push_back(Node::string(node.text, node.place));
  replace_by(node, std::move(out));
}

void expand_test(Node& node, const Path& path, Report& report) {
  if (node.is_string()) {
    Node out = Node::sequence(node.place);
    out.children.push_back(Node::string("CMD-SHELL", node.place));
    out.children.push_back(Node::string(node.text, node.place));
    replace_by(node, std::move(out));
    return;
  }
  if (!node.is_sequence() || node.children.empty()) return;
  const std::string& first = node.children[0].text;
  if (first != "NONE" && first != "CMD" && first != "CMD-SHELL") {
    report.error(node.children[0].place,
                 base::cat(path.str(), ": a list begins with NONE, CMD or CMD-SHELL, not with '",
                           first, "'"),
                 "put \"CMD\" in front of the program");
  }
}

void expand_external(Node& node, const Path& path, Report& report) {
  if (node.is_map()) {
    for (const Node& child : node.children) {
      if (child.key != "name" || !child.is_string()) {
        report.error(child.key_place, base::cat(path.str(), " has only a name"), "name: NAME");
      }
    }
    return;
  }
  as_bool(node, path, report);
}

void expand_gpus(Node& node, const Path& path, Report& report) {
  if (!node.is_string()) return;
  if (node.text != "all") {
    report.error(node.place, base::cat(path.str(), " must be a list or 'all'"));
  }
  Node item = Node::map(node.place);
  item.set("count", Node::scalar(Kind::Int, "-1", node.place));
  Node out = Node::sequence(node.place);
  out.children.push_back(std::move(item));
  replace_by(node, std::move(out));
}

void expand_count(Node& node, const Path& path, Report& report) {
  if (node.is_string() && (node.text == "all" || node.text == "ALL" || node.text == "All")) {
    node.kind = Kind::Int;
    node.text = "-1";
    return;
  }
  if (node.is_string() && base::parse_int(node.text)) node.kind = Kind::Int;
  if (node.kind != Kind::Int) wrong_type(node, path, "a number or 'all'", report);
}

void expand_options(Node& node, const Path& path, Report& report) {
  if (!node.is_map()) return wrong_type(node, path, "a mapping", report);
  for (Node& child : node.children) {
    if (child.is_scalar() && !child.is_null()) {
      Node list = Node::sequence(child.place);
      list.children.push_back(Node::string(child.text, child.place));
      replace_by(child, std::move(list));
      continue;
    }
    if (!child.is_sequence()) {
      wrong_type(child, Path{&path, child.key}, "a string or a list", report);
      continue;
    }
    for (Node& item : child.children) {
      if (!item.is_scalar()) wrong_type(item, Path{&path, child.key}, "a string", report);
      item.kind = Kind::String;
    }
  }
}

void check_pull_policy(Node& node, const Path& path, Report& report) {
  if (!node.is_string()) return;
  static const std::vector<std::string> kNames{"always",  "never",   "build", "if_not_present",
                                               "missing", "refresh", "daily", "weekly"};
  if (parse_pull_policy(node.text)) return;
  std::string hint = suggestion(node.text, kNames);
  if (hint.empty()) hint = "always, missing, never, build, daily, weekly or every_12h";
  report.error(node.place, base::cat(path.str(), ": '", node.text, "' is not known"),
               std::move(hint));
}

void check_pairs(Node& node, const Path& path, Report& report) {
  if (!node.is_sequence()) return;
  for (const Node& item : node.children) {
    if (item.is_string() && item.text.find('=') == std::string::npos) {
      report.error(item.place, base::cat(path.str(), ": '", item.text, "' is not NAME=VALUE"));
    }
  }
}

void check_ssh(Node& node, const Path& path, Report& report) {
  if (!node.is_sequence()) return;
  for (const Node& item : node.children) {
    if (item.is_string() && item.text != "default" && item.text.find('=') == std::string::npos) {
      report.error(item.place, base::cat(path.str(), ": '", item.text, "' has no key"),
                   "default, or NAME=PATH of a key or agent");
    }
  }
}

void only_text(Node& node, const Path& path, Report& report) {
  if (!node.is_string()) wrong_type(node, path, "a string", report);
}

std::string target_identity(const Node& item) {
  return item.text_of("target");
}
std::string path_identity(const Node& item) {
  return item.text_of("path");
}
std::string config_identity(const Node& item) {
  const std::string target = item.text_of("target");
  return target.empty() ? "/" + item.text_of("source") : target;
}
std::string secret_identity(const Node& item) {
  const std::string target = item.text_of("target");
  return target.empty() ? "/run/secrets/" + item.text_of("source") : target;
}
std::string text_identity(const Node& item) {
  return item.text;
}
std::string key_identity(const Node& item) {
  return item.text.substr(0, item.text.find('='));
}

}  // namespace spec
