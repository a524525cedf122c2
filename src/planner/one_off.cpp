#include "planner/one_off.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "planner/anonymous.hpp"

namespace planner {

namespace {

constexpr const char* kOneOffMark = " run";

bool one_off_ended(const ActualContainer& container) {
  return container.status == ContainerStatus::Exited;
}

// docker compose's own label, which scripts look for.
constexpr const char* kOneOffLabel = "com.docker.compose.oneoff";

void own_volumes(DesiredState& desired, Container& container) {
  for (MountSpec& mount : container.mounts) {
    if (mount.type != spec::MountType::Volume) continue;
    for (Volume& volume : desired.volumes) {
      if (volume.name != mount.source || !volume.key.empty()) continue;
      volume.name = anonymous_volume(desired.project, container, mount.target);
      mount.source = volume.name;
      break;
    }
  }
}

}  // namespace

std::string one_off_key(const std::string& service) {
  return service + kOneOffMark;
}

void mark_one_off(DesiredState& desired, const OneOffOptions& options) {
  const std::string key = one_off_key(options.service);
  std::erase(desired.services, key);
  for (Container& container : desired.containers) {
    if (container.service != key) continue;
    container.service = options.service;
    container.oneoff = true;
    container.auto_remove = options.auto_remove;
    container.restart = {};
    container.labels[kOneOffLabel] = "True";
    own_volumes(desired, container);
    for (EndpointSpec& endpoint : container.endpoints) {
      if (!options.use_aliases) {
        endpoint.aliases = {container.name};
      } else {
        std::replace(endpoint.aliases.begin(), endpoint.aliases.end(), key, options.service);
      }
    }
  }
}

void keep_one_offs(DesiredState& desired, const DesiredState& recorded, const ActualState& actual) {
  for (const Container& container : recorded.containers) {
    const ActualContainer* found = actual.container(container.name);
    if (!container.oneoff || found == nullptr || one_off_ended(*found) ||
        desired.container(container.name) != nullptr) {
      continue;
    }
    desired.containers.push_back(container);
    for (const EndpointSpec& endpoint : container.endpoints) {
      const Network* network = recorded.network(endpoint.network);
      if (network != nullptr && desired.network(endpoint.network) == nullptr) {
        desired.networks.push_back(*network);
      }
    }
  }
}

}  // namespace planner
