// Schema: every key of the Compose Specification as a table: its type, whether it has an effect
// here, its short form. canonicalise() applies it to a document: unknown keys, wrong types,
// casts, short to long. To add a key: add a row in schema_*.cpp; to honour it, read it in
// resolve_*.cpp and change its row from kNone to kYes.
// Source: https://github.com/compose-spec/compose-spec, schema/compose-spec.json.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spec/node.hpp"
#include "spec/report.hpp"

namespace spec {

enum class Type : std::uint8_t {
  String,
  Scalar,        // string, number or boolean; becomes a string
  Bool,          // or its text
  Int,           // or its text
  Number,        // or its text
  Bytes,         // 64m; becomes the number of bytes as a string
  Time,          // 1m30s; becomes what Go prints
  Words,         // a list of strings, or one string taken apart as a shell does
  Strings,       // a list of strings
  Scalars,       // a list of strings or numbers; becomes strings
  StringOrList,  // becomes a list
  Mapping,       // a mapping of scalars, or a list of KEY=VALUE; becomes a mapping of strings
  Hosts,         // extra_hosts: becomes a list of NAME=ADDRESS
  Object,
  ObjectMap,  // names to objects
  ObjectList,
  Any,
};

enum class Effect : std::uint8_t { Yes, None };
inline constexpr Effect kYes = Effect::Yes;
inline constexpr Effect kNone = Effect::None;

struct Object;
using ObjectRef = const Object& (*)();

// Where a value is, for messages: "services.web.ports"; built only when one is written.
struct Path {
  const Path* up = nullptr;
  std::string_view name;
  [[nodiscard]] std::string str() const;
};

using Expand = void (*)(Node& node, const Path& path, Report& report);
using Identity = std::string (*)(const Node& item);

struct Field {
  std::string_view name;
  Type type = Type::Any;
  Effect effect = Effect::None;
  ObjectRef object = nullptr;
  Expand expand = nullptr;       // short form of the whole value, before its type is checked
  Expand expand_item = nullptr;  // of each item of a list or mapping
  Identity identity = nullptr;   // lists: of two items with the same one the later wins
  bool nullable = false;
};

struct Object {
  Object(std::string_view what_, std::vector<Field> fields_, bool open_ = false);
  std::string_view what;
  std::vector<Field> fields;
  bool open;  // any further key is a value of its own
  std::unordered_map<std::string_view, const Field*> index;

  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
};

const Object& root_object();
const Object& service_object();
const Object& build_object();
const Object& deploy_object();
const Object& develop_object();
const Object& port_object();
const Object& mount_object();

// Checks and refines a document; it is fit for merging when nothing was reported.
void canonicalise(Node& document, Report& report);
// Lists with an identity: the later of two equal items replaces the earlier.
void enforce_unique(Node& document);
// One warning for every key that has no effect yet.
void warn_without_effect(const Node& document, Report& report);

}  // namespace spec
