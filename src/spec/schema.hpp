// Schema: every key of the Compose Specification as a table: its type, whether it has an effect
// here, its short form. canonicalise() applies it to a document: unknown keys, wrong types,
// casts, short to long. To add a key: add a row in schema_*.cpp; to honour it, read it in
// resolve_*.cpp and add .honoured() to its row.
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
  FileMode,      // 0440 or "0440"; becomes the octal text
  Words,         // a list of strings, or one string taken apart as a shell does
  Strings,       // a list of strings
  Scalars,       // a list of strings or numbers; becomes strings
  StringOrList,  // becomes a list
  Mapping,       // a mapping of scalars, or a list of KEY=VALUE; becomes a mapping of strings
  Variables,     // the same, but a key without value stays without one
  Options,       // a mapping of strings or numbers; becomes a mapping of strings
  Hosts,         // extra_hosts: becomes a list of NAME=ADDRESS
  Object,
  ObjectMap,  // names to objects
  ObjectList,
  Any,
};

enum class Effect : std::uint8_t { Yes, None };

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

// What happens to two items of a list that say the same.
enum class Repeated : std::uint8_t { Kept, LaterWins, Refused };

struct Field {
  std::string_view name;
  Type type = Type::Any;
  Effect effect = Effect::None;
  ObjectRef object = nullptr;
  Expand expand = nullptr;       // short form of the whole value, before its type is checked
  Expand expand_item = nullptr;  // of each item of a list or mapping
  Identity identity = nullptr;   // lists: what makes two items the same
  Repeated repeated = Repeated::Kept;
  std::string_view choices;  // "a|b": the only values
  bool nullable = false;
  bool items_nullable = false;  // ObjectMap: a name without a value
  bool required = false;        // checked once everything is merged
  std::string_view json_name;   // where JSON has another one than the file
  bool zero_shown = false;      // false, 0 and "" say something: config prints them

  // The rows of the tables are built by these.
  [[nodiscard]] Field honoured() const;
  [[nodiscard]] Field of(ObjectRef items) const;
  [[nodiscard]] Field form(Expand whole) const;
  [[nodiscard]] Field item_form(Expand item) const;
  [[nodiscard]] Field unique(Identity by) const;  // the later of two wins
  [[nodiscard]] Field no_repeats() const;         // two equal texts are an error
  [[nodiscard]] Field one_of(std::string_view values) const;
  [[nodiscard]] Field or_null() const;
  [[nodiscard]] Field null_items() const;
  [[nodiscard]] Field needed() const;
  [[nodiscard]] Field shown_zero() const;
  [[nodiscard]] Field json(std::string_view name) const;
};

struct Object {
  Object(std::string_view what_, std::vector<Field> fields_);
  std::string_view what;
  std::vector<Field> fields;
  std::unordered_map<std::string_view, const Field*> index;
  [[nodiscard]] const Field* find(std::string_view name) const;

  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
};

const Object& root_object();
const Object& service_object();
const Object& build_object();
const Object& deploy_object();
const Object& develop_object();
const Object& gpu_object();
const Object& port_object();
const Object& mount_object();
const Object& hook_object();
const Object& step_object();
const Object& file_reference_object();
const Object& extends_object();
const Object& include_object();

// Checks and refines a document; it is fit for merging when nothing was reported.
void canonicalise(Node& document, Report& report);
// Lists with an identity: the later of two equal items replaces the earlier. Errors for repeats
// that are refused.
void enforce_unique(Node& document, Report& report);
// What must be there once everything is merged.
void check_complete(const Node& document, Report& report);
// Removes what says nothing: false, 0, "" and empty lists where they are the default.
void tidy(Node& document);
// One warning for every key that has no effect yet.
void warn_without_effect(const Node& document, Report& report);

// "unknown key", with the nearest known one or where the key belongs.
void unknown_key(const Node& child, const Object& object, const Path& path, Report& report);

}  // namespace spec
