// LogMover: moves what containers print from their FIFOs (or pty master) into bounded, rotated
// files by `splice` at an explicit offset, with time and stream in a side index. Written so that
// SIGKILL at any instruction loses no line: the offset is what the file holds, never a counter of
// ours.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

struct LogLimits {
  std::uint64_t max_size = 20U << 20U;  // bytes a file
  unsigned max_files = 5;
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

  // Starts moving. Continues the files in `dir` where they end.
  void attach(const std::string& container, LogStreams streams, const std::string& dir,
              LogLimits limits);
  // Moves what is left without waiting, then lets go.
  void detach(const std::string& container);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisor
