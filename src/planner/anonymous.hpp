// Anonymous volumes: those that a service mounts without a name of its own, known by who mounts
// them where. Pure; internal to planner.
#pragma once

#include <string>

#include "base/text.hpp"
#include "planner/desired.hpp"

namespace planner {

// The name under which the volume that `container` mounts at `target` is kept. A replica keeps it
// across its replacements; a one-off's is its own.
inline std::string anonymous_volume(const std::string& project, const Container& container,
                                    const std::string& target) {
  const std::string owner = container.oneoff
                                ? container.name
                                : base::cat(project, "-", container.service, "-", container.index);
  return base::cat(owner, "-", base::short_hash(target));
}

inline bool is_anonymous(const std::string& project, const Container& container,
                         const MountSpec& mount) {
  return mount.type == spec::MountType::Volume &&
         mount.source == anonymous_volume(project, container, mount.target);
}

}  // namespace planner
