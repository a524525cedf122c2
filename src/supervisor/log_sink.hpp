// LogSink: where a derived format goes: a file of docker's, the journal, a syslog server. Takes
// pieces in order and says when it cannot; never blocks. One file a driver: log_json.cpp,
// log_journald.cpp, log_syslog.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "planner/desired.hpp"
#include "spec/log_options.hpp"
#include "supervisor/child_work.hpp"
#include "supervisor/log_cursor.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

// What a driver tells of a container.
struct LogSubject {
  std::string container, image, image_id;
  std::string tag;                           // filled in
  std::map<std::string, std::string> extra;  // labels and variables asked for
};

// With docker's template for the tag: {{.Name}}, {{.ID}}, {{.ImageName}} and the like; a
// container's ID is its name here.
LogSubject log_subject(const planner::Container& container, const spec::LogOptions& options);

// What a sink must find again after a death, written together with the position; opaque.
struct SinkState {
  std::uint64_t size = 0, inode = 0;
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Later: not now; `ready` is called when it may be tried again. SettleFirst: what was taken so
  // far must be settled, and the position written down, before this one.
  enum class Write : std::uint8_t { Taken, Later, SettleFirst };
  virtual Write write(const LogPiece& piece) = 0;
  // Everything taken so far is where it belongs, and a position after it may be written down.
  virtual bool settle(SinkState& state) = 0;
};

struct SinkRequest {
  Loop& loop;
  ChildWork& work;
  spec::LogOptions options;
  LogSubject subject;
  std::string file;  // json-file: its path
  std::function<void()> ready;
  std::function<void()> broken;  // what was taken and not settled may be lost: give it again
  std::function<void(const std::string& text)> complain;  // once a trouble
};

std::unique_ptr<LogSink> make_json_sink(const SinkRequest& request, const SinkState& state);
std::unique_ptr<LogSink> make_journald_sink(const SinkRequest& request);
std::unique_ptr<LogSink> make_syslog_sink(const SinkRequest& request);

// The line of docker's json-file, newline included.
std::string json_log_line(const LogPiece& piece, const std::string& attrs);
// The datagram of the journal's native protocol.
std::string journal_entry(const LogPiece& piece, const LogSubject& subject);
// A syslog message, newline included. `pid`: of the sender.
struct SyslogSender {
  std::string host;
  int pid = 0;
};
std::string syslog_message(const LogPiece& piece, const spec::SyslogOptions& options,
                           const std::string& tag, const SyslogSender& sender);

}  // namespace supervisor
