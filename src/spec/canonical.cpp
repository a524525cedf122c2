// The canonical model as `docker compose config` prints it: keys sorted, `$` doubled, port ranges
// taken apart. Written from the document, not from Stack, so that only what was said is shown.
#include <algorithm>

#include "base/text.hpp"
#include "spec/load.hpp"
#include "spec/node.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

bool shown(const Node& node) {
  if (node.key == "x-implicit") return false;
  return true;
}

std::vector<const Node*> sorted_children(const Node& map) {
  std::vector<const Node*> out;
  for (const Node& child : map.children) {
    if (shown(child)) out.push_back(&child);
  }
  std::sort(out.begin(), out.end(), [](const Node* a, const Node* b) { return a->key < b->key; });
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
    for (Node& port : ports->children) {
      const auto target = parse_port_range(port.text_of("target"));
      if (!target || target->count == 1) {
        out.push_back(std::move(port));
        continue;
      }
      const auto published = parse_port_range(port.text_of("published"));
      for (std::uint32_t i = 0; i < target->count; ++i) {
        Node one = port;
        one.set("target", Node::scalar(Kind::Int, std::to_string(target->first + i), port.place));
        if (published) {
          one.set("published", Node::string(std::to_string(published->first + i), port.place));
        }
        out.push_back(std::move(one));
      }
    }
    ports->children = std::move(out);
  }
}

std::string doubled(std::string_view text) {
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

void write_json(std::string& out, const Node& node, std::size_t depth) {
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
      quote(out, doubled(node.text));
      return;
    case Kind::Sequence: {
      if (node.children.empty()) {
        out += "[]";
        return;
      }
      out += "[\n";
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        out += pad;
        write_json(out, node.children[i], depth + 1);
        out += i + 1 < node.children.size() ? ",\n" : "\n";
      }
      out += close + "]";
      return;
    }
    case Kind::Map: {
      const auto children = sorted_children(node);
      if (children.empty()) {
        out += "{}";
        return;
      }
      out += "{\n";
      for (std::size_t i = 0; i < children.size(); ++i) {
        out += pad;
        quote(out, children[i]->key);
        out += ": ";
        write_json(out, *children[i], depth + 1);
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

void write_yaml(std::string& out, const Node& node, std::size_t indent, bool after_dash) {
  const std::string pad(indent, ' ');
  if (node.is_map()) {
    bool first = after_dash;
    for (const Node* child : sorted_children(node)) {
      out += first ? std::string() : pad;
      first = false;
      out += yaml_scalar(child->key) + ":";
      if (child->is_scalar()) {
        out += child->is_null()
                   ? " null"
                   : " " + (child->is_string() ? yaml_scalar(doubled(child->text)) : child->text);
        out += "\n";
      } else if (child->children.empty()) {
        out += child->is_map() ? " {}\n" : " []\n";
      } else {
        out += "\n";
        write_yaml(out, *child, indent + 2, false);
      }
    }
    return;
  }
  for (const Node& child : node.children) {
    out += pad + "- ";
    if (child.is_scalar()) {
      out += child.is_string() ? yaml_scalar(doubled(child.text))
                               : (child.is_null() ? std::string("null") : child.text);
      out += "\n";
    } else if (child.children.empty()) {
      out += child.is_map() ? "{}\n" : "[]\n";
    } else if (child.is_map()) {
      write_yaml(out, child, indent + 2, true);
    } else {
      out.erase(out.size() - 1);
      out += "\n";
      write_yaml(out, child, indent + 2, false);
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

std::string to_json(const Stack& stack) {
  std::string out;
  write_json(out, printable(stack), 0);
  return out + "\n";
}

std::string to_yaml(const Stack& stack) {
  Node document = printable(stack);
  std::string out;
  // The project's name first, as docker compose has it.
  if (const Node* name = document.find("name")) out = "name: " + yaml_scalar(name->text) + "\n";
  document.erase("name");
  write_yaml(out, document, 0, false);
  return out;
}

}  // namespace spec
