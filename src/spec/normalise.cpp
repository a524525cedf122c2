#include "spec/normalise.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"

namespace spec {
namespace {

Node implied_flag() {
  return Node::implied(Kind::Bool, "true", {});
}

class Normaliser {
 public:
  Normaliser(const std::string& project, const Environment& environment)
      : project_(project), environment_(environment) {}

  void run(Node& document) {
    document.erase("version");
    if (document.find("services") == nullptr) document.set("services", Node::map({}));
    for (Node& service : document.find("services")->children) one_service(service);
    if (default_used_) {
      if (document.find("networks") == nullptr) document.set("networks", Node::map({}));
      Node& networks = *document.find("networks");
      if (networks.find("default") == nullptr) {
        networks.set("default", Node::implied(Kind::Null, {}, {}));
      }
    }
    for (const char* kind : {"networks", "volumes", "configs", "secrets"}) {
      Node* objects = document.find(kind);
      if (objects == nullptr) continue;
      for (Node& object : objects->children) one_object(object, kind);
    }
  }

 private:
  void one_service(Node& service) {
    if (!service.is_map()) return;
    networks(service);
    if (Node* policy = service.find("pull_policy"); policy && policy->text == "if_not_present") {
      policy->text = "missing";
    }
    if (Node* build = service.find("build"); build != nullptr && build->is_map()) {
      if (build->find("context") == nullptr) {
        build->set("context", Node::implied(Kind::String, ".", build->place));
      }
      if (build->find("dockerfile") == nullptr && build->find("dockerfile_inline") == nullptr) {
        build->set("dockerfile", Node::implied(Kind::String, "Dockerfile", build->place));
      }
      if (Node* args = build->find("args")) {
        from_environment(*args);
        std::erase_if(args->children, [](const Node& child) { return child.is_null(); });
      }
      if (Node* keys = build->find("ssh")) list_of_keys(*keys);
      sort_hosts(*build);
    }
    sort_hosts(service);
    if (Node* own = service.find("environment")) from_environment(*own);
    if (Node* volumes = service.find("volumes")) {
      for (Node& mount : volumes->children) {
        if (Node* target = mount.find("target")) target->text = base::clean_path(target->text);
      }
    }
    implied(service);
  }

  static void sort_hosts(Node& owner) {
    Node* hosts = owner.find("extra_hosts");
    if (hosts == nullptr) return;
    std::stable_sort(hosts->children.begin(), hosts->children.end(),
                     [](const Node& a, const Node& b) { return a.text < b.text; });
  }

  // build.ssh is shown as a list: default, NAME=PATH.
  static void list_of_keys(Node& keys) {
    if (!keys.is_map()) return;
    std::stable_sort(keys.children.begin(), keys.children.end(),
                     [](const Node& a, const Node& b) { return a.key < b.key; });
    keys.kind = Kind::Sequence;
    for (Node& key : keys.children) {
      key.text = key.text.empty() ? key.key : base::cat(key.key, "=", key.text);
      key.kind = Kind::String;
      key.key.clear();
    }
  }

  void networks(Node& service) {
    const Node* networks = service.find("networks");
    if (service.find("provider") != nullptr || service.find("network_mode") != nullptr) return;
    if (networks == nullptr || networks->children.empty()) {
      Node map = Node::map({});
      map.via = Via::Default;
      map.set("default", Node::implied(Kind::Null, {}, {}));
      service.set("networks", std::move(map));
      default_used_ = true;
    } else if (networks->find("default") != nullptr) {
      default_used_ = true;
    }
  }

  // A name without a value takes the project's.
  void from_environment(Node& variables) {
    for (Node& child : variables.children) {
      if (!child.is_null()) continue;
      if (auto value = environment_.find(child.key)) {
        child.kind = Kind::String;
        child.text = std::move(*value);
        child.via = Via::Environment;
      }
    }
  }

  // What depends_on need not say (05-services.md: links, network_mode, volumes_from, ...).
  static void implied(Node& service) {
    const auto depend = [&](const std::string& name, Place place, bool restart) {
      if (service.find("depends_on") == nullptr) service.set("depends_on", Node::map({}));
      Node& all = *service.find("depends_on");
      if (!all.is_map() || all.find(name) != nullptr) return;
      Node entry = Node::map(place);
      entry.via = Via::Default;
      entry.set("condition", Node::implied(Kind::String, "service_started", place));
      entry.set("required", implied_flag());
      if (restart) entry.set("restart", implied_flag());
      all.set(name, std::move(entry));
    };
    if (const Node* links = service.find("links")) {
      for (const Node& link : std::vector<Node>(links->children)) {
        const std::vector<std::string> parts = base::split(link.text, ':');
        depend(parts.size() == 2 ? parts[0] : link.text, link.place, true);
      }
    }
    for (const char* key : {"network_mode", "ipc", "pid", "uts", "cgroup"}) {
      const Node* mode = service.find(key);
      if (mode != nullptr && base::starts_with(mode->text, "service:")) {
        depend(mode->text.substr(8), mode->place, true);
      }
    }
    if (const Node* from = service.find("volumes_from")) {
      for (const Node& item : std::vector<Node>(from->children)) {
        if (base::starts_with(item.text, "container:")) continue;
        depend(item.text.substr(0, item.text.find(':')), item.place, false);
      }
    }
  }

  void one_object(Node& object, std::string_view kind) {
    if (object.is_null()) object.kind = Kind::Map;
    if (!object.is_map()) return;
    bool external = false;
    if (Node* mark = object.find("external")) {
      external = mark->is_map() || mark->is_true();
      if (mark->is_map()) {
        const Node* name = mark->find("name");
        if (name != nullptr && object.find("name") == nullptr) {
          object.set("name", Node::string(name->text, name->place));
        }
        Node flag = Node::scalar(Kind::Bool, "true", object.find("external")->place);
        object.set("external", std::move(flag));
      }
      if (!external) object.erase("external");
    }
    if (object.find("name") == nullptr) {
      object.set("name",
                 Node::implied(Kind::String,
                               external ? object.key : base::cat(project_, "_", object.key), {}));
    }
    if (kind == "networks" && object.find("ipam") == nullptr) {
      Node ipam = Node::map({});
      ipam.via = Via::Default;
      object.set("ipam", std::move(ipam));
    }
  }

  const std::string& project_;
  const Environment& environment_;
  bool default_used_ = false;
};

}  // namespace

void normalise(Node& document, const std::string& project, const Environment& environment) {
  Normaliser(project, environment).run(document);
}

std::map<std::string, std::string> drop_inactive(Node& document,
                                                 const std::set<std::string>& profiles) {
  std::map<std::string, std::string> out;
  Node* services = document.find("services");
  if (services == nullptr) return out;
  std::erase_if(services->children, [&](const Node& service) {
    const Node* own = service.find("profiles");
    if (own == nullptr || own->children.empty() || profiles.count("*") != 0) return false;
    std::string names;
    for (const Node& profile : own->children) {
      if (profiles.count(profile.text) != 0) return false;
      names += (names.empty() ? "" : ", ") + profile.text;
    }
    out[service.key] = names;
    return true;
  });
  return out;
}

}  // namespace spec
