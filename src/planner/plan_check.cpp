// check_plan(): whether a plan that somebody hands us holds together, before any of it is believed.
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "planner/plan_file.hpp"
#include "planner/steps.hpp"
#include "spec/volume_options.hpp"

namespace planner {

using base::cat;

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw base::Error(cat(path, ": ", what));
}

// Names become parts of paths.
void check_name(const std::string& name, const std::string& path) {
  bool good = !name.empty() && name.size() <= 255 && name != "." && name != "..";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    good = good && byte > 0x20 && byte != 0x7f && c != '/';
  }
  if (!good) refuse(path, "is no name that a thing of a stack can have");
}

void check_same(const std::string& found, const std::string& wanted, const std::string& path) {
  if (found != wanted) refuse(path, cat("is not what this stack has: ", wanted));
}

class Checker {
 public:
  Checker(const Plan& plan, const KernelNames& names) : plan_(plan), names_(names) {}

  void run() {
    check_name(plan_.project, "plan.project");
    check_networks(plan_.desired.networks, "plan.desired.networks");
    check_networks(plan_.removed_networks, "plan.removed_networks");
    for (std::size_t i = 0; i < plan_.desired.volumes.size(); ++i) {
      check_name(plan_.desired.volumes[i].name, cat("plan.desired.volumes[", i, "].name"));
    }
    check_containers(plan_.desired.containers, "plan.desired.containers");
    check_containers(plan_.removed, "plan.removed");
    if (plan_.desired.project != plan_.project) {
      refuse("plan.desired.project", "is another than plan.project");
    }
    std::set<std::string> before;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) check_step(i, before);
  }

 private:
  void check_networks(const std::vector<Network>& list, const std::string& path) const {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string at = cat(path, "[", i, "]");
      check_name(list[i].name, at + ".name");
      const std::string tag = names_.tag("net", list[i].name);
      check_same(list[i].bridge.device, cat("st-", tag), at + ".bridge.device");
      check_same(list[i].bridge.table, cat("stack-net-", tag), at + ".bridge.table");
    }
  }

  void check_containers(const std::vector<Container>& list, const std::string& path) const {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Container& container = list[i];
      const std::string at = cat(path, "[", i, "]");
      check_name(container.name, at + ".name");
      if (container.network == NetworkKind::Container) {
        check_name(container.network_container, at + ".network_container");
      }
      for (std::size_t n = 0; n < container.endpoints.size(); ++n) {
        const EndpointSpec& endpoint = container.endpoints[n];
        const std::string link = cat(at, ".endpoints[", n, "]");
        check_name(endpoint.network, link + ".network");
        const std::string tag = names_.tag("endpoint", cat(container.name, "/", endpoint.network));
        check_same(endpoint.link.device, cat("sv-", tag), link + ".link.device");
        check_same(endpoint.link.netns, names_.netns(container.name), link + ".link.netns");
        check_same(endpoint.link.bridge, cat("st-", names_.tag("net", endpoint.network)),
                   link + ".link.bridge");
      }
      for (std::size_t n = 0; n < container.mounts.size(); ++n) {
        const MountSpec& mount = container.mounts[n];
        const std::string where = cat(at, ".mounts[", n, "]");
        if (mount.type == spec::MountType::Volume) check_name(mount.source, where + ".source");
        if (!mount.device.empty() && mount.device != spec::kTmpfsDevice &&
            !base::starts_with(mount.device, "/")) {
          refuse(where + ".device", "is no absolute path");
        }
        if (!base::starts_with(mount.target, "/")) refuse(where + ".target", "is no absolute path");
      }
    }
  }

  void check_step(std::size_t index, std::set<std::string>& before) const {
    const Step& step = plan_.steps[index];
    const std::string at = cat("plan.steps[", index, "]");
    if (step.id != step_id(step.kind, step.target)) refuse(at + ".id", "does not fit its target");
    if (step.reasons.empty()) refuse(at + ".reasons", "a step has a reason");
    if (!is_described(step)) refuse(at + ".target", "is described nowhere in the plan");
    for (std::size_t i = 0; i < step.after.size(); ++i) {
      if (before.count(step.after[i]) == 0) {
        refuse(cat(at, ".after[", i, "]"), "is no step before this one");
      }
    }
    for (std::size_t i = 0; i < step.waits.size(); ++i) {
      if (plan_.container(step.waits[i].container) == nullptr) {
        refuse(cat(at, ".waits[", i, "].container"), "is described nowhere in the plan");
      }
    }
    if (!before.insert(step.id).second) refuse(at + ".id", "stands in the plan twice");
  }

  [[nodiscard]] bool is_described(const Step& step) const {
    switch (step.kind) {
      case Kind::Supervisor:
      case Kind::Ports:
        return step.target == plan_.project;
      case Kind::Network:
        return plan_.network(step.target) != nullptr;
      case Kind::Volume:
        return plan_.desired.volume(step.target) != nullptr;
      case Kind::Endpoint:
        return plan_.endpoint(step) != nullptr;
      case Kind::Container: {
        const Container* container = plan_.container(step.target);
        return container != nullptr && (step.action == Action::Remove || !container->argv.empty());
      }
    }
    return false;
  }

  const Plan& plan_;
  const KernelNames& names_;
};

}  // namespace

void check_plan(const Plan& plan, const KernelNames& names) {
  Checker(plan, names).run();
}

}  // namespace planner
