// The canonical model as `docker compose config` prints it: keys sorted, `$` doubled, port ranges
// taken apart. Written from the document, not from Stack, so that only what was said is shown.
#include <algorithm>

#include "base/text.hpp"
#include "spec/load.hpp"
#include "spec/node.hpp"
#include "spec/output_order.hpp"
#include "spec/schema.hpp"
#include "spec/short_forms.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

// The numbers of an interval in the order of their texts, as docker compose has them.
std::vector<std::uint32_t> text_order(std::uint32_t first, std::uint32_t count) {
  std::vector<std::pair<std::string, std::uint32_t>> texts;
  for (std::uint32_t i = 0; i < count; ++i) texts.emplace_back(std::to_string(first + i), i);
  std::sort(texts.begin(), texts.end());
  std::vector<std::uint32_t> out;
  for (const auto& [text, i] : texts) out.push_back(i);
  return out;
}

// A port interval is one item in the model and one item a port in the output.
void expand_ports(Node& document) {
  Node* services = document.find("services");
  if (services == nullptr) return;
  for (Node& service : services->children) {
    Node* ports = service.find("ports");
    if (ports == nullptr) continue;
    std::vector<Node> out;
    std::unordered_map<std::string, std::size_t> seen;
    const auto push = [&](Node port) {
      const auto [at, added] = seen.emplace(port_identity(port), out.size());
      if (added) {
        out.push_back(std::move(port));
      } else {
        out[at->second] = std::move(port);
      }
    };
    for (Node& port : ports->children) {
      const auto target = parse_port_range(port.text_of("target"));
      if (!target || target->count == 1) {
        push(std::move(port));
        continue;
      }
      const auto published = parse_port_range(port.text_of("published"));
      for (const std::uint32_t i : text_order(target->first, target->count)) {
        Node one = port;
        one.set("target", Node::scalar(Kind::Int, std::to_string(target->first + i), port.place));
        if (published) {
          one.set("published", Node::string(std::to_string(published->first + i), port.place));
        }
        push(std::move(one));
      }
    }
    ports->children = std::move(out);
  }
}

// JSON shows only the extensions of the file itself, and some keys under another name.
void shape_for_json(Node& node, const Object& object) {
  std::erase_if(node.children, [&](const Node& child) {
    return object.find(child.key) == nullptr && base::starts_with(child.key, "x-") &&
           &object != &root_object();
  });
  for (Node& child : node.children) {
    const Field* field = object.find(child.key);
    if (field == nullptr) continue;
    if (!field->json_name.empty()) child.key = field->json_name;
    if (field->object == nullptr) continue;
    if (field->type == Type::Object) {
      shape_for_json(child, field->object());
    } else {
      for (Node& item : child.children) shape_for_json(item, field->object());
    }
  }
}

std::string doubled(std::string_view text, Dollars dollars) {
  if (dollars == Dollars::AsTheyAre) return std::string(text);
  std::string out;
  for (const char c : text) {
    if (c == '$') out += '$';
    out += c;
  }
  return out;
}

void quote(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          out += "\\u00";
          out += kHex[byte >> 4U];
          out += kHex[byte & 15U];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void write_json(std::string& out, const Node& node, std::size_t depth, Dollars dollars) {
  const std::string pad((depth + 1) * 2, ' ');
  const std::string close(depth * 2, ' ');
  switch (node.kind) {
    case Kind::Null:
      out += "null";
      return;
    case Kind::Bool:
    case Kind::Int:
    case Kind::Float:
      out += node.text;
      return;
    case Kind::String:
      quote(out, doubled(node.text, dollars));
      return;
    case Kind::Sequence: {
      if (node.children.empty()) {
        out += "[]";
        return;
      }
      out += "[\n";
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        out += pad;
        write_json(out, node.children[i], depth + 1, dollars);
        out += i + 1 < node.children.size() ? ",\n" : "\n";
      }
      out += close + "]";
      return;
    }
    case Kind::Map: {
      const std::vector<Node>& children = node.children;
      if (children.empty()) {
        out += "{}";
        return;
      }
      out += "{\n";
      for (std::size_t i = 0; i < children.size(); ++i) {
        out += pad;
        quote(out, doubled(children[i].key, dollars));
        out += ": ";
        write_json(out, children[i], depth + 1, dollars);
        out += i + 1 < children.size() ? ",\n" : "\n";
      }
      out += close + "}";
      return;
    }
  }
}

// Plain where nothing could read it as something else, double-quoted otherwise.
std::string yaml_scalar(const std::string& text) {
  Node read;
  resolve_plain(text, read);
  bool plain = read.is_string() && !text.empty() && text.front() != ' ' && text.back() != ' ' &&
               text.back() != ':';
  for (std::size_t i = 0; i < text.size() && plain; ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) plain = false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') plain = false;
    if (c == ':' && i + 1 < text.size() && text[i + 1] == ' ') plain = false;
    if (c == '"' || c == '\'' || c == '{' || c == '}' || c == '[' || c == ']') plain = false;
  }
  static constexpr std::string_view kFirst = "-?:,&*!|>%@`#=<~.+0123456789";
  if (plain && kFirst.find(text[0]) != std::string_view::npos) {
    // "8080:80" and "1.5g" are read as text by everybody; numbers with colons are not.
    plain = text[0] == '.' || text[0] == '-' ? text.size() > 1 && text[1] != ' ' && text[0] != '-'
                                             : false;
  }
  for (const std::string_view word :
       {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}) {
    if (text.size() != word.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < word.size(); ++i) {
      const char c = text[i];
      same = same && (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) == word[i];
    }
    if (same) plain = false;
  }
  if (plain) return text;
  std::string out;
  quote(out, text);
  return out;
}

enum class After : unsigned char { Line, Dash };

void write_yaml(std::string& out, const Node& node, std::size_t indent, After after,
                Dollars dollars) {
  const std::string pad(indent, ' ');
  if (node.is_map()) {
    bool first = after == After::Dash;
    for (const Node& child : node.children) {
      out += first ? std::string() : pad;
      first = false;
      out += yaml_scalar(doubled(child.key, dollars)) + ":";
      if (child.is_scalar()) {
        out += child.is_null()
                   ? " null"
                   : " " + (child.is_string() ? yaml_scalar(doubled(child.text, dollars))
                                              : child.text);
        out += "\n";
      } else if (child.children.empty()) {
        out += child.is_map() ? " {}\n" : " []\n";
      } else {
        out += "\n";
        write_yaml(out, child, indent + 2, After::Line, dollars);
      }
    }
    return;
  }
  for (const Node& child : node.children) {
    out += pad + "- ";
    if (child.is_scalar()) {
      out += child.is_string() ? yaml_scalar(doubled(child.text, dollars))
                               : (child.is_null() ? std::string("null") : child.text);
      out += "\n";
    } else if (child.children.empty()) {
      out += child.is_map() ? "{}\n" : "[]\n";
    } else if (child.is_map()) {
      write_yaml(out, child, indent + 2, After::Dash, dollars);
    } else {
      out.erase(out.size() - 1);
      out += "\n";
      write_yaml(out, child, indent + 2, After::Line, dollars);
    }
  }
}

Node printable(const Stack& stack) {
  Node document;
  if (stack.canonical != nullptr) {
    document = *stack.canonical;
  } else {
    document = Node::map({});
    document.set("name", Node::string(stack.name, {}));
  }
  expand_ports(document);
  return document;
}

}  // namespace

std::string to_json(const Stack& stack, Dollars dollars) {
  Node document = printable(stack);
  document.erase("models");
  if (Node* services = document.find("services")) {
    for (Node& service : services->children) {
      for (const char* key : {"command", "entrypoint"}) {
        if (service.is_map() && service.find(key) == nullptr) {
          service.set(key, Node::scalar(Kind::Null, {}, {}));
        }
      }
    }
  }
  put_in_output_order(document);
  shape_for_json(document, root_object());
  std::string out;
  write_json(out, document, 0, dollars);
  return out + "\n";
}

std::string to_yaml(const Stack& stack, Dollars dollars) {
  Node document = printable(stack);
  if (Node* networks = document.find("networks")) {
    for (Node& network : networks->children) {
      const Node* ipam = network.find("ipam");
      if (ipam != nullptr && ipam->children.empty()) network.erase("ipam");
    }
  }
  std::string out;
  // The project's name first, as docker compose has it.
  if (const Node* name = document.find("name")) out = "name: " + yaml_scalar(name->text) + "\n";
  document.erase("name");
  put_in_output_order(document);
  write_yaml(out, document, 0, After::Line, dollars);
  return out;
}

}  // namespace spec
