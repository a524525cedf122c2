// LogReader: lines of a container's log files in order with time and stream, for `stack logs`, with
// tail and follow across rotation. Reads only; needs no supervisor.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace supervisor {

struct LogLine {
  std::chrono::system_clock::time_point time;
  bool err = false;
  bool partial = false;  // no newline at its end (yet)
  std::string text;      // without the newline
};

class LogReader {
 public:
  // Of the folder that is at `path` now, or comes there: not of one that replaces it.
  explicit LogReader(std::string path);
  ~LogReader();
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;

  // Starts at the last `lines` lines instead of the beginning.
  void tail(std::size_t lines);
  // The next complete line, or nothing for now. At the end of a stopped container's log an
  // unfinished line is given by next(true).
  std::optional<LogLine> next(bool accept_partial = false);
  // The last lines as plain text, for an error message. Empty when there is no log.
  static std::string last_lines(const std::string& dir, std::size_t lines);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisor
