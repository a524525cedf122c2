#include "spec/short_forms.hpp"

#include "base/text.hpp"

namespace spec {
namespace {

Node with_name_of(Node value, const Node& old) {
  value.key = old.key;
  value.key_place = old.key_place;
  value.tag = old.tag;
  return value;
}

// A list of names becomes a mapping; anything else is left for the type check.
template <class Make>
void list_to_map(Node& node, const Path& path, Report& report, Make make) {
  if (!node.is_sequence()) return;
  Node out = Node::map(node.place);
  for (const Node& item : node.children) {
    if (!item.is_string()) {
      report.error(
          item.place,
          base::cat(path.str(), " must be a list of names, this is ", kind_name(item.kind)),
          item.is_map() ? "remove the dashes to write it as a mapping" : "");
      continue;
    }
    out.set(item.text, make(item.place)).key_place = item.place;
  }
  node = with_name_of(std::move(out), node);
}

}  // namespace

void expand_depends_on(Node& node, const Path& path, Report& report) {
  list_to_map(node, path, report, [](Place place) {
    Node entry = Node::map(place);
    entry.set("condition", Node::string("service_started", place));
    entry.set("required", Node::scalar(Kind::Bool, "true", place));
    return entry;
  });
  if (!node.is_map()) return;
  for (Node& child : node.children) {
    if (!child.is_map()) {
      report.error(child.place, base::cat(path.str(), ".", child.key, " must be a mapping"),
                   "condition: service_started, service_healthy or service_completed_successfully");
      continue;
    }
    const Node* condition = child.find("condition");
    if (condition == nullptr) {
      report.error(child.key_place, base::cat(path.str(), ".", child.key, " needs a condition"),
                   "condition: service_started, service_healthy or service_completed_successfully");
    } else if (condition->text != "service_started" && condition->text != "service_healthy" &&
               condition->text != "service_completed_successfully") {
      report.error(condition->place,
                   base::cat(path.str(), ".", child.key, ": the condition '", condition->text,
                             "' is not known"),
                   "service_started, service_healthy or service_completed_successfully");
    }
    if (child.find("required") == nullptr) {
      child.set("required", Node::scalar(Kind::Bool, "true", child.place));
    }
  }
}

void expand_names(Node& node, const Path& path, Report& report) {
  list_to_map(node, path, report, [](Place place) { return Node::scalar(Kind::Null, {}, place); });
}

void expand_context(Node& node, const Path&, Report&) {
  if (!node.is_string()) return;
  Node out = Node::map(node.place);
  out.set("context", Node::string(node.text, node.place));
  node = with_name_of(std::move(out), node);
}

void expand_source(Node& node, const Path&, Report&) {
  if (!node.is_string()) return;
  Node out = Node::map(node.place);
  out.set("source", Node::string(node.text, node.place));
  node = with_name_of(std::move(out), node);
}

void expand_env_files(Node& node, const Path&, Report&) {
  if (!node.is_string()) return;
  Node out = Node::sequence(node.place);
  out.children.push_back(Node::string(node.text, node.place));
  node = with_name_of(std::move(out), node);
}

void expand_env_file(Node& node, const Path& path, Report& report) {
  if (node.is_map()) {
    if (node.text_of("path").empty()) {
      report.error(node.place, base::cat(path.str(), ": an env_file without path"));
    }
    const Node* format = node.find("format");
    if (format != nullptr && format->text != "raw") {
      report.error(format->place,
                   base::cat(path.str(), ": the format '", format->text, "' is not known"),
                   "the only format is raw");
    }
    return;
  }
  if (!node.is_string()) return;
  Node out = Node::map(node.place);
  out.set("path", Node::string(node.text, node.place));
  node = std::move(out);
}

void expand_extends(Node& node, const Path&, Report&) {
  if (!node.is_string()) return;
  Node out = Node::map(node.place);
  out.set("service", Node::string(node.text, node.place));
  node = with_name_of(std::move(out), node);
}

void expand_test(Node& node, const Path& path, Report& report) {
  if (node.is_string()) {
    Node out = Node::sequence(node.place);
    out.children.push_back(Node::string("CMD-SHELL", node.place));
    out.children.push_back(Node::string(node.text, node.place));
    node = with_name_of(std::move(out), node);
    return;
  }
  if (!node.is_sequence()) return;
  if (node.children.empty()) return;
  const std::string& first = node.children[0].text;
  if (first != "NONE" && first != "CMD" && first != "CMD-SHELL") {
    report.error(node.children[0].place,
                 base::cat(path.str(), ": a list begins with NONE, CMD or CMD-SHELL, not with '",
                           first, "'"),
                 "put \"CMD\" in front of the program");
  } else if (first != "NONE" && node.children.size() == 1) {
    report.error(node.place, base::cat(path.str(), ": ", first, " without a command"));
  }
}

void expand_external(Node& node, const Path& path, Report& report) {
  if (node.is_map() && node.children.size() == 1 && node.find("name") != nullptr) return;
  if (node.is_string() && (node.text == "true" || node.text == "false")) node.kind = Kind::Bool;
  if (node.kind != Kind::Bool) {
    report.error(node.place, base::cat(path.str(), " must be true or false"));
  }
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
  node = with_name_of(std::move(out), node);
}

void check_ulimits(Node& node, const Path& path, Report& report) {
  if (!node.is_map()) {
    report.error(node.place, base::cat(path.str(), " must be a mapping"),
                 "for example nofile: 1024, or nofile: {soft: 1024, hard: 4096}");
    return;
  }
  static const std::vector<std::string> kNames{
      "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
      "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
  const auto number = [&](Node& value) {
    if (value.is_string()) {
      Node read;
      resolve_plain(value.text, read);
      if (read.kind == Kind::Int) {
        value.kind = Kind::Int;
        value.text = read.text;
      }
    }
    const auto read = value.kind == Kind::Int ? base::parse_int(value.text) : std::nullopt;
    if (!read || *read < -1) {
      report.error(value.place, base::cat(path.str(), ": a limit is a number, or -1 for none"));
      return false;
    }
    return true;
  };
  for (Node& child : node.children) {
    bool known = false;
    for (const std::string& name : kNames) known = known || name == child.key;
    if (!known) {
      report.error(child.key_place,
                   base::cat(path.str(), ": the limit '", child.key, "' is not known"),
                   suggestion(child.key, kNames));
    }
    if (!child.is_map()) {
      number(child);
      continue;
    }
    bool fine = true;
    for (Node& part : child.children) {
      if (part.key != "soft" && part.key != "hard") {
        if (base::starts_with(part.key, "x-")) continue;
        report.error(part.key_place,
                     base::cat(path.str(), ".", child.key, ": unknown key '", part.key, "'"),
                     "soft and hard");
        fine = false;
      } else {
        fine = number(part) && fine;
      }
    }
    const Node* soft = child.find("soft");
    const Node* hard = child.find("hard");
    if (soft == nullptr || hard == nullptr) {
      report.error(child.place, base::cat(path.str(), ".", child.key, " needs soft and hard"));
    } else if (fine && *base::parse_int(hard->text) != -1 &&
               (*base::parse_int(soft->text) == -1 ||
                *base::parse_int(soft->text) > *base::parse_int(hard->text))) {
      report.error(soft->place, base::cat(path.str(), ".", child.key, ": soft is above hard"), {},
                   {{hard->place, "hard is here"}});
    }
  }
}

std::string source_identity(const Node& item) {
  const std::string target = item.text_of("target");
  return target.empty() ? item.text_of("source") : target;
}
std::string text_identity(const Node& item) {
  return item.text;
}

bool split_words(std::string_view text, std::vector<std::string>& out) {
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == '\'') {
      if (c == '\'') {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\\') {
      if (++i >= text.size()) return false;
      // Inside double quotes a shell keeps the backslash before an ordinary character.
      if (quote == '"' && text[i] != '"' && text[i] != '\\' && text[i] != '$' && text[i] != '`' &&
          text[i] != '\n') {
        word += '\\';
      }
      if (text[i] != '\n') word += text[i];
      in_word = true;
    } else if (quote == '"') {
      if (c == '"') {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (in_word) out.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return false;
  if (in_word) out.push_back(std::move(word));
  return true;
}

}  // namespace spec
