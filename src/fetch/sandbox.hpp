// The sandbox in which layers are unpacked: namespaces of its own with the target as its root, few
// capabilities, a seccomp allow-list, Landlock where there is one, bounded memory. Entered by a
// process that does nothing else afterwards.
#pragma once

#include <cstdint>

#include "base/fd.hpp"

namespace fetch {

// The filter, compiled once for all children; a file of sock_filter instructions.
base::Fd compile_filter();

struct SandboxRequest {
  int root = -1;                         // the folder that becomes /
  int filter = -1;                       // of compile_filter()
  std::uint64_t memory = 512ULL << 20U;  // of addresses, libraries included
  std::uint64_t file_size = 256ULL << 30U;
};
// Returns the new root, opened inside. Descriptors stay open. Throws base::SysError.
base::Fd enter_sandbox(const SandboxRequest& request);

}  // namespace fetch
