#include "spec/documents.hpp"

#include <array>
#include <cstdio>

#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/complete.hpp"
#include "spec/discover.hpp"
#include "spec/interpolate.hpp"
#include "spec/merge.hpp"
#include "spec/paths.hpp"
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

// Without interpolation a text with a variable may stand for any type.
void mark_unresolved(Node& node) {
  if (node.is_string() && node.tag == Tag::None && node.text.find('$') != std::string::npos) {
    node.tag = Tag::Unresolved;
  }
  for (Node& child : node.children) mark_unresolved(child);
}

}  // namespace

std::string Documents::absolute(const Scope& scope, const std::string& path) const {
  return resolved_path(path, scope.directory, options_.home);
}

std::optional<std::uint32_t> Documents::read(const File& file) {
  const auto index = static_cast<std::uint32_t>(sources_.size());
  std::string text;
  if (file.path == "-") {
    text = read_standard_input(options_.bounds.bytes);
  } else if (base::is_directory(file.path)) {
    if (!file.from.known()) {
      throw base::Error(base::cat(file.path, " is a folder, not a stack file"),
                        "name the file itself with -f");
    }
    report_.error(file.from, base::cat(file.path, " is a folder, not a stack file"));
    return {};
  } else {
    try {
      // One byte more than is allowed is enough for scan() to refuse it.
      text = base::read_start(file.path, options_.bounds.bytes + 1);
    } catch (const base::Error& error) {
      if (!file.from.known()) throw;
      report_.error(file.from, error.what(), "paths are relative to the project's folder");
      return {};
    }
  }
  const std::string shown =
      file.path == "-" ? std::string("<stdin>") : shown_name(file.path, options_.shown_from);
  const std::size_t bytes = text.size();
  sources_.push_back({shown, std::move(text), file.role, file.from});
  if (!spend_bytes(bytes, file.from.known() ? file.from : Place{index, 1, 1})) return {};
  return index;
}

// All files together may have eight times what one may have.
bool Documents::spend_bytes(std::size_t bytes, Place place) {
  constexpr std::size_t kFiles = 8;
  const std::size_t before = bytes_;
  bytes_ += bytes;
  if (bytes_ / kFiles <= options_.bounds.bytes) return true;
  if (before / kFiles <= options_.bounds.bytes) {
    report_.error(place,
                  base::cat("the files of the stack have more than ",
                            kFiles * options_.bounds.bytes, " bytes together"),
                  "the bound is eight times the variable STACK_MAX_BYTES");
  }
  return false;
}

bool Documents::spend_values(const Node& copied, Place place) {
  const auto count = [](const auto& self, const Node& node) -> std::size_t {
    std::size_t out = 1;
    for (const Node& child : node.children) out += self(self, child);
    return out;
  };
  values_ += count(count, copied);
  if (values_ <= options_.bounds.nodes) return true;
  report_.error(place, base::cat("extends copies more than ", options_.bounds.nodes, " values"),
                "the bound is the variable STACK_MAX_NODES");
  return false;
}

const std::vector<Node>& Documents::peek(std::uint32_t source) {
  const auto known = parsed_.find(source);
  if (known != parsed_.end()) return known->second;
  std::vector<Node> documents = parse(source);
  return parsed_[source] = std::move(documents);
}

std::vector<Node> Documents::parse(std::uint32_t source) {
  if (const auto known = parsed_.find(source); known != parsed_.end()) {
    std::vector<Node> out = std::move(known->second);
    parsed_.erase(known);
    return out;
  }
  const std::string& text = sources_[source].text;
  const std::size_t errors_before = report_.errors();
  if (!scan(text, source, options_.bounds, report_)) return {};
  std::vector<Node> parsed = parse_yaml(text, source, options_.bounds, report_);
  if (report_.errors() != errors_before) return {};
  if (parsed.empty()) report_.error({source, 1, 1}, "the stack file is empty");
  return parsed;
}

Node Documents::load(const std::vector<Source>& files, const Scope& scope) {
  Node merged;
  bool first = true;
  for (const Source& file : files) {
    const std::size_t errors_before = report_.errors();
    for (Node& document : parse(file.index)) {
      refine(document, file.index, scope);
      if (report_.errors() != errors_before) continue;
      if (const Node* version = document.find("version")) {
        report_.warning(version->key_place, "version is obsolete, it has no effect",
                        "remove the line");
        document.erase("version");
      }
      extend_all(document, file.path, scope);
      include_all(document, scope);
      if (report_.errors() != errors_before) continue;
      if (first) {
        merged = std::move(document);
        first = false;
      } else {
        merge(merged, std::move(document));
      }
    }
  }
  if (!merged.is_map()) merged = Node::map({});
  if (!report_.failed()) finish(merged, scope);
  return merged;
}

void Documents::refine(Node& document, std::uint32_t source, const Scope& scope) {
  if (options_.interpolate) {
    interpolate(document, scope.environment->lookup(), sources_[source].text, report_);
  } else {
    mark_unresolved(document);
  }
  canonicalise(document, report_);
}

void Documents::finish(Node& document, const Scope& scope) {
  settle_tags(document);
  enforce_unique(document, report_);
  check_complete(document, report_);
  set_defaults(document);
  check_objects(document, report_);
  if (options_.resolve_paths) resolve_paths(document, scope.directory, options_.home);
}

}  // namespace spec
