// LogExport: feeds one container's derived log from its raw one: json-file, journald, syslog. Its
// position is written down after what lies before it has been delivered, so that a death repeats at
// most what was not settled: nothing in a file of ours, some lines over a network.
#pragma once

#include <memory>
#include <string>

#include "supervisor/log_sink.hpp"

namespace supervisor {

struct ExportRequest {
  Loop& loop;
  ChildWork& work;
  spec::LogOptions options;
  LogSubject subject;
  std::string dir;   // of the raw log
  std::string file;  // json-file
};

class LogExport {
 public:
  explicit LogExport(ExportRequest request);
  ~LogExport();
  LogExport(const LogExport&) = delete;
  LogExport& operator=(const LogExport&) = delete;

  // Something has come into the raw log.
  void moved();
  // Whether segments before `first` may go. What a non-blocking driver has not delivered by then is
  // dropped and counted; any other keeps them.
  bool give_up_before(std::uint64_t first);
  // The container has ended: a last line without an end goes out too, as far as can be now.
  void finish();

 private:
  void pump(LogCursor::Rest rest, unsigned most);
  void drop_surplus();
  void write_position(const SinkState& state);
  void load_position();

  ExportRequest request_;
  base::Fd file_;  // the position
  LogPosition settled_{};
  SinkState state_;
  std::uint64_t dropped_ = 0;
  std::unique_ptr<LogCursor> cursor_;
  std::unique_ptr<LogSink> sink_;
  Loop::Id timer_ = 0;
  bool stuck_ = false, unsettled_ = false, complained_ = false;
};

// Lines that were dropped (mode: non-blocking), of a container whose raw log is in `dir`.
std::uint64_t dropped_lines(const std::string& dir);

// None for the drivers local and none.
std::unique_ptr<LogExport> make_log_export(ExportRequest request);

}  // namespace supervisor
