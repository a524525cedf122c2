#include "spec/select.hpp"

#include <set>

#include "base/error.hpp"
#include "base/text.hpp"

namespace spec {
namespace {

using Names = std::set<std::string>;

void add_sources(const Node& owner, std::string_view key, Names& to) {
  const Node* list = owner.find(key);
  if (list == nullptr) return;
  for (const Node& item : list->children) to.insert(item.text_of("source"));
}

void add_keys(const Node& owner, std::string_view key, Names& to) {
  const Node* map = owner.find(key);
  if (map == nullptr) return;
  for (const Node& item : map->children) to.insert(item.key);
}

void keep(Node& document, std::string_view kind, const Names& used) {
  Node* objects = document.find(kind);
  if (objects == nullptr) return;
  std::erase_if(objects->children, [&](const Node& each) { return used.count(each.key) == 0; });
  if (objects->children.empty()) document.erase(kind);
}

}  // namespace

void select_services(Node& document, const std::vector<std::string>& names) {
  Node* services = document.find("services");
  if (services == nullptr) return;
  KeyIndex index(*services);
  std::vector<std::string> todo = names;
  Names wanted;
  while (!todo.empty()) {
    const std::string name = std::move(todo.back());
    todo.pop_back();
    if (!wanted.insert(name).second) continue;
    const Node* service = index.find(name);
    const Node* needed = service == nullptr ? nullptr : service->find("depends_on");
    if (needed == nullptr) continue;
    for (const Node& each : needed->children) todo.push_back(each.key);
  }
  for (const std::string& name : names) {
    if (index.find(name) != nullptr) continue;
    std::vector<std::string> known;
    for (const Node& service : services->children) known.push_back(service.key);
    throw base::Error(base::cat("no such service: ", name),
                      base::did_you_mean(name, base::nearest(name, known)));
  }
  std::erase_if(services->children,
                [&](const Node& service) { return wanted.count(service.key) == 0; });
}

void drop_unused(Node& document) {
  Names networks, volumes, configs, secrets, models;
  const Node* services = document.find("services");
  if (services == nullptr) return;
  for (const Node& service : services->children) {
    add_keys(service, "networks", networks);
    add_keys(service, "models", models);
    add_sources(service, "configs", configs);
    add_sources(service, "secrets", secrets);
    if (const Node* build = service.find("build")) add_sources(*build, "secrets", secrets);
    const Node* mounts = service.find("volumes");
    if (mounts == nullptr) continue;
    for (const Node& mount : mounts->children) {
      if (mount.text_of("type") == "volume") volumes.insert(mount.text_of("source"));
    }
  }
  keep(document, "networks", networks);
  keep(document, "volumes", volumes);
  keep(document, "configs", configs);
  keep(document, "secrets", secrets);
  keep(document, "models", models);
}

}  // namespace spec
