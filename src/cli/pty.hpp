// A pseudo terminal for `exec`, and the loop that joins ours with it. The pair comes from the
// container's own devpts, so that its programs find their terminal by name; from the host's where
// that cannot be.
#pragma once

#include "base/fd.hpp"
#include "base/process.hpp"

namespace cli {

struct Pty {
  base::Fd master, slave;
};
Pty open_pty(pid_t container);

// Passes keys, output and window size on until `process` has ended and nothing is left to show.
// Standard input is raw meanwhile, and as before afterwards, whatever happens.
void relay_terminal(const base::Fd& master, const base::PidFd& process);

}  // namespace cli
