#include "spec/paths.hpp"

#include "base/files.hpp"
#include "base/text.hpp"

namespace spec {
namespace {

class PathResolver {
 public:
  PathResolver(const std::string& directory, const std::string& home)
      : directory_(directory), home_(home) {}

  void service(Node& node) const {
    if (Node* build = node.find("build"); build != nullptr && build->is_map()) this->build(*build);
    if (Node* files = node.find("env_file")) {
      for (Node& file : files->children) path(file.find("path"));
    }
    if (Node* files = node.find("label_file")) {
      for (Node& file : files->children) path(&file);
    }
    if (Node* extends = node.find("extends")) path(extends->find("file"));
    if (Node* develop = node.find("develop")) {
      if (Node* watch = develop->find("watch")) {
        for (Node& rule : watch->children) path(rule.find("path"));
      }
    }
    if (Node* volumes = node.find("volumes")) {
      for (Node& mount : volumes->children) {
        if (mount.text_of("type") == "bind") path(mount.find("source"));
      }
    }
  }

  void object(Node& node, bool is_volume) const {
    path(node.find("file"));
    Node* options = node.find("driver_opts");
    if (!is_volume || options == nullptr || node.text_of("driver") != "local") return;
    // A volume that is a bind mount in truth.
    if (options->text_of("o") == "bind") path(options->find("device"));
  }

 private:
  void path(Node* node) const {
    if (node == nullptr || !node->is_string() || node->text.empty()) return;
    node->text = resolved_path(node->text, directory_, home_);
  }

  void context(Node* node) const {
    if (node == nullptr || node->text.find("://") != std::string::npos) return;
    for (const char* elsewhere : {"service:", "github.com/", "git@"}) {
      if (base::starts_with(node->text, elsewhere)) return;
    }
    path(node);
  }

  void build(Node& node) const {
    context(node.find("context"));
    if (Node* contexts = node.find("additional_contexts")) {
      for (Node& each : contexts->children) context(&each);
    }
    if (Node* keys = node.find("ssh")) {
      for (Node& each : keys->children) path(&each);
    }
  }

  const std::string& directory_;
  const std::string& home_;
};

}  // namespace

std::string resolved_path(const std::string& path, const std::string& directory,
                          const std::string& home) {
  if (base::starts_with(path, "~")) {
    return base::clean_path(home + "/" + path.substr(1));
  }
  if (path.empty() || path[0] == '/') return path;
  // A path of another system, seen by docker compose as absolute too.
  if (path[0] == '\\' || (path.size() > 2 && path[1] == ':' && path[2] == '\\')) return path;
  return base::absolute_path(directory, path);
}

void resolve_service_paths(Node& service, const std::string& directory, const std::string& home) {
  PathResolver(directory, home).service(service);
}

void resolve_paths(Node& document, const std::string& directory, const std::string& home) {
  const PathResolver resolver(directory, home);
  if (Node* services = document.find("services")) {
    for (Node& service : services->children) resolver.service(service);
  }
  for (const char* kind : {"configs", "secrets", "volumes"}) {
    Node* objects = document.find(kind);
    if (objects == nullptr) continue;
    for (Node& object : objects->children) {
      resolver.object(object, std::string_view(kind) == "volumes");
    }
  }
}

}  // namespace spec
