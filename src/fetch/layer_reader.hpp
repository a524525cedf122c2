// unpack_layer(): one layer's bytes into a folder, with the digest of the uncompressed stream taken
// on the way. Meant to run inside the sandbox (fetch/sandbox.hpp): libarchive reads what somebody
// hostile may have written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "fetch/hash.hpp"
#include "fetch/inflate.hpp"

namespace fetch {

struct LayerLimits {
  std::uint64_t entries = 2'000'000;
  std::size_t xattr_bytes = 1U << 20U;  // of one entry
  InflateLimits inflate;
};

struct UnpackedLayer {
  image::Digest diff_id;
  std::uint64_t size = 0;  // of files' content
  std::uint64_t entries = 0;
  std::vector<std::string> implied;  // folders without an entry (LayerTree::implied)
};

struct UnpackRequest {
  int blob = -1;  // read from its start
  base::Fd root;  // the folder
  LayerLimits limits;
  std::function<void(std::uint64_t consumed)> progress;  // of the blob's bytes
};
// Throws base::Error that names the entry.
UnpackedLayer unpack_layer(UnpackRequest request);

}  // namespace fetch
