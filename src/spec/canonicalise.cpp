// canonicalise(): one document through the tables of the schema: unknown keys, short forms,
// types. What must be there is checked only once everything is merged.
#include "base/text.hpp"
#include "spec/casts.hpp"
#include "spec/schema.hpp"

namespace spec {
namespace {

void apply_object(Node& node, const Object& object, const Path& path, Report& report);

bool is_left_alone(const Node& node) {
  return node.tag == Tag::Reset || node.tag == Tag::Unresolved;
}

void apply_object_map(Node& node, const Field& field, const Path& path, Report& report) {
  if (!node.is_map()) {
    wrong_type(node, path, "a mapping", report);
    return;
  }
  for (Node& child : node.children) {
    if (is_left_alone(child) || (child.is_null() && field.items_nullable)) continue;
    const Path at{&path, child.key};
    if (field.expand_item != nullptr) field.expand_item(child, at, report);
    apply_object(child, field.object(), at, report);
  }
}

void apply_object_list(Node& node, const Field& field, const Path& path, Report& report) {
  if (!node.is_sequence()) {
    wrong_type(node, path, "a list", report);
    return;
  }
  for (Node& child : node.children) {
    if (is_left_alone(child)) continue;
    const std::size_t errors_before = report.errors();
    if (field.expand_item != nullptr) field.expand_item(child, path, report);
    if (report.errors() == errors_before) apply_object(child, field.object(), path, report);
  }
}

void check_choice(const Node& node, const Field& field, const Path& path, Report& report) {
  const std::vector<std::string> choices = base::split(field.choices, '|');
  for (const std::string& choice : choices) {
    if (node.text == choice) return;
  }
  std::string hint = suggestion(node.text, choices);
  if (hint.empty()) {
    const std::string& last = choices.back();
    for (std::size_t i = 0; i + 1 < choices.size(); ++i) hint += (i == 0 ? "" : ", ") + choices[i];
    hint += (hint.empty() ? "" : " or ") + last;
  }
  report.error(node.place, base::cat(path.str(), ": '", node.text, "' is not known"),
               std::move(hint));
}

void apply_field(Node& node, const Field& field, const Path& path, Report& report) {
  if (is_left_alone(node) || (node.is_null() && field.nullable)) return;
  const std::size_t errors_before = report.errors();
  if (field.expand != nullptr) field.expand(node, path, report);
  if (report.errors() != errors_before && !node.is_map()) return;
  switch (field.type) {
    case Type::Any:
      break;
    case Type::String:
      if (!node.is_string()) {
        wrong_type(node, path, "a string", report);
      } else if (!field.choices.empty()) {
        check_choice(node, field, path, report);
      }
      break;
    case Type::Scalar:
      if (node.is_scalar() && !node.is_null()) {
        node.kind = Kind::String;
      } else {
        wrong_type(node, path, "a string or a number", report);
      }
      break;
    case Type::Bool:
      return as_bool(node, path, report);
    case Type::Int:
      return as_integer(node, path, report);
    case Type::Number:
      return as_number(node, path, report);
    case Type::Bytes:
      return as_bytes(node, path, report);
    case Type::Time:
      return as_duration(node, path, report);
    case Type::FileMode:
      return as_file_mode(node, path, report);
    case Type::Words:
      return as_words(node, path, report);
    case Type::Strings:
      return as_list(node, path, report, Items::Text);
    case Type::Scalars:
      return as_list(node, path, report, Items::TextOrNumber);
    case Type::StringOrList:
      if (node.is_string()) {
        Node item = Node::string(std::move(node.text), node.place);
        node.kind = Kind::Sequence;
        node.text.clear();
        node.children.push_back(std::move(item));
      } else if (!node.is_sequence()) {
        wrong_type(node, path, "a string or a list", report);
      } else {
        as_list(node, path, report, Items::Text);
      }
      break;
    case Type::Mapping:
      return as_mapping(node, path, report, Nulls::Emptied);
    case Type::Variables:
      return as_mapping(node, path, report, Nulls::Kept);
    case Type::Options:
      return as_options(node, path, report);
    case Type::Hosts:
      return as_hosts(node, path, report);
    case Type::Object:
      return apply_object(node, field.object(), path, report);
    case Type::ObjectMap:
      return apply_object_map(node, field, path, report);
    case Type::ObjectList:
      return apply_object_list(node, field, path, report);
  }
}

void apply_object(Node& node, const Object& object, const Path& path, Report& report) {
  if (!node.is_map()) {
    wrong_type(node, path, "a mapping", report);
    return;
  }
  for (Node& child : node.children) {
    if (const Field* field = object.find(child.key)) {
      apply_field(child, *field, Path{path.name.empty() ? nullptr : &path, child.key}, report);
    } else if (!base::starts_with(child.key, "x-")) {
      unknown_key(child, object, path, report);
    }
  }
}

}  // namespace

void unknown_key(const Node& child, const Object& object, const Path& path, Report& report) {
  if (report.full()) return report.error(child.key_place, {});
  std::vector<std::string> names;
  names.reserve(object.fields.size());
  for (const Field& field : object.fields) names.emplace_back(field.name);
  std::string hint = suggestion(child.key, names);
  if (hint.empty() && &object == &root_object() && service_object().find(child.key) != nullptr) {
    hint = "this is a key of a service: put it below services: NAME:";
  }
  if (hint.empty() && &object == &service_object() && root_object().find(child.key) != nullptr) {
    hint = "this is a key of the stack file itself: put it at the left margin";
  }
  if (hint.empty()) hint = "keys of your own begin with x-";
  report.error(child.key_place,
               base::cat("unknown key '", child.key, "' in ", object.what,
                         path.up == nullptr ? "" : " (" + path.str() + ")"),
               std::move(hint));
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

}  // namespace spec
