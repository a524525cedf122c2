// What an image reference resolves to: lower directories and binds that make up a root, and the
// image's own configuration: `host` (the machine's /usr under a small /etc of ours), `dir:ROOTFS`,
// or an image of the store, which somebody has to have pulled or loaded before.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
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

// Not in the store, or not fit for use: `up` fetches it.
class MissingImage : public base::Error {
 public:
  using base::Error::Error;
};

struct ResolveOptions {
  std::string platform;  // "": this machine's
  std::string id;  // of an image of the store: that very image, whatever the name means by now
};

// Resolves a reference; makes the skeleton of `host` under roots.images() when it is missing or
// stale. Relative paths are below `working_dir`. Throws MissingImage, or base::Error that names the
// image and says what to do.
Rootfs resolve(const std::string& reference, const std::string& working_dir,
               const base::Roots& roots, const ResolveOptions& options);
inline Rootfs resolve(const std::string& reference, const std::string& working_dir,
                      const base::Roots& roots) {
  return resolve(reference, working_dir, roots, {});
}

// What must happen before resolve() gives an image.
enum class Need : std::uint8_t {
  Nothing,
  Pull,    // a registry's, not here
  Load,    // an archive or layout: not loaded, or changed since
  Unpack,  // its layers may not have reached the disk before the machine stopped: made anew
};
struct Presence {
  Need need = Need::Nothing;
  std::string name;     // in the store
  std::string id;       // "" when not here
  std::int64_t at = 0;  // seconds since the epoch: when it was pulled or loaded
};
Presence look_for(const std::string& reference, const std::string& working_dir,
                  const base::Roots& roots, const ResolveOptions& options);

}  // namespace image
