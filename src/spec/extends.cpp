// extends: a service takes over what another one says, in the same file or in another.
#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/documents.hpp"
#include "spec/interpolate.hpp"
#include "spec/merge.hpp"
#include "spec/paths.hpp"
#include "spec/schema.hpp"

namespace spec {
namespace {

std::vector<std::string> names_of(const Node& map) {
  std::vector<std::string> out;
  for (const Node& child : map.children) out.push_back(child.key);
  return out;
}

void mark_extended(Node& node, Place place) {
  if (node.via == Via::Text || node.via == Via::Alias || node.via == Via::MergeKey) {
    node.via = Via::Extends;
    node.via_place = place;
  }
  for (Node& child : node.children) mark_extended(child, place);
}

}  // namespace

void Documents::extend_all(Node& document, const std::string& path, const Scope& scope) {
  Node* services = document.find("services");
  if (services == nullptr || !services->is_map()) return;
  for (Node& service : services->children) {
    if (values_ > options_.bounds.nodes) return;  // said already
    extend(service, *services, path, scope, nullptr);
  }
}

bool Documents::circular(const Borrowing& borrowing) {
  for (const Borrowing* at = borrowing.outer; at != nullptr; at = at->outer) {
    if (at->file != borrowing.file || at->service != borrowing.service) continue;
    std::string chain = borrowing.service;
    std::vector<Related> related;
    for (const Borrowing* step = borrowing.outer;; step = step->outer) {
      chain = base::cat(step->service, " -> ", chain);
      if (step == at) break;
      related.push_back({step->place, base::cat(step->service, " extends here")});
    }
    report_.error(at->place, base::cat("extends goes in a circle: ", chain),
                  "one of them must not extend", std::move(related));
    return true;
  }
  return false;
}

// `path`: of the file that `services` stand in.
void Documents::extend(Node& service, Node& services, const std::string& path, const Scope& scope,
                       const Borrowing* outer) {
  const Node* extends = service.find("extends");
  if (extends == nullptr || !extends->is_map() || service.tag == Tag::Reset) return;
  const Borrowing borrowing{outer, path, service.key, extends->place};
  if (circular(borrowing)) {
    service.erase("extends");
    return;
  }
  const Node* name = extends->find("service");
  const Node* file = extends->find("file");
  if (name == nullptr) {
    report_.error(extends->place, base::cat("service ", service.key, ": extends needs a service"),
                  "service: NAME");
    return;
  }
  std::optional<Node> found;
  if (file != nullptr) {
    found = lend(*extends, scope, borrowing);
  } else if (Node* other = services.find(name->text)) {
    if (other != &service) extend(*other, services, path, scope, &borrowing);
    if (other == &service) {
      report_.error(extends->place, base::cat("service ", service.key, " extends itself"));
    } else if (spend_values(*other, extends->place)) {
      found = *other;
    }
  } else {
    report_.error(name->place,
                  base::cat("service ", service.key, " extends '", name->text,
                            "', which is not a service of this file"),
                  suggestion(name->text, names_of(services)));
  }
  if (!found) return;
  const Place place = extends->place;
  service.erase("extends");
  if (!found->is_map()) return;
  settle_tags(*found);
  mark_extended(*found, place);
  Node own = std::move(service);
  service = std::move(*found);
  service.take_name_of(own);
  service.place = own.place;
  merge_service(service, std::move(own));
}

// The extended service, with everything that it extends itself, its paths absolute.
std::optional<Node> Documents::lend(const Node& extends, const Scope& scope,
                                    const Borrowing& borrowing) {
  const Node& file = *extends.find("file");
  const Node& name = *extends.find("service");
  const std::string path = absolute(scope, file.text);
  Lender* from = lender(path, file, scope);
  if (from == nullptr) return {};
  std::optional<Node> out;
  std::vector<std::string> candidates;
  for (const Node& document : from->documents) {
    const Node* services = document.find("services");
    if (services == nullptr || !services->is_map()) continue;
    for (const std::string& candidate : names_of(*services)) candidates.push_back(candidate);
    const Node* service = services->find(name.text);
    if (service == nullptr) continue;
    if (!spend_values(*service, name.place)) return {};
    // Only this service need be right: the rest of the file is not ours.
    Node part = Node::map(document.place);
    part.set("services", Node::map(services->place)).children.push_back(*service);
    const std::size_t errors_before = report_.errors();
    canonicalise(part, report_);
    if (report_.errors() != errors_before) return {};
    Node canonical = std::move(part.find("services")->children[0]);
    if (!out) {
      out = std::move(canonical);
    } else {
      merge_service(*out, std::move(canonical));
    }
  }
  if (!out) {
    report_.error(name.place,
                  base::cat("service ", borrowing.service, " extends '", name.text,
                            "', which is not a service of ", file.text),
                  suggestion(name.text, candidates));
    return {};
  }
  Scope lent = scope;
  lent.directory = base::parent_dir(path);
  // A service of the same file that this one extends is looked up there.
  if (const Node* next = out->find("extends"); next != nullptr && next->is_map()) {
    Node map = *next;
    if (map.find("file") == nullptr) map.set("file", Node::string(path, map.place));
    out->set("extends", std::move(map));
    Node alone = Node::map({});
    extend(*out, alone, path, lent, &borrowing);
  }
  if (options_.resolve_paths && out->is_map()) {
    resolve_service_paths(*out, lent.directory, options_.home);
  }
  return out;
}

Documents::Lender* Documents::lender(const std::string& path, const Node& named,
                                     const Scope& scope) {
  // The same file may be seen with other variables from an include.
  const std::string key = scope.main_file + "\n" + path;
  const auto known = lenders_.find(key);
  if (known != lenders_.end()) return known->second.get();
  std::unique_ptr<Lender>& out = lenders_[key];
  const auto source = read({path, SourceRole::Extended, named.place});
  if (!source) return nullptr;
  const std::size_t errors_before = report_.errors();
  std::vector<Node> documents = parse(*source);
  for (Node& document : documents) {
    if (!document.is_map()) {
      report_.error(document.place, "a stack file is a mapping with the key services");
    } else if (options_.interpolate) {
      interpolate(document, scope.environment->lookup(), sources_[*source].text, report_);
    }
  }
  if (report_.errors() != errors_before) return nullptr;
  out = std::make_unique<Lender>(Lender{path, std::move(documents)});
  return out.get();
}

}  // namespace spec
