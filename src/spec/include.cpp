// include: the resources of other stack files become ours; none may be defined twice.
#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/discover.hpp"
#include "spec/documents.hpp"
#include "spec/merge.hpp"
#include "spec/paths.hpp"

namespace spec {
namespace {

std::vector<const Node*> items_of(const Node& node, std::string_view key) {
  std::vector<const Node*> out;
  const Node* list = node.find(key);
  if (list == nullptr) return out;
  for (const Node& item : list->children) out.push_back(&item);
  return out;
}

}  // namespace

void Documents::include_all(Node& document, const Scope& scope) {
  const Node* found = document.find("include");
  if (found == nullptr) return;
  const Node list = *found;
  document.erase("include");
  for (const Node& item : list.children) {
    if (item.is_map() && item.tag != Tag::Reset) include(item, document, scope);
  }
}

void Documents::include(const Node& item, Node& document, const Scope& scope) {
  const std::vector<const Node*> paths = items_of(item, "path");
  if (paths.empty()) {
    report_.error(item.place, "an include needs a path", "path: FILE");
    return;
  }
  const Place place = paths[0]->place;
  Scope inner;
  inner.outer = &scope;
  inner.place = place;
  inner.main_file = absolute(scope, paths[0]->text);
  const Node* directory = item.find("project_directory");
  inner.directory = directory == nullptr || directory->text.empty()
                        ? base::parent_dir(inner.main_file)
                        : absolute(scope, directory->text);
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    if (at->main_file != inner.main_file) continue;
    std::string chain = shown_name(inner.main_file, options_.shown_from);
    for (const Scope* step = &scope; step != nullptr; step = step->outer) {
      chain = base::cat(shown_name(step->main_file, options_.shown_from), " -> ", chain);
      if (step == at) break;
    }
    report_.error(place, base::cat("include goes in a circle: ", chain));
    return;
  }
  const Scope* outermost = &scope;
  while (outermost->outer != nullptr) outermost = outermost->outer;
  if (!base::starts_with(inner.main_file, outermost->directory + "/")) {
    report_.warning(place, base::cat(inner.main_file, " lies outside of the project's folder"),
                    "what it mounts and builds from lies there too");
  }
  Environment environment = *scope.environment;
  if (!include_environment(item, scope, inner.directory, environment)) return;
  inner.environment = &environment;
  std::vector<Source> files;
  for (const Node* path : paths) {
    const std::string name = absolute(scope, path->text);
    const auto source = read({name, SourceRole::Included, path->place});
    if (!source) return;
    files.push_back({*source, name});
  }
  const std::size_t errors_before = report_.errors();
  Node included = load(files, inner);
  if (report_.errors() == errors_before) import(document, std::move(included));
}

bool Documents::include_environment(const Node& item, const Scope& scope,
                                    const std::string& directory, Environment& environment) {
  std::vector<Environment::File> files;
  for (const Node* given : items_of(item, "env_file")) {
    const std::string path = absolute(scope, given->text);
    if (!base::exists(path) || base::is_directory(path)) {
      report_.error(given->place, base::cat("include: the env_file ", path, " does not exist"),
                    "paths are relative to the folder of the file that includes");
      return false;
    }
    files.push_back({path, shown_name(path, options_.shown_from)});
  }
  if (files.empty()) {
    const std::string path = base::absolute_path(directory, ".env");
    if (base::exists(path) && !base::is_directory(path)) {
      files.push_back({path, shown_name(path, options_.shown_from)});
    }
  }
  environment.add_files(files, sources_, report_);
  return true;
}

void Documents::import(Node& document, Node from) {
  for (const char* kind : {"services", "volumes", "networks", "secrets", "configs", "models"}) {
    Node* source = from.find(kind);
    if (source == nullptr) continue;
    Node* found = document.find(kind);
    Node& target = found != nullptr ? *found : document.set(kind, Node::map(source->place));
    KeyIndex index(target);
    for (Node& child : source->children) {
      const Node* mine = index.find(child.key);
      if (mine == nullptr) {
        index.add(std::move(child));
      } else if (!same_value(*mine, child)) {
        report_.error(mine->key_place,
                      base::cat(kind, ": '", child.key, "' is also defined by an include"),
                      "rename one of the two; an override file (-f) may change what is included",
                      {{child.key_place, "included from here"}});
      }
    }
  }
}

}  // namespace spec
