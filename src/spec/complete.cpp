#include "spec/complete.hpp"

#include "base/text.hpp"

namespace spec {
namespace {

void by_default(Node& map, std::string_view key, Kind kind, std::string text) {
  if (!map.is_map() || map.find(key) != nullptr) return;
  map.set(key, Node::implied(kind, std::move(text), map.place));
}

template <class Action>
void each_of(Node& node, std::string_view key, Action action) {
  if (Node* list = node.find(key)) {
    for (Node& item : list->children) action(item);
  }
}

template <class Action>
void each_of(const Node& node, std::string_view key, Action action) {
  if (const Node* list = node.find(key)) {
    for (const Node& item : list->children) action(item);
  }
}

const Node* below(const Node* node, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) node = node == nullptr ? nullptr : node->find(key);
  return node;
}

void count_devices(Node& device) {
  if (device.find("device_ids") == nullptr) by_default(device, "count", Kind::Int, "-1");
}

void service_defaults(Node& service) {
  if (Node* build = service.find("build")) by_default(*build, "context", Kind::String, ".");
  each_of(service, "depends_on",
          [](Node& dependency) { by_default(dependency, "required", Kind::Bool, "true"); });
  each_of(service, "env_file",
          [](Node& file) { by_default(file, "required", Kind::Bool, "true"); });
  each_of(service, "ports", [](Node& port) {
    by_default(port, "mode", Kind::String, "ingress");
    by_default(port, "protocol", Kind::String, "tcp");
  });
  each_of(service, "secrets", [](Node& secret) {
    by_default(secret, "target", Kind::String, "/run/secrets/" + secret.text_of("source"));
  });
  each_of(service, "gpus", count_devices);
  if (const Node* reserved = below(&service, {"deploy", "resources", "reservations"})) {
    each_of(const_cast<Node&>(*reserved), "devices", count_devices);
  }
}

void check_source(const Node& object, std::string_view kind,
                  std::initializer_list<std::string_view> keys, Report& report) {
  const Node* first = nullptr;
  std::string wanted;
  for (const std::string_view key : keys) {
    wanted += (wanted.empty() ? "" : ", ") + std::string(key);
    const Node* found = object.find(key);
    if (found == nullptr) continue;
    if (first != nullptr) {
      report.error(
          found->key_place,
          base::cat(kind, " ", object.key, ": ", first->key, " and ", key, " exclude each other"),
          "keep one of the two", {{first->key_place, "the other one"}});
    }
    first = found;
  }
  if (first == nullptr && object.find("driver") == nullptr && object.find("external") == nullptr) {
    report.error(object.key_place, base::cat(kind, " ", object.key, " says nowhere what it holds"),
                 "give it one of " + wanted + ", or external: true");
  }
}

// What is made elsewhere cannot be described here.
void check_external(const Node& volume, Report& report) {
  const Node* external = volume.find("external");
  if (external == nullptr || !(external->is_true() || external->is_map())) return;
  for (const Node& child : volume.children) {
    if (child.key == "name" || child.key == "external" || base::starts_with(child.key, "x-")) {
      continue;
    }
    report.error(
        child.key_place,
        base::cat("volume ", volume.key, ": external and ", child.key, " exclude each other"),
        "an external one is made elsewhere: only its name can be given",
        {{external->place, "external is here"}});
  }
}

void check_device(const Node& device, const Node& service, Report& report) {
  const Node* count = device.find("count");
  const Node* ids = device.find("device_ids");
  if (count == nullptr || ids == nullptr) return;
  report.error(ids->key_place,
               base::cat("service ", service.key, ": count and device_ids exclude each other"),
               "keep one of the two", {{count->key_place, "count is here"}});
}

void check_service(const Node& service, Report& report) {
  if (const Node* develop = service.find("develop")) {
    each_of(*develop, "watch", [&](const Node& rule) {
      const Node* path = rule.find("path");
      if (path != nullptr && path->text.empty()) {
        report.error(path->place, base::cat("service ", service.key,
                                            ": develop.watch: path is "
                                            "empty"));
      }
    });
  }
  const auto device = [&](const Node& item) { check_device(item, service, report); };
  each_of(service, "gpus", device);
  if (const Node* reserved = below(&service, {"deploy", "resources", "reservations"})) {
    each_of(*reserved, "devices", device);
  }
}

}  // namespace

void set_defaults(Node& document) {
  each_of(document, "services", service_defaults);
}

void check_objects(const Node& document, Report& report) {
  each_of(document, "services", [&](const Node& each) { check_service(each, report); });
  each_of(document, "volumes", [&](const Node& each) { check_external(each, report); });
  each_of(document, "configs", [&](const Node& each) {
    check_source(each, "config", {"file", "environment", "content"}, report);
  });
  each_of(document, "secrets", [&](const Node& each) {
    check_source(each, "secret", {"file", "environment"}, report);
  });
  for (const char* kind : {"networks", "volumes", "configs", "secrets"}) {
    each_of(document, kind, [&](const Node& each) {
      const Node* external = each.find("external");
      const Node* name = each.find("name");
      if (external == nullptr || !external->is_map() || name == nullptr) return;
      const Node* other = external->find("name");
      if (other == nullptr || other->text == name->text) return;
      report.error(other->place, base::cat(kind, ".", each.key, ": name and external.name differ"),
                   "use name with external: true", {{name->place, "name is here"}});
    });
  }
}

}  // namespace spec
