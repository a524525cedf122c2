#include "base/paths.hpp"

#include <cstdlib>

#include "base/text.hpp"

namespace base {

Roots Roots::from(const std::string& root) {
  Roots out;
  if (!root.empty()) {
    out.data = root + "/lib";
    out.run = root + "/run";
  }
  if (const char* parent = std::getenv("STACK_CGROUP_PARENT"); parent != nullptr && *parent != 0) {
    out.cgroup_parent = parent;
  }
  return out;
}

std::string Roots::tag(const std::string& kind, const std::string& name) const {
  return short_hash(cat(data, "|", kind, "|", name));
}

ProjectPaths::ProjectPaths(Roots roots_, std::string project_)
    : roots(std::move(roots_)), project(std::move(project_)) {
  data = cat(roots.stacks(), "/", project);
  run = cat(roots.run, "/stacks/", project);
  lock = data + "/lock";
  desired = data + "/desired.json";
  exits = run + "/exits";
  const std::string tag = roots.tag("stack", project);
  control_socket = cat("stack/", tag, "/control");
  cgroup = cat(roots.cgroup_parent, "/", project, "-", tag);
  ports_table = cat("stack-ports-", tag);
}

std::string ProjectPaths::container_data(const std::string& name) const {
  return cat(data, "/containers/", name);
}
std::string ProjectPaths::container_run(const std::string& name) const {
  return cat(run, "/containers/", name);
}
std::string ProjectPaths::container_cgroup(const std::string& name) const {
  return cat(cgroup, "/", name);
}
std::string ProjectPaths::log_dir(const std::string& name) const {
  return container_data(name) + "/log";
}
std::string ProjectPaths::netns(const std::string& name) const {
  return container_run(name) + "/netns";
}
std::string ProjectPaths::record(const std::string& name) const {
  return container_run(name) + "/record.json";
}
std::string ProjectPaths::state(const std::string& name) const {
  return container_run(name) + "/state.json";
}

}  // namespace base
