// Events: what happened to containers, as lines of JSON in a bounded journal of the stack's data
// folder (two files; the older one is dropped when the newer is full). The supervisor alone writes:
// one write() a line, so that a death in between leaves whole lines; a torn one (a full disk, a
// power cut) is skipped by readers and ended by the next writer. Reading needs no supervisor.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/paths.hpp"
#include "planner/desired.hpp"

namespace supervisor {

struct Event {
  std::chrono::system_clock::time_point time;
  std::string action;  // docker's word: create, start, die, "health_status: healthy"
  std::string container, service;
  std::map<std::string, std::string> attributes;
};
std::string encode_event(const Event& event);  // a line, with its newline
std::optional<Event> decode_event(const std::string& line);

class EventJournal {
 public:
  static constexpr std::uint64_t kMaxBytes = 1U << 20U;  // a file

  explicit EventJournal(const base::ProjectPaths& paths, std::uint64_t max_bytes = kMaxBytes);
  // Never throws: what cannot be told (a full disk) must not end a container.
  void add(const planner::Container& container, const std::string& action,
           std::map<std::string, std::string> attributes = {});

 private:
  void open();

  std::string file_;
  std::uint64_t max_bytes_;
  base::Fd fd_;
};

// The events of a stack in order, from the oldest that is kept, then those that come.
class EventReader {
 public:
  explicit EventReader(const base::ProjectPaths& paths);
  // Goes to the end of what is there now.
  void skip();
  // The next one, or nothing for now.
  std::optional<Event> next();
  // Returns when something may have come, after `longest` at the latest, or when `fd` (when >= 0)
  // is readable.
  void wait(std::chrono::milliseconds longest, int fd);

 private:
  bool open(const std::string& path);
  bool fill();

  std::string file_;
  base::Fd fd_, inotify_;
  std::uint64_t offset_ = 0;
  std::string buffer_;
  bool older_ = false;  // reading the older of the two files
};

}  // namespace supervisor
