// What the driver_opts of a volume of the driver `local` make of it. Pure; must not know whether
// the folder is there.
// Source: https://docs.docker.com/reference/cli/docker/volume/create/ (driver-specific options).
#pragma once

#include <string>
#include <vector>

#include "spec/stack_parts.hpp"

namespace spec {

inline constexpr const char* kTmpfsDevice = "tmpfs";

struct VolumePlace {
  std::string device;         // "": a folder of ours; absolute: that of the host; kTmpfsDevice
  bool recursive = false;     // with what is mounted inside it (`o: rbind`)
  bool read_only = false;     // `o: ro`
  std::string tmpfs_options;  // as those of `tmpfs:` of a service
};

struct VolumeOptions {
  VolumePlace place;
  std::string problem, hint;                // why there can be no such volume; empty: there can
  std::string at;                           // the option that the problem is about
  std::vector<std::string> without_effect;  // words of `o` of a folder
};

VolumeOptions read_volume_options(const StringMap& options);

// Whether the kernel's tmpfs or mount(8) knows it: "size=64m", "noexec".
bool is_tmpfs_option(std::string_view option);

}  // namespace spec
