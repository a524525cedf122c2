// A pseudo terminal for `exec`, and the loop that joins ours with it. The pair comes from the
// container's own devpts, so that its programs find their terminal by name; from the host's where
// that cannot be.
#pragma once

#include "base/fd.hpp"
#include "base/process.hpp"
#include "cli/detach_keys.hpp"

namespace cli {

struct Pty {
  base::Fd master, slave;
};
Pty open_pty(pid_t container);

// Passes keys, output and window size on until `process` has ended and nothing is left to show;
// an invalid one has. Standard input is raw meanwhile, and as before afterwards, whatever happens.
// With `keys` until they are typed, too: false then.
bool relay_terminal(const base::Fd& master, const base::PidFd& process, DetachKeys* keys = nullptr);

}  // namespace cli
