#include "spec/log_options.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/ip.hpp"
#include "base/text.hpp"
#include "spec/report.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

struct DriverRow {
  LogDriver driver;
  const char* name;
};
constexpr std::array<DriverRow, 5> kDrivers{{{LogDriver::Local, "local"},
                                             {LogDriver::JsonFile, "json-file"},
                                             {LogDriver::Journald, "journald"},
                                             {LogDriver::Syslog, "syslog"},
                                             {LogDriver::None, "none"}}};

// RFC 5424, 6.2.1, with the names of docker and syslog(3).
constexpr std::array<const char*, 24> kFacilities{
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "",       "",       "",       "",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

class LogOptionsReader {
 public:
  explicit LogOptionsReader(std::vector<LogProblem>& problems) : problems_(problems) {}

  LogOptions run(const Logging& logging) {
    driver(logging.driver);
    for (const auto& [name, value] : logging.options) option(name, value);
    if (!logging.options.contains("syslog-address") && out_.driver == LogDriver::Syslog) {
      out_.syslog.transport = SyslogTransport::Local;
    }
    return std::move(out_);
  }

 private:
  void bad(const std::string& name, std::string text, std::string hint) {
    problems_.push_back({name, std::move(text), std::move(hint), true});
  }

  void driver(const std::string& name) {
    if (name.empty()) return;
    std::vector<std::string> known;
    for (const DriverRow& row : kDrivers) {
      known.emplace_back(row.name);
      if (name == row.name) {
        out_.driver = row.driver;
        return;
      }
    }
    std::string hint = suggestion(name, known);
    if (hint.empty()) hint = "the drivers are " + base::join(known, ", ");
    bad({}, base::cat("there is no driver '", name, "'"), std::move(hint));
  }

  [[nodiscard]] bool files() const {
    return out_.driver == LogDriver::Local || out_.driver == LogDriver::JsonFile;
  }

  void option(const std::string& name, const std::string& value) {
    if (name == "max-size") {
      out_.max_size = size(name, value, "max-size: 10m, or -1 for no limit", out_.max_size);
    } else if (name == "max-file") {
      const auto number = base::parse_uint(value);
      if (!number || *number < 1 || *number > 100'000) {
        bad(name, base::cat("max-file: '", value, "' is not a number of files"), "max-file: \"3\"");
      } else {
        out_.max_files = static_cast<unsigned>(*number);
      }
    } else if (name == "mode") {
      if (value != "blocking" && value != "non-blocking") {
        bad(name, base::cat("mode: '", value, "' is not known"), "blocking or non-blocking");
      }
      out_.non_blocking = value == "non-blocking";
    } else if (name == "max-buffer-size") {
      out_.max_buffer = size(name, value, "max-buffer-size: 4m", out_.max_buffer);
    } else if (name == "tag") {
      out_.tag = value;
    } else if (name == "labels") {
      out_.labels = names(value);
    } else if (name == "env") {
      out_.env = names(value);
    } else if (base::starts_with(name, "syslog-")) {
      syslog(name, value);
    } else if (name == "compress" || name == "labels-regex" || name == "env-regex" ||
               name == "cache-disabled" || base::starts_with(name, "cache-")) {
      problems_.push_back({name, base::cat("the option ", name, " has no effect yet"), {}, false});
    } else {
      bad(name, base::cat("the driver ", driver_name(out_.driver), " has no option '", name, "'"),
          suggestion(name, {"max-size", "max-file", "mode", "max-buffer-size", "tag", "labels",
                            "env", "syslog-address", "syslog-facility", "syslog-format"}));
    }
  }

  std::uint64_t size(const std::string& name, const std::string& value, const char* hint,
                     std::uint64_t otherwise) {
    const auto bytes = parse_bytes(value);
    if (bytes && *bytes == -1) return std::numeric_limits<std::uint64_t>::max();
    if (bytes && *bytes > 0) return static_cast<std::uint64_t>(*bytes);
    bad(name, base::cat(name, ": '", value, "' is not a size"), hint);
    return otherwise;
  }

  static std::vector<std::string> names(const std::string& list) {
    std::vector<std::string> out;
    for (const std::string& name : base::split(list, ',')) {
      if (const auto trimmed = base::trim(name); !trimmed.empty()) out.emplace_back(trimmed);
    }
    return out;
  }

  void syslog(const std::string& name, const std::string& value) {
    if (out_.driver != LogDriver::Syslog) {
      bad(name, base::cat("the driver ", driver_name(out_.driver), " has no option '", name, "'"),
          "driver: syslog");
    } else if (name == "syslog-address") {
      address(value);
    } else if (name == "syslog-facility") {
      facility(value);
    } else if (name == "syslog-format") {
      if (value == "rfc3164") {
        out_.syslog.format = SyslogFormat::Rfc3164;
      } else if (value == "rfc5424") {
        out_.syslog.format = SyslogFormat::Rfc5424;
      } else if (value == "rfc5424micro") {
        out_.syslog.format = SyslogFormat::Rfc5424Micro;
      } else if (!value.empty()) {
        bad(name, base::cat("syslog-format: '", value, "' is not known"),
            "rfc3164, rfc5424 or rfc5424micro");
      }
    } else if (base::starts_with(name, "syslog-tls-")) {
      bad(name, base::cat(name, ": syslog over TLS is not supported"),
          "send to a relay on this machine, such as rsyslog, that speaks TLS");
    } else {
      bad(name, base::cat("the driver syslog has no option '", name, "'"),
          "syslog-address, syslog-facility or syslog-format");
    }
  }

  void facility(const std::string& value) {
    const auto number = base::parse_uint(value);
    if (number && *number < kFacilities.size()) {
      out_.syslog.facility = static_cast<unsigned>(*number);
      return;
    }
    for (std::size_t i = 0; i < kFacilities.size(); ++i) {
      if (!value.empty() && value == kFacilities[i]) {
        out_.syslog.facility = static_cast<unsigned>(i);
        return;
      }
    }
    bad("syslog-facility", base::cat("syslog-facility: '", value, "' is not known"),
        "a name such as daemon or local0, or a number from 0 to 23");
  }

  void address(const std::string& value) {
    const std::size_t at = value.find("://");
    const std::string scheme = value.substr(0, at == std::string::npos ? 0 : at);
    const std::string rest = at == std::string::npos ? value : value.substr(at + 3);
    SyslogOptions& to = out_.syslog;
    if (scheme == "unix" || scheme == "unixgram") {
      to.transport = scheme == "unix" ? SyslogTransport::Unix : SyslogTransport::UnixDatagram;
      to.host = rest;
      if (!rest.empty() && rest[0] == '/' && rest.size() < 108) return;
    } else if (scheme == "tcp" || scheme == "udp") {
      to.transport = scheme == "tcp" ? SyslogTransport::Tcp : SyslogTransport::Udp;
      if (host_and_port(rest)) return;
    } else if (scheme == "tcp+tls") {
      bad("syslog-address", "syslog-address: syslog over TLS is not supported",
          "send to a relay on this machine, such as rsyslog, that speaks TLS");
      return;
    }
    bad("syslog-address", base::cat("syslog-address: '", value, "' is not an address"),
        "udp://host:port, tcp://host:port, unix:///path or unixgram:///path");
  }

  bool host_and_port(const std::string& text) {
    std::string host = text;
    std::string port;
    if (!text.empty() && text[0] == '[') {
      const std::size_t close = text.find(']');
      if (close == std::string::npos) return false;
      host = text.substr(1, close - 1);
      if (close + 1 < text.size()) {
        if (text[close + 1] != ':') return false;
        port = text.substr(close + 2);
      }
    } else if (const std::size_t colon = text.rfind(':'); colon != std::string::npos) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
    }
    out_.syslog.host = host;
    if (host.empty() || host.find_first_of("/ ") != std::string::npos) return false;
    if (port.empty()) return true;
    const auto number = base::parse_uint(port);
    if (!number || *number < 1 || *number > 65535) return false;
    out_.syslog.port = static_cast<std::uint16_t>(*number);
    return true;
  }

  LogOptions out_;
  std::vector<LogProblem>& problems_;
};

}  // namespace

LogOptions parse_log_options(const Logging& logging, std::vector<LogProblem>& problems) {
  return LogOptionsReader(problems).run(logging);
}

LogOptions parse_log_options(const Logging& logging) {
  std::vector<LogProblem> ignored;
  return parse_log_options(logging, ignored);
}

const char* driver_name(LogDriver driver) {
  for (const DriverRow& row : kDrivers) {
    if (row.driver == driver) return row.name;
  }
  return "";
}

}  // namespace spec
