#include "planner/changes.hpp"

#include <algorithm>
#include <cstring>

#include "base/process.hpp"
#include "planner/codec.hpp"
#include "spec/units.hpp"

namespace planner {

using base::cat;
using nlohmann::json;

namespace {

// As in a stack file, exactly: "256m", "1000b".
std::string bytes_text(std::int64_t bytes) {
  for (const auto& [shift, letter] : {std::pair{30, 'g'}, std::pair{20, 'm'}, std::pair{10, 'k'}}) {
    const std::int64_t unit = std::int64_t{1} << shift;
    if (bytes > 0 && bytes % unit == 0) return cat(bytes / unit, letter);
  }
  return bytes > 0 ? cat(bytes, 'b') : std::to_string(bytes);
}

std::string shown(const json* value, Unit unit) {
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string()) return value->get<std::string>();
  if (value->is_number_integer() && unit != Unit::Plain) {
    const auto number = value->get<std::int64_t>();
    switch (unit) {
      case Unit::Nanoseconds:
        return spec::duration_text(base::Duration(number));
      case Unit::Bytes:
        return bytes_text(number);
      case Unit::Signal:
        return base::signal_name(static_cast<int>(number));
      case Unit::Plain:
        break;
    }
  }
  return value->dump(-1, ' ', false, json::error_handler_t::replace);
}

// What tells most of a mount, a device or a dependency; the others whole.
std::string brief(const json* value, Unit unit) {
  if (value == nullptr || !value->is_object()) return shown(value, unit);
  if (value->contains("container")) {
    return cat(value->value("condition", std::string("service_started")),
               value->value("restart", false) ? ", restart" : "");
  }
  if (!value->contains("target")) return shown(value, unit);
  return cat(value->value("source", value->value("type", std::string())),
             value->value("read_only", false) ? ":ro" : "");
}

// What the stack file calls a field, and how its values are shown.
struct Named {
  std::string key;
  Unit unit = Unit::Plain;
};

Named name_of_field(const std::string& field) {
  const FieldRule* rule = rule_of(field);
  return rule == nullptr ? Named{field} : Named{rule->key, rule->unit};
}

// `part` of `field`: by its own row, else by its name below the field's.
Named name_of_part(const std::string& field, const std::string& part) {
  if (const FieldRule* rule = rule_of(cat(field, ".", part))) return {rule->key, rule->unit};
  return {cat(name_of_field(field).key, ".", part)};
}

class Comparison {
 public:
  explicit Comparison(const DesiredState* wished) : wished_(wished) {}

  std::vector<Change> run(const json& before, const json& after) {
    // An image without an id is known by its name alone.
    nameless_image_ = find(before, "image_id") == nullptr || find(after, "image_id") == nullptr;
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

  void add(const Named& name, const json* before, const json* after, Effect effect) {
    const char* what = before == nullptr ? " added" : after == nullptr ? " removed" : " changed";
    const std::string& key = name.key;
    if (is_secret(key)) {
      out_.push_back({{cat(key, what, " (value not shown)"), key, {}, {}}, effect});
      return;
    }
    Reason reason{cat(key, what), key, brief(before, name.unit), brief(after, name.unit)};
    if (reason.before == reason.after) {
      reason.before = shown(before, name.unit);
      reason.after = shown(after, name.unit);
    }
    const bool told = std::any_of(out_.begin(), out_.end(), [&](const Change& each) {
      return each.reason.text == reason.text && each.reason.before == reason.before &&
             each.reason.after == reason.after;
    });
    if (!told) out_.push_back({std::move(reason), effect});
  }

  // A whole field. At its default it is left out of a record: that is no "added".
  void add_field(const std::string& field, const json* before, const json* after, Effect effect) {
    static const json usual = codec::put(Container{});
    const json* normal = find(usual, field);
    const auto or_usual = [normal](const json* value) {
      return value == nullptr && normal != nullptr && normal->is_primitive() ? normal : value;
    };
    const Named name = name_of_field(field);
    out_.push_back({{cat(name.key, " changed"), name.key, shown(or_usual(before), name.unit),
                     shown(or_usual(after), name.unit)},
                    effect});
  }

  // "environment.DB_PASSWORD", "labels.api-key".
  static bool is_secret(const std::string& field) {
    const std::size_t dot = field.find('.');
    if (dot == std::string::npos) return false;
    const std::string top = field.substr(0, dot);
    return (top == "environment" || top == "labels" || top == "logging") &&
           looks_secret(field.substr(dot + 1));
  }

  using Keyed = std::map<std::string, json>;

  // Where the kernel tells no way back to what was before the value, only a new start leads there.
  static Effect part_effect(const std::string& field, const std::string& key, bool dropped,
                            Effect usual) {
    if (field == "ulimits") return dropped ? Effect::Replace : usual;
    if (field == "sysctls") {
      return !dropped && key.compare(0, 4, "net.") == 0 ? Effect::InPlace : usual;
    }
    return usual;
  }

  // `name`: what a member is called, from its key.
  template <class Name>
  void compare_members(const std::string& field, const Keyed& before, const Keyed& after,
                       Effect effect, Name&& name) {
    Keyed all = before;
    all.insert(after.begin(), after.end());
    for (const auto& entry : all) {
      const auto old_at = before.find(entry.first);
      const auto new_at = after.find(entry.first);
      const json* old_value = old_at == before.end() ? nullptr : &old_at->second;
      const json* new_value = new_at == after.end() ? nullptr : &new_at->second;
      if (same(old_value, new_value)) continue;
      add(name(entry.first), old_value, new_value,
          part_effect(field, entry.first, new_value == nullptr, effect));
    }
  }

  void compare_keyed(const std::string& field, const Keyed& before, const Keyed& after,
                     Effect effect) {
    const std::size_t start = out_.size();
    compare_members(field, before, after, effect, [&](const std::string& part) {
      return field == "depends_on" ? Named{cat("depends_on.", service_of(part))}
                                   : name_of_part(field, part);
    });
    // Same members in another order.
    if (out_.size() == start) add_order(name_of_field(field).key, effect);
  }
  void add_order(const std::string& key, Effect effect) {
    out_.push_back({{cat(key, " changed"), key, {}, {}}, effect});
  }

  [[nodiscard]] std::string service_of(const std::string& container) const {
    const Container* found = wished_ == nullptr ? nullptr : wished_->container(container);
    return found == nullptr ? container : found->service;
  }
  // The file's name of a network; of one that it has no longer, without the project.
  [[nodiscard]] std::string network_key(const std::string& name) const {
    if (wished_ == nullptr) return name;
    if (const Network* found = wished_->network(name)) return found->key;
    const std::string prefix = wished_->project + "_";
    return base::starts_with(name, prefix) ? name.substr(prefix.size()) : name;
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

  static std::string addresses_of(const json& endpoint) {
    std::vector<std::string> out;
    const json* link = find(endpoint, "link");
    const json* list = link == nullptr ? nullptr : find(*link, "addresses");
    if (list == nullptr) return {};
    for (const json& address : *list) out.push_back(shown(&address, Unit::Plain));
    return base::join(out, ", ");
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
      const std::string field = cat("networks.", network_key(entry.first));
      if (old_at == old_ones.end()) {
        out_.push_back({{cat(field, " added"), field, {}, addresses_of(new_at->second)},
                        effect_of("endpoints")});
        continue;
      }
      if (new_at == new_ones.end()) {
        out_.push_back({{cat(field, " removed"), field, addresses_of(old_at->second), {}},
                        effect_of("endpoints")});
        continue;
      }
      const Keyed old_link = by_key(find(old_at->second, "link"));
      const Keyed new_link = by_key(find(new_at->second, "link"));
      compare_members("endpoints.link", old_link, new_link, effect_of("endpoints.link"),
                      [&](const std::string& part) {
                        const FieldRule* rule = rule_of(cat("endpoints.link.", part));
                        // "networks.*.mac_address"
                        return Named{cat(
                            field, ".", rule == nullptr ? part : std::strrchr(rule->key, '.') + 1)};
                      });
      const json* old_names = find(old_at->second, "aliases");
      const json* new_names = find(new_at->second, "aliases");
      if (!same(old_names, new_names)) {
        add({cat(field, ".aliases")}, old_names, new_names, effect_of("endpoints.aliases"));
      }
    }
    // Only their order: the interfaces keep their names, which are part of `link`.
    if (out_.size() == start) add_order("networks", Effect::InPlace);
  }

  // By its key in the stack file; given twice, by where it goes as well.
  static Keyed by_source(const json* list) {
    Keyed out;
    if (list == nullptr || !list->is_array()) return out;
    for (const json& item : *list) {
      if (!item.is_object()) continue;
      const std::string source = item.value("source", std::string());
      if (!out.emplace(source, item).second) {
        out[cat(source, " at ", item.value("target", std::string()))] = item;
      }
    }
    return out;
  }

  // Configs and secrets: what they hold is never shown.
  void compare_files(const std::string& field, const json* before, const json* after,
                     Effect effect) {
    const Keyed old_ones = by_source(before), new_ones = by_source(after);
    const std::size_t start = out_.size();
    Keyed all = old_ones;
    all.insert(new_ones.begin(), new_ones.end());
    for (const auto& entry : all) {
      const std::string name = cat(field, ".", entry.first);
      const auto old_at = old_ones.find(entry.first), new_at = new_ones.find(entry.first);
      if (old_at == old_ones.end() || new_at == new_ones.end()) {
        out_.push_back(
            {{cat(name, old_at == old_ones.end() ? " added" : " removed"), name, {}, {}}, effect});
        continue;
      }
      for (const char* member : {"content", "file", "gid", "mode", "target", "uid"}) {
        if (same(find(old_at->second, member), find(new_at->second, member))) continue;
        const bool hidden = std::string_view(member) == "content";
        out_.push_back(
            {{cat(name, hidden ? " changed (value not shown)" : cat(".", member, " changed")),
              name,
              {},
              {}},
             effect});
      }
    }
    if (out_.size() == start) out_.push_back({{cat(field, " changed"), field, {}, {}}, effect});
  }

  void compare_field(const std::string& key, const json* before, const json* after) {
    const Effect effect = effect_of(key);
    if (effect == Effect::Never) return;
    if (key == "image" && nameless_image_) {
      add_field(key, before, after, Effect::Replace);
      return;
    }
    if (key == "environment" || key == "extra_hosts") {
      compare_keyed(key, by_name(before), by_name(after), effect);
    } else if (key == "mounts" || key == "devices") {
      compare_keyed(key, by_member(before, "target"), by_member(after, "target"), effect);
    } else if (key == "configs" || key == "secrets") {
      compare_files(key, before, after, effect);
    } else if (key == "depends_on") {
      compare_keyed(key, by_member(before, "container"), by_member(after, "container"), effect);
    } else if (key == "endpoints") {
      compare_endpoints(before, after);
    } else if ((before == nullptr || before->is_object()) &&
               (after == nullptr || after->is_object())) {
      compare_keyed(key, by_key(before), by_key(after), effect);
    } else {
      add_field(key, before, after, effect);
    }
  }

  const DesiredState* wished_;
  std::vector<Change> out_;
  bool nameless_image_ = false;
};

}  // namespace

std::vector<Change> changes_between(const std::string& before, const std::string& after,
                                    const DesiredState* wished) {
  const json old_record = json::parse(before, nullptr, false);
  const json new_record = json::parse(after, nullptr, false);
  if (!old_record.is_object() || !new_record.is_object()) {
    return {{{"its record cannot be read", {}, {}, {}}, Effect::Replace}};
  }
  return Comparison(wished).run(old_record, new_record);
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
