// Limits that bite, read back, and groups that go away.
#include "executor/devices.hpp"
#include "kernel/executor_sandbox.hpp"

namespace {

using test::Result;
using test::Running;

class Cgroup : public test::Sandbox {
 protected:
  std::string group() { return paths_->container_cgroup(container_.name); }
};

TEST_F(Cgroup, CountsAnOutOfMemoryKill) {
  container_.limits.memory = 16U << 20U;
  const Result result = run({"python3", "-c", "x = bytearray(200 << 20); print(len(x))"});
  EXPECT_EQ(result.code, 137) << result.output;
  const executor::CgroupUsage usage = executor::cgroup_usage(group());
  EXPECT_EQ(usage.memory_limit, 16U << 20U);
  EXPECT_GE(usage.oom_kills, 1U);
}

TEST_F(Cgroup, LimitsProcesses) {
  container_.limits.pids = 5;
  const Result result = sh("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo end");
  EXPECT_NE(result.output.find("ork"), std::string::npos) << result.output;
}

TEST_F(Cgroup, LimitsTheCpu) {
  container_.limits.cpus = 0.2;
  Running running = start({"sh", "-c", "while :; do :; done"});
  ASSERT_FALSE(executor::launch_outcome(running.process));
  ::usleep(200000);
  const std::uint64_t before = executor::cgroup_usage(group()).cpu_usec;
  const base::Duration start_time = base::sys::monotonic_now();
  ::usleep(2000000);
  const double used = static_cast<double>(executor::cgroup_usage(group()).cpu_usec - before);
  const double passed =
      std::chrono::duration<double, std::micro>(base::sys::monotonic_now() - start_time).count();
  EXPECT_LT(used / passed, 0.22);  // an upper bound only: a busy machine may give less
  stop(running);
}

TEST_F(Cgroup, NamesARefusedLimit) {
  container_.limits.cpuset = "900-901";
  try {
    run({"true"});
    FAIL() << "a CPU that does not exist was accepted";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("limit cpuset = 900-901"), std::string::npos)
        << error.what();
  }
  container_.limits = {};
  container_.limits.cpus = 0.001;
  EXPECT_THROW(run({"true"}), base::Error);
  container_.limits = {};
  container_.limits.memory = 1U << 20U;
  container_.limits.memory_swap = 1000;
  EXPECT_THROW(run({"true"}), base::Error);
}

TEST_F(Cgroup, UpdatesInPlaceAndIsIdempotent) {
  executor::CgroupSettings settings;
  settings.limits.memory = 32U << 20U;
  settings.limits.cpu_shares = 512;
  settings.limits.pids = 50;
  settings.limits.memory_reservation = 8U << 20U;
  settings.limits.cpuset = "0";
  executor::ensure_cgroup(group(), settings);
  executor::ensure_cgroup(group(), settings);
  settings.limits.memory = 128U << 20U;
  executor::ensure_cgroup(group(), settings);
  EXPECT_EQ(executor::cgroup_usage(group()).memory_limit, 128U << 20U);
  executor::ensure_cgroup(group(), {});
  EXPECT_EQ(executor::cgroup_usage(group()).memory_limit, 0U);
  EXPECT_EQ(executor::cgroup_children(paths_->cgroup), std::vector<std::string>{container_.name});
}

TEST_F(Cgroup, KillsFreezesAndLists) {
  Running running = start({"sh", "-c", "sleep 100 & sleep 100 & wait"});
  ASSERT_FALSE(executor::launch_outcome(running.process));
  for (int i = 0; i < 200 && executor::cgroup_pids(group()).size() < 3; ++i) ::usleep(5000);
  EXPECT_EQ(executor::cgroup_pids(group()).size(), 3U);
  executor::freeze_cgroup(group(), true);
  executor::kill_cgroup(group());
  executor::freeze_cgroup(group(), false);
  EXPECT_EQ(test::wait_code(running.process.pid), 137);
  executor::remove_cgroup(group());
  EXPECT_TRUE(executor::cgroup_pids(group()).empty());
  executor::remove_cgroup(group());
}

TEST_F(Cgroup, LoadsTheDeviceFilterOfV2) {
  const executor::CgroupHost& host = executor::CgroupHost::get();
  for (const auto& hierarchy : host.hierarchies) {
    if (!hierarchy.v2) continue;
    executor::ensure_cgroup(group(), {});
    const std::string dir = hierarchy.mount + group();
    std::vector<executor::DeviceRule> rules = executor::standard_devices();
    executor::attach_device_filter(dir, rules);
    rules.push_back({'c', 10, 229, "rw"});
    executor::attach_device_filter(dir, rules);
    executor::detach_device_filter(dir);
    return;
  }
  GTEST_SKIP() << "no cgroup v2 hierarchy";
}

}  // namespace
