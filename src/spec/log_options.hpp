// LogOptions: what `logging` of a service says, typed: driver and options with docker's names,
// defaults and meaning. Pure; knows neither files nor sockets. To add an option: a member here, its
// row in log_options.cpp, its use in supervisor/log_*.cpp, a line in docs/logs.md.
// Source: https://docs.docker.com/engine/logging/drivers/
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spec/stack.hpp"

namespace spec {

enum class LogDriver : std::uint8_t { Local, JsonFile, Journald, Syslog, None };
enum class SyslogTransport : std::uint8_t { Local, Udp, Tcp, Unix, UnixDatagram };
enum class SyslogFormat : std::uint8_t { Unix, Rfc3164, Rfc5424, Rfc5424Micro };

struct SyslogOptions {
  SyslogTransport transport = SyslogTransport::Local;
  std::string host;  // a name or an address, or the path of a socket
  std::uint16_t port = 514;
  unsigned facility = 3;  // daemon
  SyslogFormat format = SyslogFormat::Unix;

  bool operator==(const SyslogOptions&) const = default;
};

struct LogOptions {
  LogDriver driver = LogDriver::Local;
  std::uint64_t max_size = 20U << 20U;  // bytes a file
  unsigned max_files = 5;
  bool non_blocking = false;
  std::uint64_t max_buffer = 1U << 20U;  // bytes not sent yet; non-blocking only
  std::string tag;                       // a template with {{.Name}} and the like
  std::vector<std::string> labels, env;  // whose values go along
  SyslogOptions syslog;

  bool operator==(const LogOptions&) const = default;
};

struct LogProblem {
  std::string option;  // empty: the driver
  std::string text, hint;
  bool fatal = true;  // false: the option has no effect
};
// The default stands for what is wrong; every mistake is in `problems`.
LogOptions parse_log_options(const Logging& logging, std::vector<LogProblem>& problems);
// For what was checked before.
LogOptions parse_log_options(const Logging& logging);

const char* driver_name(LogDriver driver);

}  // namespace spec
