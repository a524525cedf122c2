#include "spec/merge.hpp"

#include "spec/schema.hpp"

namespace spec {
namespace {

void merge_object(Node& base, Node& over, const Object& object);

void append(Node& base, Node& over) {
  for (Node& item : over.children) base.children.push_back(std::move(item));
}

void replace(Node& base, Node& over) {
  Node old = std::move(base);
  base = std::move(over);
  base.key = std::move(old.key);
}

void merge_any(Node& base, Node& over) {
  if (base.is_map() && over.is_map()) {
    for (Node& child : over.children) {
      Node* mine = base.find(child.key);
      if (mine == nullptr) {
        base.children.push_back(std::move(child));
      } else {
        merge_any(*mine, child);
      }
    }
  } else if (base.is_sequence() && over.is_sequence()) {
    append(base, over);
  } else {
    replace(base, over);
  }
}

void merge_field(Node& base, Node& over, const Field& field) {
  if (over.is_null()) return;
  if (base.kind != over.kind) return replace(base, over);
  switch (field.type) {
    case Type::String:
    case Type::Scalar:
    case Type::Bool:
    case Type::Int:
    case Type::Number:
    case Type::Bytes:
    case Type::Time:
    case Type::Words:
      return replace(base, over);
    case Type::Strings:
    case Type::Scalars:
    case Type::StringOrList:
    case Type::Hosts:
    case Type::ObjectList:
      return append(base, over);
    case Type::Mapping:
      for (Node& child : over.children) {
        const std::string key = child.key;
        base.set(key, std::move(child));
      }
      return;
    case Type::Object:
      // Options of one logging driver mean nothing to another.
      if (field.name == "logging" && over.find("driver") != nullptr &&
          base.find("driver") != nullptr && base.text_of("driver") != over.text_of("driver")) {
        return replace(base, over);
      }
      return merge_object(base, over, field.object());
    case Type::ObjectMap:
      for (Node& child : over.children) {
        Node* mine = base.find(child.key);
        if (child.tag == Tag::Reset) {
          if (mine != nullptr) base.erase(child.key);
        } else if (mine == nullptr) {
          base.children.push_back(std::move(child));
        } else if (child.tag == Tag::Override || mine->kind != child.kind) {
          if (!child.is_null()) replace(*mine, child);
        } else {
          merge_object(*mine, child, field.object());
        }
      }
      return;
    case Type::Any:
      return merge_any(base, over);
  }
}

void merge_object(Node& base, Node& over, const Object& object) {
  for (Node& child : over.children) {
    Node* mine = base.find(child.key);
    if (child.tag == Tag::Reset) {
      base.erase(child.key);
    } else if (mine == nullptr) {
      base.children.push_back(std::move(child));
    } else if (child.tag == Tag::Override) {
      replace(*mine, child);
    } else if (const auto found = object.index.find(child.key); found != object.index.end()) {
      merge_field(*mine, child, *found->second);
    } else {
      merge_any(*mine, child);
    }
  }
}

}  // namespace

void merge(Node& base, Node over) {
  merge_object(base, over, root_object());
}

void settle_tags(Node& document) {
  document.tag = Tag::None;
  std::erase_if(document.children, [](const Node& child) { return child.tag == Tag::Reset; });
  for (Node& child : document.children) settle_tags(child);
}

}  // namespace spec
