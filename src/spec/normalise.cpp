#include "spec/normalise.hpp"

#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/discover.hpp"
#include "spec/dotenv.hpp"

namespace spec {
namespace {

class Normaliser {
 public:
  Normaliser(const NormaliseOptions& options, Sources& sources, Report& report)
      : options_(options), sources_(sources), report_(report) {}

  void run(Node& document, std::map<std::string, std::string>& inactive) {
    document.erase("version");
    document.set("name", Node::string(options_.project, {}));
    if (document.find("services") == nullptr || !document.find("services")->is_map()) {
      document.set("services", Node::map({}));
    }
    drop_inactive(*document.find("services"), inactive);
    for (Node& service : document.find("services")->children) {
      if (service.is_null()) service.kind = Kind::Map;
      one_service(service);
    }
    if (default_used_) {
      if (document.find("networks") == nullptr || !document.find("networks")->is_map()) {
        document.set("networks", Node::map({}));
      }
      Node& networks = *document.find("networks");
      if (networks.find("default") == nullptr) {
        networks.set("default", Node::scalar(Kind::Null, {}, {}));
      }
    }
    for (const char* kind : {"networks", "volumes", "configs", "secrets"}) {
      Node* objects = document.find(kind);
      if (objects == nullptr) continue;
      for (Node& object : objects->children) one_object(object, kind);
    }
  }

 private:
  void drop_inactive(Node& services, std::map<std::string, std::string>& inactive) {
    std::erase_if(services.children, [&](const Node& service) {
      const Node* profiles = service.find("profiles");
      if (profiles == nullptr || profiles->children.empty() || options_.profiles.count("*") != 0) {
        return false;
      }
      std::string names;
      for (const Node& profile : profiles->children) {
        if (options_.profiles.count(profile.text) != 0) return false;
        names += (names.empty() ? "" : ", ") + profile.text;
      }
      inactive[service.key] = names;
      return true;
    });
  }

  [[nodiscard]] std::string absolute(const std::string& path) const {
    if (path.empty()) return options_.directory;
    if (path == "~" || base::starts_with(path, "~/")) {
      return base::clean_path(options_.home + path.substr(1));
    }
    // An absolute path is shown as it is written.
    return path[0] == '/' ? path : base::absolute_path(options_.directory, path);
  }

  void one_service(Node& service) {
    if (Node* build = service.find("build"); build != nullptr && build->is_map()) {
      if (build->find("context") == nullptr) build->set("context", Node::string(".", {}));
      Node& context = *build->find("context");
      const std::string& text = context.text;
      if (text.find("://") == std::string::npos && !base::starts_with(text, "git@") &&
          !base::starts_with(text, "github.com/")) {
        context.text = absolute(text);
      }
      if (build->find("dockerfile") == nullptr && build->find("dockerfile_inline") == nullptr) {
        build->set("dockerfile", Node::string("Dockerfile", {}));
      }
    }
    const Node* networks = service.find("networks");
    if (service.text_of("network_mode").empty() && service.find("provider") == nullptr &&
        (networks == nullptr || networks->children.empty())) {
      Node map = Node::map({});
      map.set("default", Node::scalar(Kind::Null, {}, {}));
      service.set("networks", std::move(map));
    }
    if (networks = service.find("networks"); networks != nullptr) {
      if (networks->find("default") != nullptr) default_used_ = true;
    }
    environment(service);
    if (Node* volumes = service.find("volumes")) {
      for (Node& mount : volumes->children) {
        if (mount.text_of("type") == "bind") {
          Node* source = mount.find("source");
          if (source != nullptr) source->text = absolute(source->text);
        }
        if (Node* target = mount.find("target")) target->text = base::clean_path(target->text);
      }
    }
    if (Node* secrets = service.find("secrets")) {
      for (Node& secret : secrets->children) {
        if (secret.is_map() && secret.find("target") == nullptr) {
          secret.set("target", Node::string("/run/secrets/" + secret.text_of("source"), {}));
        }
      }
    }
    for (const char* kind : {"secrets", "configs"}) {
      Node* files = service.find(kind);
      if (files == nullptr) continue;
      for (Node& file : files->children) {
        Node* mode = file.find("mode");
        if (mode != nullptr && mode->kind == Kind::Int) {
          mode->kind = Kind::String;
          mode->text = octal(base::parse_uint(mode->text).value_or(0));
        }
      }
    }
    if (Node* labels = service.find("labels")) {
      for (Node& label : labels->children) {
        if (label.is_null()) label.kind = Kind::String;
      }
    }
    if (Node* check = service.find("healthcheck");
        check != nullptr && !check->text_of("disable").empty()) {
      if (!check->find("disable")->is_true()) check->erase("disable");
    }
    if (Node* develop = service.find("develop")) {
      if (Node* watch = develop->find("watch")) {
        for (Node& rule : watch->children) {
          if (Node* path = rule.find("path")) path->text = absolute(path->text);
        }
      }
    }
    // What says nothing is not shown; `init: false` does say something, against an image's own.
    std::erase_if(service.children, [](const Node& child) {
      const bool no = child.kind == Kind::Bool && child.text == "false" && child.key != "init" &&
                      child.key != "attach";
      return no || (child.is_string() && child.text.empty() && child.key != "container_name");
    });
    implied(service);
    if (service.find("command") == nullptr) {
      service.set("command", Node::scalar(Kind::Null, {}, {}));
    }
    if (service.find("entrypoint") == nullptr) {
      service.set("entrypoint", Node::scalar(Kind::Null, {}, {}));
    }
  }

  static std::string octal(std::uint64_t value) {
    std::string out;
    for (; value != 0 || out.size() < 3; value /= 8) {
      out.insert(out.begin(), static_cast<char>('0' + value % 8));
    }
    return "0" + out;
  }

  // What depends_on need not say (05-services.md: links, network_mode, volumes_from, ...).
  void implied(Node& service) {
    const auto depend = [&](const std::string& name, Place place, bool restart) {
      if (service.find("depends_on") == nullptr || !service.find("depends_on")->is_map()) {
        service.set("depends_on", Node::map({}));
      }
      Node& all = *service.find("depends_on");
      if (all.find(name) != nullptr) return;
      Node entry = Node::map(place);
      entry.set("condition", Node::string("service_started", place));
      entry.set("required", Node::scalar(Kind::Bool, "true", place));
      if (restart) entry.set("restart", Node::scalar(Kind::Bool, "true", place));
      entry.set("x-implicit", Node::scalar(Kind::Bool, "true", place));
      all.set(name, std::move(entry));
    };
    for (const char* key : {"network_mode", "ipc", "pid", "uts", "cgroup"}) {
      const Node* mode = service.find(key);
      if (mode != nullptr && base::starts_with(mode->text, "service:")) {
        depend(mode->text.substr(8), mode->place, true);
      }
    }
    if (const Node* links = service.find("links")) {
      const std::vector<Node> copies = links->children;
      for (const Node& link : copies) {
        depend(link.text.substr(0, link.text.find(':')), link.place, true);
      }
    }
    if (const Node* from = service.find("volumes_from")) {
      const std::vector<Node> copies = from->children;
      for (const Node& item : copies) {
        if (base::starts_with(item.text, "container:")) continue;
        depend(item.text.substr(0, item.text.find(':')), item.place, false);
      }
    }
  }

  void environment(Node& service) {
    Node merged = Node::map({});
    if (Node* files = service.find("env_file")) {
      merged.key_place = files->key_place;
      merged.place = files->place;
      for (const Node& file : files->children) env_file(file, merged);
    }
    service.erase("env_file");
    if (Node* own = service.find("environment")) {
      if (merged.children.empty()) {
        merged = std::move(*own);
        own->key = "environment";  // its place in the mapping is filled again below
      } else {
        for (Node& child : own->children) {
          const std::string key = child.key;
          merged.set(key, std::move(child));
        }
      }
    }
    for (Node& child : merged.children) {
      if (!child.is_null()) continue;
      if (const auto value = options_.lookup(child.key)) {
        child.kind = Kind::String;
        child.text = *value;
      }
    }
    // A name without a value that the shell does not have either is not passed on.
    std::erase_if(merged.children, [](const Node& child) { return child.is_null(); });
    if (merged.children.empty()) {
      service.erase("environment");
    } else {
      service.set("environment", std::move(merged));
    }
  }

  void env_file(const Node& file, Node& merged) {
    const std::string path = absolute(file.text_of("path"));
    const Node* required = file.find("required");
    const Node* named = file.find("path");
    const Place place = named != nullptr ? named->place : file.place;
    std::string text;
    try {
      if (!base::exists(path) && required != nullptr && required->text == "false") return;
      text = base::read_file(path, 1U << 20U);
    } catch (const base::Error& error) {
      report_.error(place, base::cat("env_file: ", error.what()),
                    base::exists(path)
                        ? "make it readable for the user who runs this"
                        : "create it, or write {path: ..., required: false} if it may be absent");
      return;
    }
    if (text.find('\0') != std::string::npos) {
      report_.error(place,
                    base::cat("env_file ", path, " is not a text file: it holds a NUL byte"));
      return;
    }
    DotenvOptions options;
    options.file = static_cast<std::uint32_t>(sources_.size());
    if (file.text_of("format") == "raw") options.format = DotenvFormat::Raw;
    sources_.push_back({shown_name(path, options_.directory), text});
    for (auto& [key, value] : parse_dotenv(
             text, options,
             [&](const std::string& name) {
               if (const Node* earlier = merged.find(name))
                 return std::optional<std::string>(earlier->text);
               return options_.lookup(name);
             },
             report_)) {
      merged.set(key, Node::string(std::move(value), place));
    }
  }

  void one_object(Node& object, std::string_view kind) {
    if (object.is_null()) object.kind = Kind::Map;
    if (!object.is_map()) return;
    bool external = false;
    if (Node* mark = object.find("external")) {
      if (mark->is_map()) {
        const Node name = *mark->find("name");
        const Place place = mark->place;
        object.set("name", Node::string(name.text, name.place));
        object.set("external", Node::scalar(Kind::Bool, "true", place));
        external = true;
      } else {
        external = mark->is_true();
      }
      if (!external) object.erase("external");
    }
    if (object.find("name") == nullptr) {
      object.set(
          "name",
          Node::string(external ? object.key : base::cat(options_.project, "_", object.key), {}));
    }
    if (kind == "networks" && !external &&
        (object.find("ipam") == nullptr || object.find("ipam")->is_null())) {
      object.set("ipam", Node::map({}));
    }
    if (Node* file = object.find("file")) file->text = absolute(file->text);
  }

  const NormaliseOptions& options_;
  Sources& sources_;
  Report& report_;
  bool default_used_ = false;
};

}  // namespace

void normalise(Node& document, const NormaliseOptions& options, Sources& sources,
               std::map<std::string, std::string>& inactive, Report& report) {
  Normaliser(options, sources, report).run(document, inactive);
}

}  // namespace spec
