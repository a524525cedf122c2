// The `host` image: which parts of the machine it shows and the small /etc of our own under them.
// Must show no secret of the host: no shadow, no keys, no home, no data.
#pragma once

#include "image/rootfs.hpp"

namespace image {

Rootfs resolve_host(const base::Roots& roots);

}  // namespace image
