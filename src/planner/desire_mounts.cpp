#include "planner/desire_mounts.hpp"

#include <set>

#include "base/files.hpp"
#include "base/text.hpp"
#include "planner/anonymous.hpp"
#include "spec/volume_options.hpp"

namespace planner {

using base::cat;

namespace {

std::string add_anonymous_volume(const spec::Stack& stack, const Container& container,
                                 const std::string& target, DesiredState& desired) {
  std::string name = anonymous_volume(stack.name, container, target);
  desired.volumes.push_back({"", name, false, {}, {}});
  return name;
}

// Where a volume is that its driver_opts put somewhere else than into a folder of ours.
void place_volume(const Volume& volume, MountSpec& mount) {
  const spec::VolumePlace place = spec::read_volume_options(volume.driver_opts).place;
  mount.device = place.device;
  mount.recursive = place.recursive;
  mount.tmpfs_options = place.tmpfs_options;
  if (!place.read_only) return;
  mount.read_only = true;
  mount.nocopy = true;
}

}  // namespace

void desire_mounts(const spec::Stack& stack, const spec::Service& service, const ImageFacts& image,
                   Container& container, DesiredState& desired, Problems& problems) {
  std::set<std::string> targets;
  for (const auto* files : {&container.configs, &container.secrets}) {
    for (const FileSpec& file : *files) targets.insert(file.target);
  }
  for (const spec::Mount& mount : service.mounts) {
    MountSpec out;
    out.type = mount.type;
    out.source = mount.source;
    out.target = base::clean_path(mount.target);
    out.read_only = mount.read_only;
    out.create_host_path = mount.create_host_path;
    out.propagation = mount.propagation;
    out.nocopy = mount.nocopy;
    out.subpath = mount.subpath;
    out.tmpfs_size = mount.tmpfs_size;
    out.tmpfs_mode = mount.tmpfs_mode;
    out.tmpfs_options = mount.tmpfs_options;
    const spec::Place place = mount.place.known() ? mount.place : service.place;
    if (!targets.insert(out.target).second) {
      problems.add(place, cat("service \"", service.name, "\": two mounts at ", out.target));
    }
    if (mount.type == spec::MountType::Volume) {
      if (mount.source.empty()) {
        out.source = add_anonymous_volume(stack, container, out.target, desired);
      } else if (const auto volume = stack.volumes.find(mount.source);
                 volume != stack.volumes.end()) {
        out.source = volume->second.name;
        place_volume(*desired.volume(out.source), out);
        if (out.device == spec::kTmpfsDevice && !out.subpath.empty()) {
          problems.add(place, cat("service \"", service.name, "\": volume \"", mount.source,
                                  "\" is a tmpfs, which is empty: it has no subpath"));
        }
      } else {
        problems.add(
            place,
            cat("service \"", service.name, "\" refers to undefined volume \"", mount.source, "\""),
            "declare it under the top-level `volumes`");
      }
    }
    container.mounts.push_back(std::move(out));
  }
  for (const std::string& path : image.volumes) {
    MountSpec out;
    out.type = spec::MountType::Volume;
    out.target = base::clean_path(path);
    if (!targets.insert(out.target).second) continue;
    if (out.target == "/" || spec::is_kernels_own(out.target)) {
      problems.add(service.image.place.known() ? service.image.place : service.place,
                   cat("service \"", service.name, "\": image ", service.image.value,
                       " declares a volume at ", out.target, ", where nothing can be mounted"),
                   "use an image that does not");
      continue;
    }
    out.source = add_anonymous_volume(stack, container, out.target, desired);
    container.mounts.push_back(std::move(out));
  }
}

}  // namespace planner
