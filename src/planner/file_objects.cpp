// Rules of sources, targets and what is refused: docker compose; owners and modes: the Compose
// Specification (05-services.md, 08-configs.md, 09-secrets.md), which docker compose only warns of.
#include "planner/file_objects.hpp"

#include <limits>
#include <set>

#include "base/base64.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace planner {

using base::cat;

namespace {

struct FileKind {
  const char* name;
  const char* folder;  // of targets that are not absolute
  std::size_t largest;
};
constexpr FileKind kConfig{"config", "/", kLargestConfig};
constexpr FileKind kSecret{"secret", "/run/secrets", kLargestSecret};

struct Wrong {
  spec::Place place;
  std::string text, hint;
};

class FileDesirer {
 public:
  FileDesirer(const spec::Stack& stack, const spec::Service& service, const World& world)
      : stack_(stack), service_(service), world_(world) {}

  World::RecordedFiles run() {
    World::RecordedFiles out;
    out.configs = all_of(kConfig, service_.extras.configs, stack_.configs);
    out.secrets = all_of(kSecret, service_.extras.secrets, stack_.secrets);
    return out;
  }
  [[nodiscard]] const std::vector<Wrong>& wrong() const { return wrong_; }

 private:
  using Objects = std::map<std::string, spec::FileObject>;

  std::vector<FileSpec> all_of(const FileKind& kind,
                               const std::vector<spec::FileReference>& references,
                               const Objects& objects) {
    std::vector<FileSpec> out;
    for (const spec::FileReference& reference : references) {
      const auto object = objects.find(reference.source);
      if (object == objects.end()) continue;  // the loader has said so
      FileSpec file;
      file.source = reference.source;
      file.target = target_of(kind, reference);
      if (reference.mode) file.mode = *reference.mode;
      file.uid = number(kind, reference, "uid", reference.uid);
      file.gid = number(kind, reference, "gid", reference.gid);
      fill(kind, reference, object->second, file);
      out.push_back(std::move(file));
    }
    return out;
  }

  std::string target_of(const FileKind& kind, const spec::FileReference& reference) {
    const std::string& wanted = reference.target.empty() ? reference.source : reference.target;
    std::string out = base::absolute_path(kind.folder, wanted);
    if (out == "/" || wanted.back() == '/') {
      add(reference.place, cat(who(kind, reference.source), " cannot be at ", wanted),
          "its target is the path of a file");
    } else if (!targets_.insert(out).second) {
      add(reference.place, cat("service \"", service_.name, "\": two mounts at ", out));
    }
    return out;
  }

  std::uint32_t number(const FileKind& kind, const spec::FileReference& reference, const char* what,
                       const std::string& text) {
    if (text.empty()) return 0;
    const auto value = base::parse_uint(text);
    // The last one is the kernel's "none".
    if (value && *value < std::numeric_limits<std::uint32_t>::max()) {
      return static_cast<std::uint32_t>(*value);
    }
    add(reference.place,
        cat(who(kind, reference.source), ": ", what, " \"", text, "\" is not a number"),
        "names are known inside the image only: write the number");
    return 0;
  }

  void fill(const FileKind& kind, const spec::FileReference& reference,
            const spec::FileObject& object, FileSpec& file) {
    const std::string name = cat(kind.name, " \"", object.key, "\"");
    if (object.external) {
      add(object.source_place,
          cat("unsupported external ", name, " of service \"", service_.name, "\""),
          "external ones are kept by a swarm; give it a file or an environment variable");
    } else if (!object.driver.empty() || !object.template_driver.empty()) {
      add(object.place,
          cat(name, " has a ", object.driver.empty() ? "template_driver" : "driver",
              ", which only a swarm has"),
          "give it a file or an environment variable");
    } else if (object.is_unset) {
      add(object.source_place, cat("environment variable \"", object.environment, "\" required by ",
                                   name, " is not set"));
    } else if (!object.file.empty()) {
      from_host(name, reference, object, file);
    } else if (object.content.size() > kind.largest) {
      add(object.source_place, cat(name, " is larger than ", kind.largest, " bytes"));
    } else {
      file.content = base::base64(object.content);
    }
  }

  void from_host(const std::string& name, const spec::FileReference& reference,
                 const spec::FileObject& object, FileSpec& file) {
    const auto fact = world_.files.find(object.file);
    if (fact != world_.files.end() && !fact->second.problem.empty()) {
      add(object.source_place, cat(name, ": ", object.file, " ", fact->second.problem));
    } else if (!is_copied(reference)) {
      file.file = object.file;
    } else if (fact != world_.files.end()) {
      file.content = fact->second.content;
    }
  }

  [[nodiscard]] std::string who(const FileKind& kind, const std::string& source) const {
    return cat("service \"", service_.name, "\": ", kind.name, " \"", source, "\"");
  }
  void add(const spec::Place& place, std::string text, std::string hint = {}) {
    wrong_.push_back({place.known() ? place : service_.place, std::move(text), std::move(hint)});
  }

  const spec::Stack& stack_;
  const spec::Service& service_;
  const World& world_;
  std::set<std::string> targets_;
  std::vector<Wrong> wrong_;
};

}  // namespace

World::RecordedFiles desire_files(const spec::Stack& stack, const spec::Service& service,
                                  const World& world, Problems& problems) {
  FileDesirer desirer(stack, service, world);
  World::RecordedFiles out = desirer.run();
  if (desirer.wrong().empty()) return out;
  if (const auto aside = world.aside.find(service.name); aside != world.aside.end()) {
    return aside->second;
  }
  for (const Wrong& each : desirer.wrong()) problems.add(each.place, each.text, each.hint);
  return out;
}

Plan without_contents(Plan plan) {
  for (auto* containers : {&plan.desired.containers, &plan.removed}) {
    for (Container& container : *containers) {
      for (auto* files : {&container.configs, &container.secrets}) {
        for (FileSpec& file : *files) file.content.clear();
      }
    }
  }
  return plan;
}

}  // namespace planner
