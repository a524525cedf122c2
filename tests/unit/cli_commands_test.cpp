// What the commands beside `up` say and understand, as far as it is pure.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.hpp"
#include "cli/arguments.hpp"
#include "cli/copy_path.hpp"
#include "cli/detach_keys.hpp"
#include "cli/event_text.hpp"
#include "cli/stats_view.hpp"
#include "cli/template_text.hpp"
#include "cli/when.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::system_clock;

TEST(DetachKeys, HoldBackWhatMayBeThem) {
  cli::DetachKeys keys;
  EXPECT_EQ(keys.pass("ab\x10"), "ab");
  EXPECT_EQ(keys.pass("c"),
            "\x10"
            "c");
  EXPECT_EQ(keys.pass("\x10\x10"), "\x10");
  EXPECT_FALSE(keys.detached());
  EXPECT_EQ(keys.pass("\x11more"), "");
  EXPECT_TRUE(keys.detached());
  EXPECT_EQ(keys.pass("x"), "");
}

TEST(DetachKeys, Words) {
  cli::DetachKeys one("ctrl-x");
  EXPECT_EQ(one.pass("a\x18"), "a");
  EXPECT_TRUE(one.detached());
  cli::DetachKeys none("");
  EXPECT_EQ(none.pass("\x10\x11"), "\x10\x11");
  cli::DetachKeys mixed("a,ctrl-]");
  EXPECT_EQ(mixed.pass("a\x1d"), "");
  EXPECT_TRUE(mixed.detached());
  EXPECT_THROW(cli::DetachKeys("ctrl-"), base::Error);
  EXPECT_THROW(cli::DetachKeys("alt-x"), base::Error);
}

TEST(Template, Fields) {
  const cli::FieldValues heads{{"Name", "NAME"}, {"PIDs", "PIDS"}};
  const std::vector<cli::FieldValues> rows{{{"Name", "a"}, {"PIDs", "1"}},
                                           {{"Name", "b\"c"}, {"PIDs", "22"}}};
  const auto text = [&](const std::string& format) {
    return cli::format_rows({format, heads, rows});
  };
  EXPECT_EQ(text(""), "NAME      PIDS\na         1\nb\"c       22\n");
  EXPECT_EQ(text("{{.Name}}: {{ .PIDs }}!"), "a: 1!\nb\"c: 22!\n");
  EXPECT_EQ(text("table {{.PIDs}}\\t{{.Name}}"), "PIDS      NAME\n1         a\n22        b\"c\n");
  EXPECT_EQ(text("{{json .Name}}"), "\"a\"\n\"b\\\"c\"\n");
  EXPECT_EQ(text("json"),
            "{\"Name\":\"a\",\"PIDs\":\"1\"}\n{\"Name\":\"b\\\"c\",\"PIDs\":\"22\"}\n");
  EXPECT_EQ(text("{{json .}}"), text("json"));
  EXPECT_THROW(text("{{.Nmae}}"), base::Error);
  EXPECT_THROW(text("{{range .}}"), base::Error);
}

TEST(Stats, UnitsAsDockerRoundsThem) {
  EXPECT_EQ(cli::binary_size(0), "0B");
  EXPECT_EQ(cli::binary_size(1023), "1023B");
  EXPECT_EQ(cli::binary_size(1536), "1.5KiB");
  EXPECT_EQ(cli::binary_size(7650410496), "7.125GiB");
  EXPECT_EQ(cli::decimal_size(1450), "1.45kB");
  EXPECT_EQ(cli::decimal_size(999'000'000), "999MB");
}

TEST(Stats, Fields) {
  cli::StatsRow row;
  row.name = "a-long-project-web-1";
  row.before.cpu_nanoseconds = 1'000'000'000;
  row.now.cpu_nanoseconds = 2'500'000'000;
  row.now.memory = 64U << 20U;
  row.now.memory_limit = 256U << 20U;
  row.now.received = 1000;
  row.now.pids = 3;
  row.passed = 1s;
  const auto fields = cli::stats_fields(row, false);
  const auto value = [&](const std::string& name) {
    for (const auto& field : fields) {
      if (field.first == name) return field.second;
    }
    return std::string("none");
  };
  EXPECT_EQ(value("ID"), "a-long-proje");
  EXPECT_EQ(value("CPUPerc"), "150.00%");
  EXPECT_EQ(value("MemUsage"), "64MiB / 256MiB");
  EXPECT_EQ(value("MemPerc"), "25.00%");
  EXPECT_EQ(value("NetIO"), "1kB / 0B");
  EXPECT_EQ(value("PIDs"), "3");
  row.passed = {};
  row.now.cpu_nanoseconds = 0;
  EXPECT_EQ(cli::stats_fields(row, true)[3].second, "0.00%") << "nothing is divided by nothing";
}

TEST(When, Forms) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const auto now = Clock::from_time_t(1'700'000'000);
  const auto at = [&](const std::string& text) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               cli::parse_when(text, now).time_since_epoch())
        .count();
  };
  EXPECT_EQ(at("10m"), 1'699'999'400'000);
  EXPECT_EQ(at("1h30m"), 1'699'994'600'000);
  EXPECT_EQ(at("1600000000"), 1'600'000'000'000);
  EXPECT_EQ(at("1600000000.25"), 1'600'000'000'250);
  EXPECT_EQ(at("2023-11-14"), 1'699'920'000'000);
  EXPECT_EQ(at("2023-11-14T22:13:20"), 1'700'000'000'000);
  EXPECT_EQ(at("2023-11-14T22:13:20.5Z"), 1'700'000'000'500);
  EXPECT_EQ(at("2023-11-14T23:13:20+01:00"), 1'700'000'000'000);
  for (const char* wrong : {"", "soon", "2023-13-40", "2023-11-14T22:13:20+1", "99999999999999"}) {
    EXPECT_THROW(cli::parse_when(wrong, now), base::Error) << wrong;
  }
}

TEST(Events, Text) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const supervisor::Event event{Clock::from_time_t(1'700'000'000) + 1500us,
                                "die",
                                "shop-web-1",
                                "web",
                                {{"exitCode", "1"}, {"name", "shop\x1b[2J"}}};
  EXPECT_EQ(cli::event_text(event),
            "2023-11-14 22:13:20.001500 container die shop-web-1 (exitCode=1, name=shop?[2J)\n");
  EXPECT_EQ(cli::event_json(event).substr(0, 50),
            "{\"action\":\"die\",\"attributes\":{\"exitCode\":\"1\",\"name");
}

TEST(Copy, Words) {
  const auto service = [](const std::string& word) { return cli::parse_copy_path(word).service; };
  EXPECT_EQ(service("web:/etc/x"), "web");
  EXPECT_EQ(cli::parse_copy_path("web:/etc/x:y").path, "/etc/x:y");
  for (const char* here : {"x", "/a:b", "./a:b", "../a:b", "-", ":x"}) EXPECT_EQ(service(here), "");
  EXPECT_EQ(cli::copied_name("/etc/nginx/"), "nginx");
  EXPECT_EQ(cli::copied_name("file"), "file");
  for (const char* contents : {"/", "/etc/.", ".", "a/..", ""}) {
    EXPECT_EQ(cli::copied_name(contents), "") << contents;
  }
}

TEST(Run, WhatFollowsTheServiceIsTheCommands) {
  const auto parsed = cli::parse_arguments({"run", "--rm", "-p", "80:80", "-e", "A=b",
                                            "--interactive=false", "web", "sh", "-c", "x", "--rm"});
  ASSERT_FALSE(parsed.exit.has_value()) << parsed.err;
  const cli::RunArgs& run = parsed.arguments.run;
  EXPECT_EQ(parsed.arguments.names, std::vector<std::string>{"web"});
  EXPECT_EQ(run.argv, (std::vector<std::string>{"sh", "-c", "x", "--rm"}));
  EXPECT_EQ(run.publish, std::vector<std::string>{"80:80"});
  EXPECT_TRUE(run.remove);
  EXPECT_FALSE(run.interactive);
  EXPECT_EQ(cli::parse_arguments({"run"}).exit, 1);
  EXPECT_EQ(cli::parse_arguments({"run", "--nonsense", "web"}).exit, 1);
}

}  // namespace
