#include "planner/changes.hpp"

#include <algorithm>

#include "planner/codec.hpp"

namespace planner {

using base::cat;
using nlohmann::json;

const std::vector<std::string>& in_place_fields() {
  static const std::vector<std::string> fields = {
      "depends_on",
      "healthcheck",
      "labels",
      "limits",
      "logging",
      "post_start",
      "pre_stop",
      "restart",
      "restart_unhealthy",
      "stop_grace_period",
      "networks.*.aliases",
  };
  return fields;
}

namespace {

Effect effect_of(const std::string& field) {
  const auto& fields = in_place_fields();
  return std::find(fields.begin(), fields.end(), field) != fields.end() ? Effect::InPlace
                                                                        : Effect::Replace;
}

std::string shown(const json* value) {
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? value->get<std::string>() : value->dump();
}

class Comparison {
 public:
  std::vector<Change> run(const json& before, const json& after) {
    std::map<std::string, bool> keys;
    for (const auto& item : before.items()) keys.emplace(item.key(), true);
    for (const auto& item : after.items()) keys.emplace(item.key(), true);
    for (const auto& entry : keys) {
      const std::string& key = entry.first;
      const json* old_value = find(before, key);
      const json* new_value = find(after, key);
      if (same(old_value, new_value)) continue;
      compare_field(key, old_value, new_value);
    }
    return std::move(out_);
  }

 private:
  static const json* find(const json& object, const std::string& key) {
    const auto at = object.find(key);
    return at == object.end() ? nullptr : &*at;
  }
  static bool same(const json* a, const json* b) {
    return a == nullptr || b == nullptr ? a == b : *a == *b;
  }

  void add(const std::string& field, const json* before, const json* after, Effect effect) {
    const char* what = before == nullptr ? " added" : after == nullptr ? " removed" : " changed";
    // Fields at their default are left out of a record: "added" would mislead for a plain value.
    if (field.find('.') == std::string::npos) what = " changed";
    out_.push_back({{cat(field, what), field, shown(before), shown(after)}, effect});
  }

  using Keyed = std::map<std::string, json>;

  void compare_keyed(const std::string& field, const Keyed& before, const Keyed& after,
                     Effect effect) {
    const std::size_t start = out_.size();
    Keyed all = before;
    all.insert(after.begin(), after.end());
    for (const auto& entry : all) {
      const auto old_at = before.find(entry.first);
      const auto new_at = after.find(entry.first);
      const json* old_value = old_at == before.end() ? nullptr : &old_at->second;
      const json* new_value = new_at == after.end() ? nullptr : &new_at->second;
      if (same(old_value, new_value)) continue;
      add(cat(field, ".", entry.first), old_value, new_value, effect);
    }
    if (out_.size() == start) {
      // Same members in another order.
      out_.push_back({{cat(field, " changed"), field, {}, {}}, effect});
    }
  }

  static Keyed by_member(const json* list, const char* member) {
    Keyed out;
    if (list == nullptr || !list->is_array()) return out;
    for (const json& item : *list) {
      if (item.is_object()) out[item.value(member, std::string())] = item;
    }
    return out;
  }

  static Keyed by_name(const json* list) {  // "NAME=value"
    Keyed out;
    if (list == nullptr || !list->is_array()) return out;
    for (const json& item : *list) {
      if (!item.is_string()) continue;
      const auto text = item.get<std::string>();
      const std::size_t equals = text.find('=');
      out[text.substr(0, equals)] =
          equals == std::string::npos ? std::string() : text.substr(equals + 1);
    }
    return out;
  }

  static Keyed by_key(const json* object) {
    Keyed out;
    if (object == nullptr || !object->is_object()) return out;
    for (const auto& item : object->items()) out[item.key()] = item.value();
    return out;
  }

  void compare_endpoints(const json* before, const json* after) {
    const Keyed old_ones = by_member(before, "network");
    const Keyed new_ones = by_member(after, "network");
    const std::size_t start = out_.size();
    Keyed all = old_ones;
    all.insert(new_ones.begin(), new_ones.end());
    for (const auto& entry : all) {
      const auto old_at = old_ones.find(entry.first);
      const auto new_at = new_ones.find(entry.first);
      const std::string field = cat("networks.", entry.first);
      if (old_at == old_ones.end()) {
        add(field, nullptr, &new_at->second, Effect::Replace);
        continue;
      }
      if (new_at == new_ones.end()) {
        add(field, &old_at->second, nullptr, Effect::Replace);
        continue;
      }
      const Keyed old_link = by_key(find(old_at->second, "link"));
      const Keyed new_link = by_key(find(new_at->second, "link"));
      if (old_link != new_link) compare_keyed(field, old_link, new_link, Effect::Replace);
      const json* old_names = find(old_at->second, "aliases");
      const json* new_names = find(new_at->second, "aliases");
      if (!same(old_names, new_names)) {
        add(cat(field, ".aliases"), old_names, new_names, effect_of("networks.*.aliases"));
      }
    }
    // Only the order of the interfaces: their names are part of `link`, so nothing is left to tell.
    if (out_.size() == start) {
      out_.push_back({{"networks changed", "networks", {}, {}}, Effect::Replace});
    }
  }

  void compare_field(const std::string& key, const json* before, const json* after) {
    const Effect effect = effect_of(key);
    if (key == "environment" || key == "extra_hosts") {
      compare_keyed(key, by_name(before), by_name(after), effect);
    } else if (key == "mounts" || key == "devices") {
      compare_keyed(key, by_member(before, "target"), by_member(after, "target"), effect);
    } else if (key == "depends_on") {
      compare_keyed(key, by_member(before, "container"), by_member(after, "container"), effect);
    } else if (key == "endpoints") {
      compare_endpoints(before, after);
    } else if ((before == nullptr || before->is_object()) &&
               (after == nullptr || after->is_object())) {
      compare_keyed(key, by_key(before), by_key(after), effect);
    } else {
      add(key, before, after, effect);
    }
  }

  std::vector<Change> out_;
};

}  // namespace

std::vector<Change> changes_between(const std::string& before, const std::string& after) {
  const json old_record = json::parse(before, nullptr, false);
  const json new_record = json::parse(after, nullptr, false);
  if (!old_record.is_object() || !new_record.is_object()) {
    return {{{"its record cannot be read", {}, {}, {}}, Effect::Replace}};
  }
  return Comparison().run(old_record, new_record);
}

bool looks_secret(const std::string& name) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  for (const char* word : {"PASSW", "SECRET", "TOKEN", "KEY", "CREDENTIAL"}) {
    if (upper.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace planner
