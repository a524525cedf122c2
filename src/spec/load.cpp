#include "spec/load.hpp"

#include <memory>
#include <set>

#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/discover.hpp"
#include "spec/documents.hpp"
#include "spec/merge.hpp"
#include "spec/normalise.hpp"
#include "spec/resolve.hpp"
#include "spec/schema.hpp"
#include "spec/select.hpp"

namespace spec {
namespace {

class Loader {
 public:
  explicit Loader(const LoadOptions& options)
      : options_(options), found_(discover(options)), environment_(options.environment) {
    report_.set_strict(options.strict);
    report_.set_running(options.to_run);
  }

  Loaded run() {
    if (found_.files.empty()) {
      throw base::Error("no stack file found",
                        "looked for compose.yaml, compose.yml, docker-compose.yml, "
                        "docker-compose.yaml and stack.yaml here and in the folders above; "
                        "name one with -f");
    }
    DocumentOptions documents_options;
    documents_options.shown_from = options_.working_dir;
    documents_options.home = environment_.find("HOME").value_or("/");
    documents_options.bounds = bounds_of(options_.environment);
    documents_options.interpolate = options_.stages.interpolate;
    documents_options.resolve_paths = options_.stages.resolve_paths;
    Documents documents(documents_options, sources_, report_);
    // The stack files come first: Place::file of theirs is the order of -f.
    std::vector<Documents::Source> files;
    for (const std::string& path : found_.files) {
      const auto source =
          documents.read({path, files.empty() ? SourceRole::Stack : SourceRole::Override, {}});
      if (source) files.push_back({*source, path});
    }
    read_environment();
    guess_name();
    tell_likely_name(files);
    name_from_files(documents, files);
    Scope scope;
    scope.directory = found_.project_directory;
    scope.environment = &environment_;
    scope.main_file = found_.files[0];
    Node document = documents.load(files, scope);
    stop_on_errors();
    if (document.find("services") == nullptr) {
      report_.warning({0, 1, 1}, "the stack file has no services",
                      "add the key services with at least one service");
    }
    return finish(std::move(document));
  }

 private:
  Loaded finish(Node document) {
    const StageOptions& stages = options_.stages;
    if (project_.empty()) {
      throw base::Error(
          base::cat("no project name can be made from the folder ", found_.project_directory),
          "give one with -p or with the key name");
    }
    Loaded out;
    out.stack.name = project_;
    out.stack.working_dir = found_.project_directory;
    if (stages.normalise) normalise(document, project_, environment_);
    document.set("name", Node::implied(Kind::String, project_, {}));
    out.inactive = drop_inactive(document, profiles(document));
    if (!options_.services.empty()) select_services(document, options_.services);
    if (stages.env_files && stages.interpolate) {
      read_env_files(document, environment_, options_.working_dir, sources_, report_);
    }
    if (stages.normalise && stages.interpolate && stages.consistency) {
      warn_without_effect(document, report_);
      Resolving in{document, out.inactive, environment_, out.stack, report_};
      resolve(in);
    }
    stop_on_errors();
    drop_unused(document);
    if (stages.normalise) tidy(document);
    for (const SourceFile& source : sources_) out.stack.files.push_back(source.name);
    for (const std::string& file : found_.files) {
      out.stack.config_files.push_back(
          file == "-" ? file : base::absolute_path(options_.working_dir, file));
    }
    out.stack.canonical = std::make_shared<const Node>(std::move(document));
    out.warnings = report_.sorted();
    out.sources = std::move(sources_);
    out.environment = std::move(environment_);
    return out;
  }

  void stop_on_errors() {
    if (report_.failed()) throw SpecError(report_.sorted(), std::move(sources_));
  }

  void read_environment() {
    std::vector<Environment::File> files;
    for (const std::string& file : found_.env_files) {
      if (found_.env_files_required && !base::exists(file)) {
        throw base::Error(base::cat("the env file ", file, " does not exist"),
                          "check the path given with --env-file");
      }
      files.push_back({file, shown_name(file, options_.working_dir)});
    }
    environment_.add_files(files, sources_, report_);
  }

  // -p and COMPOSE_PROJECT_NAME win over `name:`, that over the folder's name.
  void guess_name() {
    std::string given = options_.project_name;
    if (given.empty()) given = environment_.find("COMPOSE_PROJECT_NAME").value_or("");
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
    environment_.set("COMPOSE_PROJECT_NAME", project_);
  }

  void tell_likely_name(const std::vector<Documents::Source>& files) const {
    if (!options_.on_likely_name) return;
    std::string name = project_;
    if (!explicit_name_) {
      for (const Documents::Source& file : files) {
        if (auto found = name_in_sight(sources_[file.index].text)) name = std::move(*found);
      }
    }
    if (!name.empty()) options_.on_likely_name(name);
  }

  // `name:` may stand in any of the files, and is a variable for all of them: so it must be known
  // before anything is interpolated.
  void name_from_files(Documents& documents, const std::vector<Documents::Source>& files) {
    if (explicit_name_) return;
    Node found;
    for (const Documents::Source& file : files) {
      for (const Node& document : documents.peek(file.index)) {
        const Node* name = document.find("name");
        if (name != nullptr && name->is_string() && !name->text.empty()) found = *name;
      }
    }
    stop_on_errors();
    if (!found.is_string()) return;
    const Substitution text = substitute(found.text, environment_.lookup());
    if (text.text.empty()) return;
    const std::string name = normal_project_name(text.text);
    if (name.empty()) {
      report_.error(found.place, base::cat("'", text.text, "' is not a project name"),
                    "lower case letters, digits, '-' and '_', beginning with a letter or digit");
      return;
    }
    if (name != text.text) {
      report_.warning(found.place,
                      base::cat("'", text.text, "' is not a project name, '", name, "' is used"),
                      "lower case letters, digits, '-' and '_', beginning with a letter or digit");
    }
    project_ = name;
    environment_.set("COMPOSE_PROJECT_NAME", project_);
  }

  // A service that is named is wanted, whatever profiles it has.
  [[nodiscard]] std::set<std::string> profiles(const Node& document) const {
    std::set<std::string> out(options_.profiles.begin(), options_.profiles.end());
    if (out.empty()) {
      const std::string list = environment_.find("COMPOSE_PROFILES").value_or("");
      for (const std::string& name : base::split(list, ',')) {
        if (!base::trim(name).empty()) out.emplace(base::trim(name));
      }
    }
    const Node* services = document.find("services");
    for (const auto* named : {&options_.services, &options_.wanted}) {
      for (const std::string& name : *named) {
        const Node* service = services == nullptr ? nullptr : services->find(name);
        const Node* own = service == nullptr ? nullptr : service->find("profiles");
        if (own == nullptr) continue;
        for (const Node& profile : own->children) out.insert(profile.text);
      }
    }
    return out;
  }

  const LoadOptions& options_;
  Found found_;
  Report report_;
  Sources sources_;
  Environment environment_;
  std::string project_;
  bool explicit_name_ = false;
};

}  // namespace

Loaded load(const LoadOptions& options) {
  return Loader(options).run();
}

}  // namespace spec
