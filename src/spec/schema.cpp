#include "spec/schema.hpp"

#include "base/text.hpp"

namespace spec {

Field Field::honoured() const {
  Field out = *this;
  out.effect = Effect::Yes;
  return out;
}
Field Field::of(ObjectRef items) const {
  Field out = *this;
  out.object = items;
  return out;
}
Field Field::form(Expand whole) const {
  Field out = *this;
  out.expand = whole;
  return out;
}
Field Field::item_form(Expand item) const {
  Field out = *this;
  out.expand_item = item;
  return out;
}
Field Field::unique(Identity by) const {
  Field out = *this;
  out.identity = by;
  out.repeated = Repeated::LaterWins;
  return out;
}
Field Field::no_repeats() const {
  Field out = *this;
  out.identity = [](const Node& item) { return item.text; };
  out.repeated = Repeated::Refused;
  return out;
}
Field Field::one_of(std::string_view values) const {
  Field out = *this;
  out.choices = values;
  return out;
}
Field Field::or_null() const {
  Field out = *this;
  out.nullable = true;
  return out;
}
Field Field::null_items() const {
  Field out = *this;
  out.items_nullable = true;
  return out;
}
Field Field::needed() const {
  Field out = *this;
  out.required = true;
  return out;
}
Field Field::shown_zero() const {
  Field out = *this;
  out.zero_shown = true;
  return out;
}

Field Field::json(std::string_view other) const {
  Field out = *this;
  out.json_name = other;
  return out;
}

Object::Object(std::string_view what_, std::vector<Field> fields_)
    : what(what_), fields(std::move(fields_)) {
  for (const Field& field : fields) index.emplace(field.name, &field);
}

const Field* Object::find(std::string_view name) const {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

std::string Path::str() const {
  return up == nullptr || up->name.empty() ? std::string(name) : base::cat(up->str(), ".", name);
}

}  // namespace spec
