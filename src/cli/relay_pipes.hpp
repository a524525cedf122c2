// A container's pipes joined with our own standard streams, byte for byte, for `run` without a
// terminal. Signals that are sent to us are the container's.
#pragma once

#include "base/fd.hpp"
#include "base/process.hpp"
#include "cli/signals.hpp"

namespace cli {

struct Pipes {
  base::Fd out, err;    // what it prints
  base::Fd in;          // invalid: nothing is passed on
  base::PidFd process;  // invalid: it has ended
};
// Until the process has ended and its pipes are empty. When nobody reads our standard output any
// more, it is killed, as a pipe kills its writer. The third signal kills it, too.
void relay_pipes(Pipes pipes, Signals& signals);

}  // namespace cli
