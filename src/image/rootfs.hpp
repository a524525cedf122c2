// What an image reference resolves to: lower directories and binds that make up a root, and the
// image's own configuration. For now `host` (the machine's /usr under a small /etc of ours) and
// `dir:ROOTFS`.
#pragma once

#include <string>
#include <vector>

#include "base/paths.hpp"
#include "image/config.hpp"

namespace image {

// A part of the host's file system shown read-only inside.
struct HostBind {
  std::string source, target;
};

struct Rootfs {
  std::string id;                  // changes when the content's identity does
  std::vector<std::string> lower;  // overlay layers, topmost first; absolute
  std::vector<HostBind> binds;     // mounted read-only over the overlay
  ImageConfig config;
};

// Resolves a reference; makes the skeleton of `host` under roots.images() when it is missing or
// stale. Relative `dir:` paths are below `working_dir`. Throws base::Error that names the image and
// says what to do ("image nginx:1.27 is not here: registries are not supported yet; use host or
// dir:ROOTFS").
Rootfs resolve(const std::string& reference, const std::string& working_dir,
               const base::Roots& roots);

}  // namespace image
