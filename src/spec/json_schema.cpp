#include "spec/json_schema.hpp"

#include <map>

#include "base/json.hpp"
#include "spec/schema.hpp"

namespace spec {
namespace {

using Json = nlohmann::ordered_json;

Json any_of(std::initializer_list<Json> choices) {
  return {{"anyOf", Json(Json::array_t(choices))}};
}
Json types(std::initializer_list<const char*> names) {
  Json list = Json::array();
  for (const char* name : names) list.push_back(name);
  return {{"type", std::move(list)}};
}
Json text() {
  return {{"type", "string"}};
}
Json list_of(Json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}
Json map_of(Json values) {
  return {{"type", "object"}, {"additionalProperties", std::move(values)}};
}
Json scalar_or_null() {
  return types({"string", "number", "boolean", "null"});
}

class SchemaWriter {
 public:
  Json run() {
    Json out{{"$schema", "http://json-schema.org/draft-07/schema#"},
             {"title", "A stack file: the Compose Specification"}};
    out.update(object(root_object()));
    out["definitions"] = std::move(definitions_);
    return out;
  }

 private:
  Json object(const Object& described) {
    Json properties = Json::object();
    for (const Field& field : described.fields) {
      properties[std::string(field.name)] = described_field(field);
    }
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"patternProperties", {{"^x-", Json::object()}}},
            {"additionalProperties", false}};
  }

  // Each object once, below "definitions".
  Json reference(ObjectRef of) {
    const Object& described = of();
    auto [at, added] = names_.emplace(&described, std::string());
    if (added) {
      std::string name;
      for (const char c : described.what) {
        const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        name += word ? c : '_';
      }
      while (definitions_.contains(name)) name += '_';
      at->second = name;
      definitions_[name] = Json::object();
      definitions_[name] = object(described);
    }
    return {{"$ref", "#/definitions/" + names_.at(&described)}};
  }

  Json described_field(const Field& field) {
    Json out = shape(field);
    if (field.nullable && !out.empty()) out = any_of({std::move(out), {{"type", "null"}}});
    if (field.effect == Effect::None) out["description"] = "has no effect yet";
    return out;
  }

  static Json choices(std::string_view names) {
    Json list = Json::array();
    for (const std::string& name : base::split(names, '|')) list.push_back(name);
    return any_of({{{"enum", std::move(list)}}, {{"type", "string"}, {"pattern", "\\$"}}});
  }

  Json shape(const Field& field) {
    switch (field.type) {
      case Type::String:
      case Type::Time:
        return field.choices.empty() ? text() : choices(field.choices);
      case Type::Scalar:
        return types({"string", "number", "boolean"});
      case Type::Bool:
        return types({"boolean", "string"});
      case Type::Int:
      case Type::Bytes:
      case Type::FileMode:
        return types({"integer", "string"});
      case Type::Number:
        return types({"number", "string"});
      case Type::Words:
      case Type::StringOrList:
        return any_of({text(), list_of(text())});
      case Type::Strings:
        return list_of(text());
      case Type::Scalars:
        return list_of(types({"string", "number"}));
      case Type::Mapping:
      case Type::Variables:
        return any_of({map_of(scalar_or_null()), list_of(text())});
      case Type::Options:
        return map_of(types({"string", "number"}));
      case Type::Hosts:
        return any_of({map_of(any_of({text(), list_of(text())})), list_of(text())});
      case Type::Object:
        return field.expand == nullptr ? reference(field.object)
                                       : any_of({reference(field.object), text()});
      case Type::ObjectMap:
        return object_map(field);
      case Type::ObjectList:
        return object_list(field);
      case Type::Any:
        return Json::object();
    }
    return Json::object();
  }

  // A mapping with a short form may also be a list of names.
  Json object_map(const Field& field) {
    Json values = reference(field.object);
    if (field.expand_item != nullptr) values = any_of({std::move(values), text()});
    if (field.items_nullable) values = any_of({std::move(values), {{"type", "null"}}});
    Json out = map_of(std::move(values));
    return field.expand == nullptr ? out : any_of({std::move(out), list_of(text())});
  }

  // A list whose items have a short form; one with a short form itself may be a single text.
  Json object_list(const Field& field) {
    Json items = reference(field.object);
    if (field.expand_item != nullptr) {
      items = any_of({std::move(items), types({"string", "number"})});
    }
    Json out = list_of(std::move(items));
    return field.expand == nullptr ? out : any_of({std::move(out), text()});
  }

  Json definitions_ = Json::object();
  std::map<const Object*, std::string> names_;
};

}  // namespace

std::string json_schema() {
  return SchemaWriter().run().dump(2) + "\n";
}

}  // namespace spec
