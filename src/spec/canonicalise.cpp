#include <algorithm>

#include "base/text.hpp"
#include "spec/schema.hpp"
#include "spec/short_forms.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

void apply_object(Node& node, const Object& object, const Path& path, Report& report);

void wrong_type(const Node& node, const Path& path, std::string_view wanted, Report& report) {
  std::string hint;
  if (node.is_null()) {
    hint = "give it a value or remove the key";
  } else if (node.is_scalar() && wanted == "a string") {
    hint = base::cat("write it in quotes: \"", node.text, "\"");
  }
  report.error(node.place,
               base::cat(path.str(), " must be ", wanted, ", not ", kind_name(node.kind)),
               std::move(hint));
}

void as_bool(Node& node, const Path& path, Report& report) {
  if (node.kind == Kind::Bool) return;
  if (node.is_string()) {
    std::string lower;
    for (const char c : node.text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool yes = lower == "true" || lower == "yes" || lower == "y" || lower == "on" ||
                     lower == "1" || lower == "t";
    const bool no = lower == "false" || lower == "no" || lower == "n" || lower == "off" ||
                    lower == "0" || lower == "f";
    if (yes || no) {
      node.kind = Kind::Bool;
      node.text = yes ? "true" : "false";
      return;
    }
  }
  wrong_type(node, path, "true or false", report);
}

void as_number(Node& node, const Path& path, Report& report, bool integer) {
  if (node.is_string()) {
    Node read;
    resolve_plain(base::trim(node.text), read);
    if (read.kind == Kind::Int || read.kind == Kind::Float) {
      node.kind = read.kind;
      node.text = read.text;
    }
  }
  if (node.kind == Kind::Float && integer && node.text.find_first_of(".e") == std::string::npos) {
    node.kind = Kind::Int;
  }
  if (node.kind == Kind::Int || (node.kind == Kind::Float && !integer)) return;
  wrong_type(node, path, integer ? "a whole number" : "a number", report);
}

void as_bytes(Node& node, const Path& path, Report& report) {
  if (node.kind != Kind::Int && !node.is_string()) {
    wrong_type(node, path, "a size such as 64m", report);
    return;
  }
  const auto bytes = parse_bytes(node.text);
  if (!bytes) {
    report.error(node.place, base::cat(path.str(), ": '", node.text, "' is not a size"),
                 "a size is a number with b, k, m or g: 64m, 1.5g");
    return;
  }
  node.kind = Kind::String;
  node.text = std::to_string(*bytes);
}

void as_duration(Node& node, const Path& path, Report& report) {
  const auto duration = node.is_string() ? parse_duration(node.text) : std::nullopt;
  if (!duration) {
    report.error(node.place,
                 base::cat(path.str(), ": ", node.is_scalar() ? "'" + node.text + "'" : "this",
                           " is not a duration"),
                 node.kind == Kind::Int
                     ? base::cat("give the unit: ", node.text, "s")
                     : std::string("a duration is a number with a unit: 500ms, 30s, 1m30s, 2h"));
    return;
  }
  if (duration->count() < 0) {
    report.error(node.place, base::cat(path.str(), ": a duration cannot be negative"));
    return;
  }
  node.text = duration_text(*duration);
}

void as_strings(Node& node, const Path& path, Report& report, bool numbers) {
  if (!node.is_sequence()) {
    wrong_type(node, path, "a list", report);
    return;
  }
  for (Node& item : node.children) {
    const bool fits =
        item.is_string() || (numbers && (item.kind == Kind::Int || item.kind == Kind::Float));
    if (fits) {
      item.kind = Kind::String;
    } else {
      wrong_type(item, path, numbers ? "a list of strings or numbers" : "a list of strings",
                 report);
    }
  }
}

void as_words(Node& node, const Path& path, Report& report) {
  if (node.is_null()) return;
  if (!node.is_string()) {
    if (!node.is_sequence()) {
      wrong_type(node, path, "a string or a list", report);
      return;
    }
    for (Node& item : node.children) {
      if (!item.is_string()) wrong_type(item, path, "a string", report);
    }
    return;
  }
  std::vector<std::string> words;
  if (!split_words(node.text, words)) {
    report.error(node.place, base::cat(path.str(), ": a quote is not closed"),
                 "write the command as a list: [\"program\", \"argument\"]");
    return;
  }
  node.kind = Kind::Sequence;
  node.text.clear();
  for (std::string& word : words)
    node.children.push_back(Node::string(std::move(word), node.place));
}

void as_mapping(Node& node, const Path& path, Report& report) {
  if (node.is_sequence()) {
    Node map = Node::map(node.place);
    map.tag = node.tag;
    for (Node& item : node.children) {
      if (!item.is_string()) {
        if (item.is_map() && item.children.size() == 1) {
          report.error(item.place,
                       base::cat(path.str(), ": an entry of the list is KEY=VALUE, not KEY: VALUE"),
                       "remove the dash, or write '=' for ': '");
        } else {
          wrong_type(item, path, "a list of KEY=VALUE", report);
        }
        continue;
      }
      const std::size_t equals = item.text.find('=');
      Node value = Node::scalar(Kind::Null, {}, item.place);
      if (equals != std::string::npos)
        value = Node::string(item.text.substr(equals + 1), item.place);
      map.set(std::string_view(item.text).substr(0, equals), std::move(value)).key_place =
          item.place;
    }
    map.key = std::move(node.key);
    map.key_place = node.key_place;
    node = std::move(map);
    return;
  }
  if (!node.is_map()) {
    wrong_type(node, path, "a mapping or a list of KEY=VALUE", report);
    return;
  }
  for (Node& child : node.children) {
    if (!child.is_scalar()) {
      wrong_type(child, Path{&path, child.key}, "a string or a number", report);
    } else if (!child.is_null()) {
      child.kind = Kind::String;
    }
  }
}

std::string host_entry(std::string_view name, std::string_view address) {
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  return base::cat(name, "=", address);
}

void as_hosts(Node& node, const Path& path, Report& report) {
  std::vector<Node> out;
  if (node.is_map()) {
    for (const Node& child : node.children) {
      if (child.is_sequence()) {
        for (const Node& address : child.children) {
          out.push_back(Node::string(host_entry(child.key, address.text), address.place));
        }
      } else if (child.is_string()) {
        out.push_back(Node::string(host_entry(child.key, child.text), child.place));
      } else {
        wrong_type(child, Path{&path, child.key}, "an address", report);
      }
    }
  } else if (node.is_sequence()) {
    for (const Node& item : node.children) {
      const std::size_t at =
          item.text.find('=') != std::string::npos ? item.text.find('=') : item.text.find(':');
      if (!item.is_string() || at == std::string::npos || at == 0) {
        report.error(item.place, base::cat(path.str(), ": '", item.text, "' is not NAME=ADDRESS"),
                     "for example \"db=10.0.0.5\" or \"host.docker.internal=host-gateway\"");
        continue;
      }
      const std::string_view text = item.text;
      for (const std::string& address : base::split(text.substr(at + 1), ',')) {
        out.push_back(Node::string(host_entry(text.substr(0, at), address), item.place));
      }
    }
  } else {
    wrong_type(node, path, "a list of NAME=ADDRESS or a mapping", report);
    return;
  }
  node.kind = Kind::Sequence;
  node.children = std::move(out);
}

void apply_field(Node& node, const Field& field, const Path& path, Report& report) {
  if (node.tag == Tag::Reset) return;
  if (node.is_null() && field.nullable) return;
  if (field.expand != nullptr) field.expand(node, path, report);
  switch (field.type) {
    case Type::Any:
      break;
    case Type::String:
      if (!node.is_string()) wrong_type(node, path, "a string", report);
      break;
    case Type::Scalar:
      if (node.is_scalar() && !node.is_null()) {
        node.kind = Kind::String;
      } else {
        wrong_type(node, path, "a string or a number", report);
      }
      break;
    case Type::Bool:
      as_bool(node, path, report);
      break;
    case Type::Int:
      as_number(node, path, report, true);
      break;
    case Type::Number:
      as_number(node, path, report, false);
      break;
    case Type::Bytes:
      as_bytes(node, path, report);
      break;
    case Type::Time:
      as_duration(node, path, report);
      break;
    case Type::Words:
      as_words(node, path, report);
      break;
    case Type::Strings:
      as_strings(node, path, report, false);
      break;
    case Type::Scalars:
      as_strings(node, path, report, true);
      break;
    case Type::StringOrList:
      if (node.is_string()) {
        Node item = Node::string(std::move(node.text), node.place);
        node.kind = Kind::Sequence;
        node.text.clear();
        node.children.push_back(std::move(item));
      } else if (!node.is_sequence()) {
        wrong_type(node, path, "a string or a list", report);
      } else {
        as_strings(node, path, report, false);
      }
      break;
    case Type::Mapping:
      as_mapping(node, path, report);
      break;
    case Type::Hosts:
      as_hosts(node, path, report);
      break;
    case Type::Object:
      apply_object(node, field.object(), path, report);
      break;
    case Type::ObjectMap:
      if (!node.is_map()) {
        wrong_type(node, path, "a mapping", report);
        break;
      }
      for (Node& child : node.children) {
        if (child.is_null() || child.tag == Tag::Reset) continue;
        const Path at{&path, child.key};
        if (field.expand_item != nullptr) field.expand_item(child, at, report);
        apply_object(child, field.object(), at, report);
      }
      break;
    case Type::ObjectList: {
      if (!node.is_sequence()) {
        wrong_type(node, path, "a list", report);
        break;
      }
      for (Node& child : node.children) {
        const std::size_t errors_before = report.errors();
        if (field.expand_item != nullptr) field.expand_item(child, path, report);
        if (report.errors() == errors_before) {
          apply_object(child, field.object(), path, report);
        }
      }
      break;
    }
  }
}

void unknown_key(const Node& child, const Object& object, const Path& path, Report& report) {
  std::vector<std::string> names;
  names.reserve(object.fields.size());
  for (const Field& field : object.fields) names.emplace_back(field.name);
  std::string hint = suggestion(child.key, names);
  if (hint.empty() && object.what == "the stack file" &&
      service_object().index.count(child.key) != 0) {
    hint = "this is a key of a service: put it below services: NAME:";
  }
  if (hint.empty() && object.what == "a service" && root_object().index.count(child.key) != 0) {
    hint = "this is a key of the stack file itself: put it at the left margin";
  }
  if (hint.empty()) hint = "keys of your own begin with x-";
  report.error(child.key_place,
               base::cat("unknown key '", child.key, "' in ", object.what,
                         path.up == nullptr ? "" : " (" + path.str() + ")"),
               std::move(hint));
}

void apply_object(Node& node, const Object& object, const Path& path, Report& report) {
  if (!node.is_map()) {
    wrong_type(node, path, "a mapping", report);
    return;
  }
  // Extensions are anchors' homes and other tools' notes: nothing of the model.
  std::erase_if(node.children, [&](const Node& child) {
    return base::starts_with(child.key, "x-") && !object.open && !path.name.empty();
  });
  for (Node& child : node.children) {
    const auto found = object.index.find(child.key);
    if (found != object.index.end()) {
      apply_field(child, *found->second, Path{path.name.empty() ? nullptr : &path, child.key},
                  report);
    } else if (!object.open && !base::starts_with(child.key, "x-")) {
      unknown_key(child, object, path, report);
    }
  }
}

void note_field(const Node& node, const Field& field, const Path& path, Report& report);

void note_object(const Node& node, const Object& object, const Path& path, Report& report) {
  for (const Node& child : node.children) {
    const auto found = object.index.find(child.key);
    if (found == object.index.end()) continue;
    note_field(child, *found->second, Path{path.name.empty() ? nullptr : &path, child.key}, report);
  }
}

void note_field(const Node& node, const Field& field, const Path& path, Report& report) {
  if (field.effect == Effect::None) {
    // A place of zero: the value was put there by a stage of ours.
    if (node.key_place.known()) {
      report.warning(node.key_place, base::cat(path.str(), " has no effect yet"));
    }
    return;
  }
  if (field.type == Type::Object) note_object(node, field.object(), path, report);
  if (field.type == Type::ObjectMap || field.type == Type::ObjectList) {
    for (const Node& child : node.children) {
      const Path at{&path, child.key};
      note_object(child, field.object(), field.type == Type::ObjectMap ? at : path, report);
    }
  }
}

void unique_object(Node& node, const Object& object);

void unique_field(Node& node, const Field& field) {
  if (field.identity != nullptr && node.is_sequence() && node.children.size() > 1) {
    std::unordered_map<std::string, std::size_t> seen;
    std::vector<Node> out;
    for (Node& child : node.children) {
      std::string name = field.identity(child);
      const auto [at, added] = seen.emplace(std::move(name), out.size());
      if (added) {
        out.push_back(std::move(child));
      } else {
        out[at->second] = std::move(child);
      }
    }
    node.children = std::move(out);
  }
  if (field.object == nullptr) return;
  if (field.type == Type::Object) unique_object(node, field.object());
  if (field.type == Type::ObjectMap) {
    for (Node& child : node.children) unique_object(child, field.object());
  }
}

void unique_object(Node& node, const Object& object) {
  for (Node& child : node.children) {
    const auto found = object.index.find(child.key);
    if (found != object.index.end()) unique_field(child, *found->second);
  }
}

}  // namespace

std::string Path::str() const {
  return up == nullptr || up->name.empty() ? std::string(name) : base::cat(up->str(), ".", name);
}

Object::Object(std::string_view what_, std::vector<Field> fields_, bool open_)
    : what(what_), fields(std::move(fields_)), open(open_) {
  for (const Field& field : fields) index.emplace(field.name, &field);
}

void canonicalise(Node& document, Report& report) {
  if (!document.is_map()) {
    report.error(document.place,
                 base::cat("a stack file is a mapping with the key services, this is ",
                           kind_name(document.kind)));
    return;
  }
  apply_object(document, root_object(), Path{}, report);
}

void enforce_unique(Node& document) {
  unique_object(document, root_object());
}

void warn_without_effect(const Node& document, Report& report) {
  note_object(document, root_object(), Path{}, report);
}

}  // namespace spec
