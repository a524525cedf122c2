#include "spec/run_words.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "spec/dotenv.hpp"
#include "spec/paths.hpp"
#include "spec/report.hpp"
#include "spec/resolve.hpp"
#include "spec/short_forms.hpp"

namespace spec {

namespace {

void throw_first(const Report& report, const std::string& option) {
  for (const Diagnostic& one : report.sorted()) {
    if (one.severity == Severity::Error) {
      throw base::Error(base::cat(option, ": ", one.text), one.hint);
    }
  }
}

// {key: [long forms of `words`]}
Node list_of_words(const char* key, const std::vector<std::string>& words, Expand expand,
                   const std::string& option) {
  Node list = Node::sequence({});
  for (const std::string& word : words) {
    Report report;
    Node item = Node::string(word, {});
    expand(item, {nullptr, word}, report);
    throw_first(report, option);
    list.children.push_back(std::move(item));
  }
  Node out = Node::map({});
  out.set(key, std::move(list));
  return out;
}

}  // namespace

std::vector<Port> parse_port_words(const std::vector<std::string>& words) {
  const Node node = list_of_words("ports", words, expand_port, "--publish");
  Service service;
  Report report;
  resolve_ports(node, service, report);
  throw_first(report, "--publish");
  return service.ports;
}

std::vector<Mount> parse_mount_words(const MountWords& in) {
  Node node = list_of_words("volumes", in.words, expand_mount, "--volume");
  resolve_service_paths(node, in.directory, in.home);
  Stack stack;
  stack.volumes = in.stack.volumes;
  Service service;
  service.name = "run";
  Report report;
  const Environment environment;
  const std::map<std::string, std::string> inactive;
  Resolving resolving{node, inactive, environment, stack, report};
  resolve_mounts(node, service, resolving);
  throw_first(report, "--volume");
  return service.mounts;
}

std::map<std::string, std::string> read_env_file(const std::string& path,
                                                 const Environment& environment) {
  Report report;
  std::map<std::string, std::string> out;
  for (auto& [key, value] :
       parse_dotenv(base::read_file(path, 1U << 20U), {}, environment.lookup(), report)) {
    out[key] = std::move(value);
  }
  throw_first(report, base::cat("--env-from-file ", path));
  return out;
}

}  // namespace spec
