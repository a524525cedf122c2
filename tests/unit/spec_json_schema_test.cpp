// The JSON Schema names every key of the tables, once an object, and is what draft-07 allows.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "spec/json_schema.hpp"
#include "spec/schema.hpp"

namespace spec {
namespace {

// Every object below `object`, seen once.
void collect(const Object& object, std::vector<const Object*>& out) {
  for (const Object* seen : out) {
    if (seen == &object) return;
  }
  out.push_back(&object);
  for (const Field& field : object.fields) {
    if (field.object != nullptr) collect(field.object(), out);
  }
}

TEST(JsonSchema, NamesEveryKey) {
  const nlohmann::json schema = nlohmann::json::parse(json_schema());
  std::vector<const Object*> objects;
  collect(root_object(), objects);
  EXPECT_GT(objects.size(), 30U);
  EXPECT_EQ(schema.at("definitions").size() + 1, objects.size());
  const auto described = [&](const Object& object) {
    const auto is_it = [&](const nlohmann::json& one) {
      const nlohmann::json& properties = one.at("properties");
      if (properties.size() != object.fields.size()) return false;
      for (const Field& field : object.fields) {
        if (!properties.contains(std::string(field.name))) return false;
      }
      return !one.at("additionalProperties").get<bool>();
    };
    if (is_it(schema)) return true;
    for (const auto& one : schema.at("definitions")) {
      if (is_it(one)) return true;
    }
    return false;
  };
  for (const Object* object : objects) EXPECT_TRUE(described(*object)) << object->what;
}

// Every $ref leads somewhere.
void check_references(const nlohmann::json& node, const nlohmann::json& definitions) {
  if (node.is_object() && node.contains("$ref")) {
    const std::string to = node.at("$ref").get<std::string>();
    EXPECT_TRUE(definitions.contains(to.substr(to.rfind('/') + 1))) << to;
  }
  if (!node.is_structured()) return;
  for (const auto& child : node) check_references(child, definitions);
}

TEST(JsonSchema, ReferencesLeadSomewhere) {
  const nlohmann::json schema = nlohmann::json::parse(json_schema());
  check_references(schema, schema.at("definitions"));
  const nlohmann::json& service = schema.at("definitions").at("a_service").at("properties");
  EXPECT_EQ(service.at("image").at("type"), "string");
  EXPECT_TRUE(service.at("command").contains("anyOf"));
}

}  // namespace
}  // namespace spec
