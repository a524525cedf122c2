// Node: the document tree of a stack file, every key and value with its place. Built once by the
// parser and refined in place by the stages (interpolate, canonicalise, merge, normalise); the
// last form is the canonical model. Knows YAML's scalar kinds, nothing of Compose.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spec/place.hpp"

namespace spec {

enum class Kind : std::uint8_t { Null, Bool, Int, Float, String, Sequence, Map };
// !reset drops what earlier files say, !override replaces it (13-merge.md).
// Unresolved: without interpolation, a text with a variable, of any type.
enum class Tag : std::uint8_t { None, Reset, Override, Unresolved };
// How a value got where it is, beyond being written there; what tells a file's part is its place.
enum class Via : std::uint8_t { Text, Alias, MergeKey, Extends, EnvFile, Environment, Default };

struct Node {
  Kind kind = Kind::Null;
  Tag tag = Tag::None;
  Via via = Via::Text;
  bool block = false;  // a literal or folded scalar: its text does not start at its place
  std::string text;    // scalar, canonical: "511" for 0777
  std::string key;     // in a map
  Place place;
  Place key_place;
  Place via_place;  // of the alias, the merge key, the extends, the line of the env_file
  std::vector<Node> children;

  [[nodiscard]] bool is_map() const { return kind == Kind::Map; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::Sequence; }
  [[nodiscard]] bool is_string() const { return kind == Kind::String; }
  [[nodiscard]] bool is_null() const { return kind == Kind::Null; }
  [[nodiscard]] bool is_scalar() const { return kind < Kind::Sequence; }
  [[nodiscard]] bool is_true() const { return kind == Kind::Bool && text == "true"; }

  // The child of a map, or nullptr (also when this is no map).
  [[nodiscard]] const Node* find(std::string_view name) const;
  [[nodiscard]] Node* find(std::string_view name);
  // Text of a scalar child, empty when absent.
  [[nodiscard]] std::string text_of(std::string_view name) const;
  // Adds or replaces a child of a map. The reference lives until the next change of children.
  Node& set(std::string_view name, Node value);
  bool erase(std::string_view name);
  // Takes over key and tag of the value that this one stands for.
  void take_name_of(const Node& old);

  static Node scalar(Kind kind, std::string text, Place place);
  static Node string(std::string text, Place place);
  static Node map(Place place);
  static Node sequence(Place place);
  // A default of ours, not written anywhere; `place` is where it would be.
  static Node implied(Kind kind, std::string text, Place place);
};

// Finds children of a mapping by key: a search for small ones, a hash for large ones.
class KeyIndex {
 public:
  explicit KeyIndex(Node& map);
  [[nodiscard]] Node* find(const std::string& key);
  void add(Node child);  // its key is not there yet

 private:
  Node& map_;
  std::unordered_map<std::string, std::size_t> places_;
};

// What people call the kind: "a string", "a list".
std::string_view kind_name(Kind kind);

// Gives a plain scalar its kind and canonical text by the rules docker compose has (go-yaml v3:
// YAML 1.2 plus 0777 octals and 1_000; yes/no stay strings).
void resolve_plain(std::string_view plain, Node& node);

// Shortest text of a number as Go prints it: 1.5, 1e+06.
std::string number_text(double value);

}  // namespace spec
