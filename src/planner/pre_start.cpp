#include "planner/pre_start.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace planner {

using base::cat;

namespace {

// No service of a file can have a space in its name.
constexpr std::string_view kMark = " pre_start ";
// docker compose's own label.
constexpr const char* kLabel = "com.docker.compose.hook";

struct StepKey {
  std::string service;
  unsigned step = 0;
  unsigned replica = 0;  // 0: once for all of them
};

std::string write_key(const StepKey& key) {
  std::string out = cat(key.service, kMark, key.step);
  if (key.replica != 0) out += cat(" of ", key.replica);
  return out;
}

std::optional<StepKey> parse_key(const std::string& text) {
  const std::size_t at = text.find(kMark);
  if (at == std::string::npos) return {};
  const std::vector<std::string> words = base::split(text.substr(at + kMark.size()), ' ');
  const auto number = [&words](std::size_t index) {
    return static_cast<unsigned>(index < words.size() ? base::parse_uint(words[index]).value_or(0)
                                                      : 0);
  };
  return StepKey{text.substr(0, at), number(0), number(2)};
}

// What else the service may do is its own: as docker compose has it, a step has the service's
// networks, mounts, files and environment, and no more of its rights than it asks for.
spec::Service step_service(const spec::Stack& stack, const spec::Service& service,
                           const spec::Hook& hook, const StepKey& key) {
  spec::Service out;
  out.name = write_key(key);
  out.container_name =
      cat(stack.name, "-", service.name, "-",
          key.replica == 0 ? std::string() : cat(key.replica, "-"), "pre_start-", key.step);
  out.place = hook.place.known() ? hook.place : service.place;
  const bool other_image = !hook.image.empty();
  out.image = other_image ? spec::Located<std::string>{hook.image, out.place} : service.image;
  if (!other_image) out.platform = service.platform;
  out.pull_policy = service.pull_policy;
  if (!hook.command.empty()) out.command = hook.command;
  out.environment = service.environment;
  for (const auto& [name, value] : hook.environment) out.environment[name] = value;
  out.working_dir = hook.working_dir.empty() ? service.working_dir : hook.working_dir;
  out.user.value = hook.user;
  if (hook.user.empty() && !other_image) out.user = service.user;
  out.privileged = hook.privileged;
  out.network_mode = service.network_mode;
  out.networks = service.networks;
  // The replicas themselves hold these.
  for (spec::Attachment& each : out.networks) {
    each.ipv4_address.reset();
    each.ipv6_address.reset();
    each.mac_address.clear();
    each.aliases.clear();
  }
  out.mounts = service.mounts;
  // A volume is filled from the image of the service it is for.
  for (spec::Mount& each : out.mounts) each.nocopy = each.nocopy || other_image;
  out.extras.configs = service.extras.configs;
  out.extras.secrets = service.extras.secrets;
  out.depends_on = service.depends_on;
  out.extra_hosts = service.extra_hosts;
  out.dns = service.dns;
  out.dns_search = service.dns_search;
  out.dns_opt = service.dns_opt;
  out.logging = service.logging;
  out.healthcheck.emplace().disabled = true;
  out.labels[kLabel] = "pre_start";
  return out;
}

void await_step(spec::Service& service, const StepKey& step) {
  spec::Dependency out;
  out.service = write_key(step);
  out.condition = spec::Condition::CompletedSuccessfully;
  out.implicit = true;
  service.depends_on.push_back(std::move(out));
}

bool is_anonymous(const DesiredState& desired, const MountSpec& mount) {
  const Volume* volume =
      mount.type == spec::MountType::Volume ? desired.volume(mount.source) : nullptr;
  return volume != nullptr && volume->key.empty();
}

// A volume without a name belongs to one replica: a step that runs for that replica alone has it,
// and to any other the folder is one of its own files, which go with it.
void share_mounts(DesiredState& desired, Container& step, const Container* replica) {
  std::vector<MountSpec> mounts;
  std::vector<std::string> unused;
  for (MountSpec& mount : step.mounts) {
    if (!is_anonymous(desired, mount)) {
      mounts.push_back(std::move(mount));
      continue;
    }
    unused.push_back(mount.source);
    if (replica == nullptr) continue;
    for (const MountSpec& theirs : replica->mounts) {
      if (theirs.target == mount.target) mounts.push_back(theirs);
    }
  }
  step.mounts = std::move(mounts);
  std::erase_if(desired.volumes, [&unused](const Volume& volume) {
    return std::find(unused.begin(), unused.end(), volume.name) != unused.end();
  });
}

}  // namespace

void add_steps(spec::Stack& stack) {
  std::map<std::string, spec::Service> added;
  for (auto& [name, service] : stack.services) {
    std::vector<StepKey> before;
    for (unsigned number = 1; number <= service.extras.pre_start.size(); ++number) {
      const spec::Hook& hook = service.extras.pre_start[number - 1];
      std::vector<StepKey> keys;
      if (!hook.per_replica && service.replicas > 0) keys.push_back({name, number, 0});
      for (unsigned replica = 1; hook.per_replica && replica <= service.replicas; ++replica) {
        keys.push_back({name, number, replica});
      }
      for (const StepKey& key : keys) {
        spec::Service step = step_service(stack, service, hook, key);
        for (const StepKey& each : before) {
          const bool others = key.replica != 0 && each.replica != 0 && key.replica != each.replica;
          if (!others) await_step(step, each);
        }
        added.emplace(step.name, std::move(step));
      }
      before = std::move(keys);
    }
    for (const StepKey& each : before) await_step(service, each);
  }
  stack.services.merge(added);
}

std::vector<std::string> with_steps(const spec::Stack& stack,
                                    const std::vector<std::string>& names) {
  std::vector<std::string> out = names;
  for (const auto& entry : stack.services) {
    const auto key = parse_key(entry.first);
    if (key && std::find(names.begin(), names.end(), key->service) != names.end()) {
      out.push_back(entry.first);
    }
  }
  return out;
}

void mark_steps(DesiredState& desired) {
  std::erase_if(desired.services,
                [](const std::string& name) { return parse_key(name).has_value(); });
  std::map<std::string, unsigned> replica_of;  // name of a step's container → whose; 0: of all
  for (Container& container : desired.containers) {
    const auto key = parse_key(container.service);
    if (!key) continue;
    container.service = key->service;
    container.step = key->step;
    container.index = std::max(key->replica, 1U);
    for (EndpointSpec& endpoint : container.endpoints) endpoint.aliases = {container.name};
    replica_of[container.name] = key->replica;
  }
  for (Container& container : desired.containers) {
    if (container.step == 0) {
      std::erase_if(container.depends_on, [&](const DependencySpec& dependency) {
        const auto at = replica_of.find(dependency.container);
        return at != replica_of.end() && at->second != 0 && at->second != container.index;
      });
      continue;
    }
    const auto replica = std::find_if(
        desired.containers.begin(), desired.containers.end(), [&](const Container& other) {
          return other.service == container.service && other.step == 0 && !other.oneoff &&
                 other.index == replica_of[container.name];
        });
    share_mounts(desired, container, replica == desired.containers.end() ? nullptr : &*replica);
  }
}

std::string describe_step(const Container& step) {
  return cat("pre_start step ", step.step, " of service ", step.service);
}

}  // namespace planner
