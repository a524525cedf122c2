// What `logging` accepts, driver by driver, and what it says about mistakes.
#include "spec/log_options.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace {

using spec::LogDriver;
using spec::LogOptions;
using spec::LogProblem;
using spec::SyslogFormat;
using spec::SyslogTransport;

LogOptions good(const spec::Logging& logging) {
  std::vector<LogProblem> problems;
  LogOptions out = spec::parse_log_options(logging, problems);
  for (const LogProblem& problem : problems) ADD_FAILURE() << problem.text;
  return out;
}

std::string bad(const spec::Logging& logging) {
  std::vector<LogProblem> problems;
  (void)spec::parse_log_options(logging, problems);
  return problems.size() == 1 ? problems[0].option + "|" + problems[0].text : "no single problem";
}

TEST(LogOptions, Defaults) {
  EXPECT_EQ(good({}), LogOptions{});
  EXPECT_EQ(good({"none", {}}).driver, LogDriver::None);
  EXPECT_EQ(good({"", {{"max-size", "10m"}}}).max_size, 10U << 20U);
  EXPECT_EQ(good({"local", {{"max-size", "-1"}}}).max_size,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(good({"json-file", {{"max-file", "3"}}}).max_files, 3U);
  const LogOptions fast = good({"", {{"mode", "non-blocking"}, {"max-buffer-size", "4k"}}});
  EXPECT_TRUE(fast.non_blocking);
  EXPECT_EQ(fast.max_buffer, 4096U);
  EXPECT_EQ(good({"json-file", {{"labels", "a, b"}}}).labels, (std::vector<std::string>{"a", "b"}));
}

TEST(LogOptions, SyslogAddresses) {
  const auto parse = [](const char* address) {
    return good({"syslog", {{"syslog-address", address}}}).syslog;
  };
  EXPECT_EQ(good({"syslog", {}}).syslog.transport, SyslogTransport::Local);
  EXPECT_EQ(parse("udp://192.0.2.1").port, 514);
  EXPECT_EQ(parse("tcp://log.example:6514").host, "log.example");
  EXPECT_EQ(parse("tcp://log.example:6514").port, 6514);
  EXPECT_EQ(parse("udp://[2001:db8::1]:99").host, "2001:db8::1");
  EXPECT_EQ(parse("unix:///dev/log").transport, SyslogTransport::Unix);
  EXPECT_EQ(parse("unixgram:///dev/log").host, "/dev/log");
  const LogOptions all =
      good({"syslog", {{"syslog-facility", "local3"}, {"syslog-format", "rfc5424micro"}}});
  EXPECT_EQ(all.syslog.facility, 19U);
  EXPECT_EQ(all.syslog.format, SyslogFormat::Rfc5424Micro);
  EXPECT_EQ(good({"syslog", {{"syslog-facility", "16"}}}).syslog.facility, 16U);
}

TEST(LogOptions, Mistakes) {
  EXPECT_EQ(bad({"syslogg", {}}), "|there is no driver 'syslogg'");
  EXPECT_EQ(bad({"", {{"max-size", "big"}}}), "max-size|max-size: 'big' is not a size");
  EXPECT_EQ(bad({"", {{"max-size", "0"}}}), "max-size|max-size: '0' is not a size");
  EXPECT_EQ(bad({"", {{"max-file", "0"}}}), "max-file|max-file: '0' is not a number of files");
  EXPECT_EQ(bad({"", {{"mode", "fast"}}}), "mode|mode: 'fast' is not known");
  EXPECT_EQ(bad({"local", {{"max-sise", "1m"}}}),
            "max-sise|the driver local has no option 'max-sise'");
  EXPECT_EQ(bad({"local", {{"syslog-address", "udp://a"}}}),
            "syslog-address|the driver local has no option 'syslog-address'");
  for (const char* address :
       {"a:1", "http://a", "udp://", "udp://a:0", "udp://a:x", "unix://rel"}) {
    EXPECT_EQ(bad({"syslog", {{"syslog-address", address}}}),
              std::string("syslog-address|syslog-address: '") + address + "' is not an address");
  }
  EXPECT_EQ(bad({"syslog", {{"syslog-facility", "24"}}}),
            "syslog-facility|syslog-facility: '24' is not known");
}

}  // namespace
