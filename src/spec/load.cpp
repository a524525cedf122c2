#include "spec/load.hpp"

#include <array>
#include <cstdio>
#include <memory>

#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/discover.hpp"
#include "spec/dotenv.hpp"
#include "spec/merge.hpp"
#include "spec/normalise.hpp"
#include "spec/resolve.hpp"
#include "spec/schema.hpp"
#include "spec/yaml_parse.hpp"

namespace spec {
namespace {

std::string read_standard_input(std::size_t limit) {
  std::string out;
  std::array<char, 65536> buffer{};
  std::size_t got = 0;
  while (out.size() <= limit && (got = std::fread(buffer.data(), 1, buffer.size(), stdin)) > 0) {
    out.append(buffer.data(), got);
  }
  return out;
}

class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options), found_(discover(options)) {}

  Loaded run() {
    if (found_.files.empty()) {
      throw base::Error("no stack file found",
                        "looked for compose.yaml, compose.yml, docker-compose.yml, "
                        "docker-compose.yaml and stack.yaml here and in the folders above; "
                        "name one with -f");
    }
    // The stack files come first: Place::file of theirs is the order of -f.
    std::vector<std::string> texts = read_files();
    read_environment();
    Node document = documents(texts);
    stop_on_errors();
    project_name(document);
    NormaliseOptions normal;
    normal.project = project_;
    normal.directory = found_.project_directory;
    normal.home = lookup("HOME").value_or("/");
    normal.profiles = profiles();
    normal.lookup = [this](const std::string& name) { return lookup(name); };
    std::map<std::string, std::string> inactive;
    normalise(document, normal, sources_, inactive, report_);
    warn_without_effect(document, report_);

    Loaded out;
    out.stack.name = project_;
    out.stack.working_dir = found_.project_directory;
    Resolving in{document, inactive, out.stack, report_};
    resolve(in);
    stop_on_errors();
    drop_unused(document, out.stack);
    for (const SourceFile& source : sources_) out.stack.files.push_back(source.name);
    for (const std::string& file : found_.files) {
      out.stack.config_files.push_back(
          file == "-" ? file : base::absolute_path(options_.working_dir, file));
    }
    out.stack.canonical = std::make_shared<const Node>(std::move(document));
    out.warnings = report_.sorted();
    out.sources = std::move(sources_);
    return out;
  }

 private:
  // Networks, volumes, configs and secrets that no active service uses are not part of the model.
  static void drop_unused(Node& document, const Stack& stack) {
    if (Node* networks = document.find("networks")) {
      std::erase_if(networks->children,
                    [&](const Node& node) { return stack.networks.count(node.key) == 0; });
    }
    if (Node* volumes = document.find("volumes")) {
      std::erase_if(volumes->children,
                    [&](const Node& node) { return stack.volumes.count(node.key) == 0; });
    }
    for (const char* kind : {"configs", "secrets"}) {
      Node* objects = document.find(kind);
      if (objects == nullptr) continue;
      std::set<std::string> used;
      for (const Node& service : document.find("services")->children) {
        for (const Node* user : {&service, service.find("build")}) {
          const Node* list = user == nullptr ? nullptr : user->find(kind);
          if (list == nullptr) continue;
          for (const Node& item : list->children) {
            used.insert(item.is_string() ? item.text : item.text_of("source"));
          }
        }
      }
      std::erase_if(objects->children, [&](const Node& node) { return used.count(node.key) == 0; });
    }
  }

  void stop_on_errors() {
    if (report_.failed()) throw SpecError(report_.sorted(), std::move(sources_));
  }

  std::vector<std::string> read_files() {
    std::vector<std::string> texts;
    for (const std::string& file : found_.files) {
      std::string text;
      if (file == "-") {
        text = read_standard_input(bounds_.bytes);
      } else if (base::is_directory(file)) {
        throw base::Error(base::cat(file, " is a folder, not a stack file"),
                          "name the file itself with -f");
      } else {
        // One byte more than allowed is enough for scan() to refuse it.
        text = base::read_file(file, 64U << 20U);
      }
      sources_.push_back({file == "-" ? "<stdin>" : shown_name(file, options_.working_dir), text});
      texts.push_back(std::move(text));
    }
    return texts;
  }

  [[nodiscard]] std::optional<std::string> lookup(const std::string& name) const {
    if (const auto at = environment_.find(name); at != environment_.end()) return at->second;
    return {};
  }

  // The shell beats the files, a later file an earlier one.
  void read_environment() {
    environment_ = options_.environment;
    for (const std::string& file : found_.env_files) {
      if (found_.env_files_required && !base::exists(file)) {
        throw base::Error(base::cat("the env file ", file, " does not exist"),
                          "check the path given with --env-file");
      }
      const std::string text = base::read_file(file, 1U << 20U);
      DotenvOptions dotenv;
      dotenv.file = static_cast<std::uint32_t>(sources_.size());
      sources_.push_back({shown_name(file, options_.working_dir), text});
      for (auto& [key, value] : parse_dotenv(
               text, dotenv, [this](const std::string& name) { return lookup(name); }, report_)) {
        if (options_.environment.count(key) == 0) environment_[key] = std::move(value);
      }
    }
  }

  Node documents(const std::vector<std::string>& texts) {
    guess_name();
    Node merged;
    bool first = true;
    for (std::uint32_t file = 0; file < texts.size(); ++file) {
      if (!scan(texts[file], file, bounds_, report_)) continue;
      const std::size_t before = report_.errors();
      std::vector<Node> parsed = parse_yaml(texts[file], file, bounds_, report_);
      if (report_.errors() != before) continue;
      if (parsed.empty()) report_.error({file, 1, 1}, "the stack file is empty");
      for (Node& document : parsed) {
        if (const Node* name = document.find("name"); name != nullptr && !explicit_name_) {
          const Substitution text =
              substitute(name->text, [this](const std::string& key) { return lookup(key); });
          if (!text.text.empty()) {
            file_name_ = text.text;
            environment_["COMPOSE_PROJECT_NAME"] = normal_project_name(text.text);
          }
        }
        interpolate(
            document, [this](const std::string& name) { return lookup(name); }, texts[file],
            report_);
        canonicalise(document, report_);
        if (report_.errors() != before) continue;
        if (first) {
          merged = std::move(document);
          first = false;
        } else {
          merge(merged, std::move(document));
        }
      }
    }
    if (!merged.is_map()) merged = Node::map({});
    settle_tags(merged);
    enforce_unique(merged);
    if (const Node* version = merged.find("version")) {
      report_.warning(version->key_place, "version is obsolete, it has no effect",
                      "remove the line");
    }
    if (!report_.failed() && merged.find("services") == nullptr &&
        merged.find("include") == nullptr) {
      report_.warning({0, 1, 1}, "the stack file has no services",
                      "add the key services with at least one service");
    }
    return merged;
  }

  // -p and COMPOSE_PROJECT_NAME win over `name:`, that over the folder's name.
  void guess_name() {
    std::string given = options_.project_name;
    if (given.empty()) given = lookup("COMPOSE_PROJECT_NAME").value_or("");
    if (!given.empty()) {
      if (normal_project_name(given) != given) {
        throw base::Error(
            base::cat("'", given, "' is not a project name"),
            "lower case letters, digits, '-' and '_', beginning with a letter or digit");
      }
      explicit_name_ = true;
      project_ = given;
    } else {
      project_ = normal_project_name(base::base_name(found_.project_directory));
    }
    environment_["COMPOSE_PROJECT_NAME"] = project_;
  }

  void project_name(const Node& document) {
    if (explicit_name_) return;
    if (!file_name_.empty()) project_ = file_name_;
    const Node* name = document.find("name");
    if (name != nullptr && normal_project_name(project_) != project_) {
      report_.error(name->place, base::cat("'", project_, "' is not a project name"),
                    "lower case letters, digits, '-' and '_', beginning with a letter or digit");
      stop_on_errors();
    }
    if (project_.empty()) {
      throw base::Error(
          base::cat("no project name can be made from the folder ", found_.project_directory),
          "give one with -p or with the key name");
    }
  }

  std::set<std::string> profiles() {
    std::set<std::string> out(options_.profiles.begin(), options_.profiles.end());
    if (const auto list = lookup("COMPOSE_PROFILES")) {
      for (const std::string& name : base::split(*list, ',')) {
        if (!base::trim(name).empty()) out.emplace(base::trim(name));
      }
    }
    return out;
  }

  const LoadOptions& options_;
  Found found_;
  Bounds bounds_;
  Report report_;
  Sources sources_;
  std::map<std::string, std::string> environment_;
  std::string project_, file_name_;
  bool explicit_name_ = false;
};

}  // namespace

Loaded load(const LoadOptions& options) {
  return Loader(options).run();
}

}  // namespace spec
