// What the tables of the schema say about a whole, merged document: uniqueness, what must be
// there, what says nothing, what has no effect.
#include "base/text.hpp"
#include "spec/schema.hpp"

namespace spec {
namespace {

void unique_object(Node& node, const Object& object, const Path& path, Report& report);

void unique_list(Node& node, const Field& field, const Path& path, Report& report) {
  std::unordered_map<std::string, std::size_t> seen;
  std::vector<Node> out;
  for (Node& child : node.children) {
    const auto [at, added] = seen.emplace(field.identity(child), out.size());
    if (!added && field.repeated == Repeated::LaterWins) {
      out[at->second] = std::move(child);
      continue;
    }
    if (!added) {
      report.error(child.place, base::cat(path.str(), ": '", child.text, "' is given twice"),
                   "keep one of the two", {{out[at->second].place, "first given here"}});
    }
    out.push_back(std::move(child));
  }
  node.children = std::move(out);
}

void unique_object(Node& node, const Object& object, const Path& path, Report& report) {
  for (Node& child : node.children) {
    const Field* field = object.find(child.key);
    if (field == nullptr) continue;
    const Path at{&path, child.key};
    if (field->repeated != Repeated::Kept && child.is_sequence() && child.children.size() > 1) {
      unique_list(child, *field, at, report);
    }
    if (field->object == nullptr) continue;
    if (field->type == Type::Object) {
      unique_object(child, field->object(), at, report);
    } else {
      for (Node& item : child.children) {
        unique_object(item, field->object(), Path{&at, item.key}, report);
      }
    }
  }
}

void complete_object(const Node& node, const Object& object, const Path& path, Report& report) {
  if (!node.is_map()) return;
  for (const Field& field : object.fields) {
    if (!field.required) continue;
    const Node* child = node.find(field.name);
    if (child != nullptr && !child->is_null()) continue;
    report.error(
        node.key_place.known() ? node.key_place : node.place,
        base::cat(path.str(), ": ", object.what, " needs the key ", field.name),
        field.choices.empty()
            ? std::string()
            : base::cat(field.name, ": ", base::join(base::split(field.choices, '|'), ", ")));
  }
  for (const Node& child : node.children) {
    const Field* field = object.find(child.key);
    if (field == nullptr || field->object == nullptr) continue;
    const Path at{path.name.empty() ? nullptr : &path, child.key};
    if (field->type == Type::Object) {
      complete_object(child, field->object(), at, report);
    } else {
      for (const Node& item : child.children) {
        const Path below{&at, item.key};
        complete_object(item, field->object(), item.key.empty() ? at : below, report);
      }
    }
  }
}

bool says_nothing(const Node& node) {
  switch (node.kind) {
    case Kind::Null:
      return false;
    case Kind::Bool:
      return node.text == "false";
    case Kind::Int:
    case Kind::Float:
      return node.text == "0";
    case Kind::String:
      return node.text.empty();
    case Kind::Sequence:
    case Kind::Map:
      return node.children.empty();
  }
  return false;
}

bool is_zero(const Node& node, Type type) {
  if (says_nothing(node)) return true;
  return (type == Type::Bytes && node.text == "0") || (type == Type::Time && node.text == "0s");
}

void tidy_object(Node& node, const Object& object) {
  for (Node& child : node.children) {
    const Field* field = object.find(child.key);
    if (field == nullptr || field->object == nullptr) continue;
    if (field->type == Type::Object) {
      tidy_object(child, field->object());
    } else {
      for (Node& item : child.children) tidy_object(item, field->object());
    }
  }
  std::erase_if(node.children, [&](const Node& child) {
    const Field* field = object.find(child.key);
    // An empty object is kept: its mere presence may say something (bind, healthcheck).
    return field != nullptr && !field->zero_shown && field->type != Type::Object &&
           field->type != Type::ObjectMap && is_zero(child, field->type);
  });
}

void note_object(const Node& node, const Object& object, const Path& path, Report& report);

void note_field(const Node& node, const Field& field, const Path& path, Report& report) {
  if (field.effect == Effect::None) {
    // A default of ours is nobody's wish.
    if (node.key_place.known() && node.via != Via::Default) {
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

void note_object(const Node& node, const Object& object, const Path& path, Report& report) {
  for (const Node& child : node.children) {
    if (const Field* field = object.find(child.key)) {
      note_field(child, *field, Path{path.name.empty() ? nullptr : &path, child.key}, report);
    }
  }
}

}  // namespace

void enforce_unique(Node& document, Report& report) {
  unique_object(document, root_object(), Path{}, report);
}

void check_complete(const Node& document, Report& report) {
  complete_object(document, root_object(), Path{}, report);
}

void tidy(Node& document) {
  tidy_object(document, root_object());
}

void warn_without_effect(const Node& document, Report& report) {
  note_object(document, root_object(), Path{}, report);
}

}  // namespace spec
