// Properties of diff() and plan_down() over random stacks and a model of the executor.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "planner/plan.hpp"
#include "planner/pre_start.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  bool one_in(unsigned n) { return below(n) == 0; }

 private:
  std::mt19937 engine_;
};

spec::Stack random_stack(Random& random) {
  StackBuilder build("model");
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f"};
  const std::vector<std::string> nets = {"default", "front", "back"};
  build.network("front").enable_ipv6 = random.one_in(2);
  build.network("back").internal = random.one_in(2);
  std::vector<std::string> there;
  for (const std::string& name : names) {
    if (random.one_in(3)) continue;
    spec::Service& service = build.service(name);
    service.replicas = random.below(4);
    service.environment["LEVEL"] = std::to_string(random.below(3));
    service.labels["tier"] = std::to_string(random.below(2));
    if (random.one_in(3)) service.limits.memory = 64U << 20U;
    if (random.one_in(4)) service.restart.mode = spec::RestartMode::Always;
    if (random.one_in(6) && service.replicas == 1) service.container_name = "named-" + name;
    bool open = false;
    for (const std::string& net : nets) {
      if (!random.one_in(2)) continue;
      build.attach(name, net);
      open = open || !build.stack.networks[net].internal;
    }
    open = open || service.networks.empty();
    if (open && random.one_in(2)) {
      build.publish(name, static_cast<std::uint16_t>(8000 + 10 * (name[0] - 'a')), 4, 80);
    }
    if (random.one_in(2)) {
      const std::string key = random.one_in(2) ? "data" : "cache";
      build.volume(key);
      spec::Mount mount;
      mount.source = key;
      mount.target = "/data";
      service.mounts.push_back(mount);
    }
    if (!there.empty() && random.one_in(2)) {
      build.depends(name, there[random.below(static_cast<unsigned>(there.size()))]);
      service.depends_on.back().restart = random.one_in(2);
    }
    while (random.one_in(3)) {
      spec::Hook& hook = service.extras.pre_start.emplace_back();
      hook.command = {"step", std::to_string(random.below(2))};
      hook.per_replica = random.one_in(2);
    }
    there.push_back(name);
  }
  add_steps(build.stack);
  return build.stack;
}

DesiredState random_desired(Random& random) {
  DesiredState out = planner::desire(random_stack(random), StackBuilder::world(), FakeNames());
  mark_steps(out);
  return out;
}

// What people, the kernel and other programs do between two runs.
void drift(Random& random, ActualState& actual) {
  for (ActualContainer& container : actual.containers) {
    if (random.one_in(4)) {
      container.status = static_cast<ContainerStatus>(random.below(5));
      if (container.status == ContainerStatus::Restarting) actual.supervisor_alive = false;
    }
    if (random.one_in(9)) container.fingerprint = "{half";
  }
  for (netfab::Endpoint& endpoint : actual.fabric.endpoints) {
    if (random.one_in(5)) endpoint.bridge.clear();
  }
  erase_where(actual.fabric.endpoints, [&](const auto&) { return random.one_in(6); });
  erase_where(actual.fabric.ports, [&](const auto&) { return random.one_in(3); });
  erase_where(actual.volumes, [&](const auto&) { return random.one_in(5); });
  if (random.one_in(3) && !actual.fabric.bridges.empty()) {
    const std::string device = actual.fabric.bridges.back().device;
    actual.fabric.bridges.pop_back();
    for (auto& endpoint : actual.fabric.endpoints) {
      if (endpoint.bridge == device) endpoint.bridge.clear();
    }
  }
}

void expect_well_formed(const Plan& plan) {
  std::set<std::string> before;
  for (const Step& step : plan.steps) {
    EXPECT_FALSE(step.reasons.empty()) << step.id;
    for (const std::string& id : step.after) {
      EXPECT_EQ(before.count(id), 1U) << step.id << " comes before " << id;
    }
    EXPECT_TRUE(before.insert(step.id).second) << step.id << " is there twice";
    if (step.kind == Kind::Endpoint) {
      EXPECT_NE(plan.endpoint(step), nullptr) << step.id;
    } else if (step.kind == Kind::Network) {
      EXPECT_NE(plan.network(step.target), nullptr) << step.id;
    } else if (step.kind == Kind::Container) {
      EXPECT_NE(plan.container(step.target), nullptr) << step.id;
    }
  }
}

class Model : public ::testing::TestWithParam<unsigned> {};

TEST_P(Model, AppliedPlanLeavesNothingToDo) {
  Random random(GetParam());
  const DesiredState first = random_desired(random);
  const DesiredState second = random_desired(random);
  ActualState actual = running(first);
  drift(random, actual);
  DiffOptions options;
  options.remove_orphans = true;
  options.recorded = &first;
  const Plan plan = diff(second, actual, options);
  expect_well_formed(plan);
  ActualState after = apply(plan, actual);
  after.supervisor_alive = true;
  const Plan again = diff(second, after, options);
  EXPECT_TRUE(again.empty()) << to_text(again);
  EXPECT_TRUE(again.orphans.empty());
  // Nothing of the first stack is left over either.
  std::set<std::string> wanted;
  for (const Container& container : second.containers) {
    // A step that nobody waits for is not made.
    if (container.step != 0 && after.container(container.name) == nullptr) continue;
    for (const EndpointSpec& endpoint : container.endpoints) wanted.insert(endpoint.link.device);
  }
  std::set<std::string> there;
  for (const netfab::Endpoint& endpoint : after.fabric.endpoints) there.insert(endpoint.device);
  EXPECT_EQ(there, wanted);
  EXPECT_EQ(after.fabric.bridges.size(), second.networks.size());
  EXPECT_EQ(after.containers.size(), second.containers.size());
}

TEST_P(Model, KilledAfterAnyStepConverges) {
  Random random(GetParam() + 1000);
  const DesiredState first = random_desired(random);
  const DesiredState second = random_desired(random);
  ActualState actual = running(first);
  drift(random, actual);
  DiffOptions options;
  options.remove_orphans = true;
  const Plan plan = diff(second, actual, options);
  for (std::size_t count = 0; count <= plan.steps.size(); ++count) {
    const ActualState killed = apply(plan, actual, count);
    const Plan next = diff(second, killed, options);
    expect_well_formed(next);
    ActualState after = apply(next, killed);
    after.supervisor_alive = true;
    const Plan last = diff(second, after, options);
    EXPECT_TRUE(last.empty()) << "killed after " << count << " steps\n" << to_text(last);
  }
}

TEST_P(Model, DownLeavesNothing) {
  Random random(GetParam() + 2000);
  const DesiredState desired = random_desired(random);
  // Also of a run that was killed on its way up.
  ActualState empty;
  const Plan up = diff(desired, empty);
  for (std::size_t count = 0; count <= up.steps.size(); ++count) {
    const ActualState actual = apply(up, empty, count);
    DownOptions options;
    options.volumes = true;
    const Plan plan = plan_down(desired, actual, options);
    expect_well_formed(plan);
    const ActualState after = apply(plan, actual);
    EXPECT_TRUE(after.containers.empty());
    EXPECT_TRUE(after.networks.empty());
    EXPECT_TRUE(after.volumes.empty());
    EXPECT_EQ(after.fabric, netfab::Fabric{}) << "up was killed after " << count << " steps";
    EXPECT_TRUE(plan.forget);
    EXPECT_TRUE(plan_down(desired, after, options).empty());
  }
}

TEST_P(Model, DownKilledAfterAnyStepConverges) {
  Random random(GetParam() + 3000);
  const DesiredState desired = random_desired(random);
  const ActualState actual = running(desired);
  DownOptions options;
  options.volumes = true;
  const Plan plan = plan_down(desired, actual, options);
  for (std::size_t count = 0; count <= plan.steps.size(); ++count) {
    const ActualState killed = apply(plan, actual, count);
    const ActualState after = apply(plan_down(desired, killed, options), killed);
    EXPECT_EQ(after.fabric, netfab::Fabric{}) << "killed after " << count << " steps";
    EXPECT_TRUE(after.containers.empty());
    EXPECT_TRUE(after.volumes.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, ::testing::Range(0U, 60U));

}  // namespace
