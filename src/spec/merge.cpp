#include "spec/merge.hpp"

#include "spec/schema.hpp"

namespace spec {
namespace {

void merge_object(Node& base, Node& over, const Object& object);

void append(Node& base, Node& over) {
  for (Node& item : over.children) base.children.push_back(std::move(item));
}

void replace(Node& base, Node& over) {
  std::string key = std::move(base.key);
  base = std::move(over);
  base.key = std::move(key);
}

// A dropped value stays as a mark: a file before this one may have it too.
void drop(Node& base, const Node& reset) {
  base.tag = Tag::Reset;
  base.kind = Kind::Null;
  base.text.clear();
  base.children.clear();
  base.place = reset.place;
}

// True when the tags decided.
bool merge_tagged(Node& base, Node& over) {
  if (over.tag == Tag::Reset) {
    drop(base, over);
  } else if (over.tag == Tag::Override || base.tag == Tag::Reset) {
    replace(base, over);
  } else {
    return false;
  }
  return true;
}

template <class MergeChild>
void merge_children(Node& base, Node& over, MergeChild merge_child) {
  KeyIndex index(base);
  for (Node& child : over.children) {
    Node* mine = index.find(child.key);
    if (mine == nullptr) {
      index.add(std::move(child));
    } else if (!merge_tagged(*mine, child)) {
      merge_child(*mine, child);
    }
  }
}

void merge_any(Node& base, Node& over) {
  if (over.is_null()) return;
  if (base.is_map() && over.is_map()) {
    merge_children(base, over, merge_any);
  } else if (base.is_sequence() && over.is_sequence()) {
    append(base, over);
  } else {
    replace(base, over);
  }
}

// Pools of one subnet are merged; those that the later file does not name are gone.
void merge_pools(Node& base, Node& over) {
  for (Node& pool : over.children) {
    for (Node& mine : base.children) {
      if (mine.text_of("subnet") != pool.text_of("subnet")) continue;
      merge_any(mine, pool);
      pool = std::move(mine);
      break;
    }
  }
  base.children = std::move(over.children);
}

void merge_field(Node& base, Node& over, const Field& field) {
  if (over.is_null() && field.type != Type::Words) return;
  if (base.kind != over.kind) return replace(base, over);
  switch (field.type) {
    case Type::String:
    case Type::Scalar:
    case Type::Bool:
    case Type::Int:
    case Type::Number:
    case Type::Bytes:
    case Type::Time:
    case Type::FileMode:
    case Type::Words:
      return replace(base, over);
    case Type::Strings:
    case Type::Scalars:
    case Type::StringOrList:
    case Type::Hosts:
      return append(base, over);
    case Type::ObjectList:
      return field.name == "config" ? merge_pools(base, over) : append(base, over);
    case Type::Mapping:
    case Type::Variables:
    case Type::Options:
      return merge_children(base, over, replace);
    case Type::Object:
      // Options of one logging driver mean nothing to another.
      if (field.name == "logging" && over.find("driver") != nullptr &&
          base.find("driver") != nullptr && base.text_of("driver") != over.text_of("driver")) {
        return replace(base, over);
      }
      return merge_object(base, over, field.object());
    case Type::ObjectMap:
      return merge_children(base, over, [&](Node& mine, Node& child) {
        if (child.is_null()) return;
        if (mine.kind != child.kind) return replace(mine, child);
        merge_object(mine, child, field.object());
      });
    case Type::Any:
      return merge_any(base, over);
  }
}

void merge_object(Node& base, Node& over, const Object& object) {
  merge_children(base, over, [&](Node& mine, Node& child) {
    if (const Field* field = object.find(child.key)) {
      merge_field(mine, child, *field);
    } else {
      merge_any(mine, child);
    }
  });
}

}  // namespace

void merge(Node& base, Node over) {
  merge_object(base, over, root_object());
}

void merge_service(Node& base, Node over) {
  merge_object(base, over, service_object());
}

void settle_tags(Node& document) {
  document.tag = Tag::None;
  std::erase_if(document.children, [](const Node& child) { return child.tag == Tag::Reset; });
  for (Node& child : document.children) settle_tags(child);
}

bool same_value(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.children.size() != b.children.size()) return false;
  for (std::size_t i = 0; i < a.children.size(); ++i) {
    const Node* other = a.is_map() ? b.find(a.children[i].key) : &b.children[i];
    if (other == nullptr || !same_value(a.children[i], *other)) return false;
  }
  return true;
}

}  // namespace spec
