// Capabilities, seccomp profiles and device filters as values; nothing is installed.
#include <gtest/gtest.h>
#include <linux/capability.h>

#include "base/error.hpp"
#include "executor/capabilities.hpp"
#include "executor/devices.hpp"
#include "executor/seccomp.hpp"

namespace {

TEST(Capabilities, KnowsNames) {
  EXPECT_EQ(executor::capability_number("NET_ADMIN"), 12U);
  EXPECT_EQ(executor::capability_number("cap_net_admin"), 12U);
  EXPECT_EQ(executor::capability_number("CHECKPOINT_RESTORE"), 40U);
  EXPECT_FALSE(executor::capability_number("NET_ADMINN"));
}

TEST(Capabilities, AddsAndDrops) {
  const auto all = executor::all_capabilities();
  const auto standard = executor::default_capabilities() & all;
  using Names = std::vector<std::string>;
  EXPECT_EQ(executor::resolve_capabilities({Names{}, Names{}}), standard);
  EXPECT_EQ(executor::resolve_capabilities({Names{}, Names{"ALL"}}), 0U);
  EXPECT_EQ(executor::resolve_capabilities({Names{"ALL"}, Names{}}), all);
  EXPECT_FALSE(executor::has_capability(
      executor::resolve_capabilities({Names{"ALL"}, Names{"CHOWN"}}), CAP_CHOWN));
  EXPECT_THROW(executor::resolve_capabilities({Names{"NO_SUCH"}, Names{}}), base::Error);
  EXPECT_THROW(executor::resolve_capabilities({Names{}, Names{"NO_SUCH"}}), base::Error);
}

TEST(Seccomp, CompilesAndKeeps) {
  EXPECT_EQ(executor::seccomp_filter("unconfined", 0), nullptr);
  const auto* filter = executor::seccomp_filter("", executor::default_capabilities());
  ASSERT_NE(filter, nullptr);
  EXPECT_GT(filter->size(), 100U);
  EXPECT_EQ(filter, executor::seccomp_filter("", executor::default_capabilities()));
  EXPECT_NE(filter, executor::seccomp_filter("", 0));
}

TEST(Seccomp, ReadsProfiles) {
  const auto profile = executor::parse_profile(
      R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[
          {"names":["read","write"],"action":"SCMP_ACT_ALLOW"},
          {"name":"clone","action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":0,
           "op":"SCMP_CMP_MASKED_EQ"}],"excludes":{"caps":["CAP_SYS_ADMIN"]}}]})",
      "p.json");
  ASSERT_EQ(profile.rules.size(), 2U);
  EXPECT_EQ(profile.fallback_errnum, 38U);
  EXPECT_EQ(profile.rules[1].without_caps, std::vector<std::string>{"CAP_SYS_ADMIN"});
  for (const char* bad :
       {"", "{", "{}", R"({"defaultAction":"SCMP_ACT_NOPE"})", R"({"defaultAction":1})"}) {
    EXPECT_THROW(executor::parse_profile(bad, "p.json"), base::Error) << bad;
  }
}

TEST(Devices, CompilesTheFilter) {
  const auto code = executor::device_filter(executor::standard_devices());
  ASSERT_GT(code.size(), 20U);
  EXPECT_EQ(code.back().code, BPF_JMP | BPF_EXIT);
}

}  // namespace
