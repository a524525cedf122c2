// LogMover: moves what containers print from their FIFOs (or pty master) into bounded, rotated
// files by `splice` at an explicit offset, with time and stream in a side index. Written so that
// SIGKILL at any instruction loses no line: the offset is what the file holds, never a counter of
// ours.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "supervisor/log_export.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

struct LogLimits {
  std::uint64_t max_size = 20U << 20U;  // bytes a file
  unsigned max_files = 5;
  bool discard = false;  // the driver none: nothing is kept
};

struct LogStreams {
  base::Fd out;      // a FIFO to read from, or a pty's master
  base::Fd err;      // invalid: a tty, one stream
  base::Fd through;  // of a tty: a FIFO, read and write, that somebody else holds as well
};

class LogMover {
 public:
  explicit LogMover(Loop& loop);
  ~LogMover();
  LogMover(const LogMover&) = delete;
  LogMover& operator=(const LogMover&) = delete;

  // Starts moving. Continues the files in `dir` where they end. `derived`: what is to be fed from
  // them; null: nothing.
  void attach(const std::string& container, LogStreams streams, const std::string& dir,
              LogLimits limits, std::unique_ptr<LogExport> derived = nullptr);
  // Its program has ended: what is left is moved without waiting, and a last line without an end
  // counts. A terminal, which has hung up, is let go.
  void settle(const std::string& container);
  // The same, then lets go of everything.
  void detach(const std::string& container);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisor
