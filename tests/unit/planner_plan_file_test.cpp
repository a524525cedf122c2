// A plan as a file: what is written is read as the same, and nothing else is read at all.
#include "planner/plan_file.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using nlohmann::json;

// One container goes, one is changed, one comes, with all that a plan can hold of each.
PlanFile example() {
  StackBuilder build;
  build.network("back");
  build.volume("data");
  build.attach("web", "back");
  spec::Mount mount;
  mount.source = "data";
  mount.target = "/data";
  build.service("web").mounts.push_back(mount);
  build.service("web").limits.cpus = 0.1;
  build.service("web").replicas = 2;
  build.service("web").healthcheck.emplace().test = {"CMD", "true"};
  build.publish("web", 8080, 2, 80);
  build.depends("web", "db");
  build.service("db");
  const DesiredState before = build.desire();
  const ActualState actual = running(before);
  build.service("web").replicas = 1;
  build.service("web").environment["GREETING"] = "h\u00e9llo \"you\"\n";
  build.service("cache");
  PlanFile out;
  out.made_by = "1.0";
  out.made_at = "2026-01-31T12:00:00Z";
  out.root = "/var/lib/stack";
  out.boot = "some-boot";
  out.services = {"web"};
  DiffOptions options;
  options.recorded = &before;
  out.plan = diff(build.desire(), actual, options);
  out.facts = basis_facts(actual, out.plan);
  return out;
}

std::string error_of(const std::string& text) {
  try {
    (void)read_plan_file(text, "plan.json");
  } catch (const base::Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string check_error_of(const Plan& plan) {
  try {
    check_plan(plan, FakeNames());
  } catch (const base::Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(PlanFile, IsReadAsItWasWritten) {
  const PlanFile file = example();
  ASSERT_GE(file.plan.steps.size(), 5U);
  const std::string text = write_plan_file(file);
  const PlanFile back = read_plan_file(text, "plan.json");
  EXPECT_EQ(write_plan_file(back), text);
  EXPECT_EQ(back.facts, file.facts);
  EXPECT_EQ(back.services, file.services);
  EXPECT_EQ(to_text(back.plan), to_text(file.plan));
  EXPECT_TRUE(back.plan.desired == file.plan.desired);
  EXPECT_TRUE(back.plan.removed == file.plan.removed);
  EXPECT_EQ(check_error_of(back.plan), "accepted");
}

TEST(PlanFile, IsCutOffNowhereUnnoticed) {
  const std::string text = write_plan_file(example());
  // Without the line feed at its end it is still whole.
  for (std::size_t size = 0; size + 2 < text.size(); size += 97) {
    EXPECT_NE(error_of(text.substr(0, size)).find("cut off"), std::string::npos) << size;
  }
}

TEST(PlanFile, NoDamageIsBelieved) {
  const std::string text = write_plan_file(example());
  for (std::size_t at = 0; at + 1 < text.size(); at += 101) {
    std::string bad = text;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    // Space between two tokens means nothing, whatever it is made of.
    if (json::parse(bad, nullptr, false) == json::parse(text)) continue;
    EXPECT_NE(error_of(bad), "accepted") << at;
  }
}

struct Fault {
  const char* pointer;
  json value;
  const char* expected;
};

TEST(PlanFile, FaultsAreNamedByTheirPath) {
  const json good = json::parse(write_plan_file(example()));
  const std::vector<Fault> faults = {
      {"/stack_plan", 2,
       "plan.json: was written by a newer stack: version 2 of the format, known are those up to 1"},
      {"/stack_plan", -1, "plan.json: stack_plan: should be 1 or more"},
      {"/plan", json::array(), "plan.json: plan: should be a mapping"},
      {"/plan/forget", 1, "plan.json: plan.forget: should be true or false"},
      {"/plan/more", 1, "plan.json: plan.more: is no field that this program knows"},
      {"/plan/signal", 1.5,
       "plan.json: plan.signal: should be a number from -2147483648 to 2147483647"},
      {"/plan/unchanged", -1, "plan.json: plan.unchanged: should be a number from 0 to 4294967295"},
      {"/plan/steps/0/action", "explode",
       "plan.json: plan.steps[0].action: should be one of create, prepare, start, update, replace, "
       "restart, signal, pause, unpause, stop, remove"},
      {"/plan/desired/containers/0/argv/0", nullptr,
       "plan.json: plan.desired.containers[0].argv[0]: should be a text"},
      {"/plan/desired/containers/0/stop_grace_period", "10s",
       "plan.json: plan.desired.containers[0].stop_grace_period: should be a number of "
       "nanoseconds"},
      {"/plan/desired/networks/0/bridge/addresses/0", "10.0.0.1/99",
       "plan.json: plan.desired.networks[0].bridge.addresses[0]: should be an address and a prefix "
       "length"},
      {"/facts/x", 1, "plan.json: facts.x: should be a text"},
      {"/plan/project", "other", "plan.json: the plan is damaged: its checksum does not fit"},
  };
  for (const Fault& fault : faults) {
    json bad = good;
    bad[json::json_pointer(fault.pointer)] = fault.value;
    EXPECT_EQ(error_of(bad.dump()), fault.expected);
  }
  json missing = good;
  missing["plan"]["steps"][0].erase("reasons");
  EXPECT_EQ(error_of(missing.dump()), "plan.json: plan.steps[0].reasons: is missing");
  EXPECT_EQ(error_of("{}"), "plan.json: is no plan of stack");
  EXPECT_EQ(error_of("{\n \"a\": x}"),
            "plan.json:2:7: error: the plan is damaged: this is no JSON");
  EXPECT_EQ(error_of(std::string(1000, '[')), "plan.json: nested deeper than any plan");
}

TEST(PlanFile, NoUtf8IsNotWritten) {
  PlanFile file = example();
  file.plan.desired.containers[0].environment = {"A=\xff"};
  EXPECT_THROW((void)write_plan_file(file), base::Error);
}

TEST(PlanFile, WhatHasChangedIsNamed) {
  EXPECT_EQ(
      changed_facts({{"a", "1"}, {"b", "1"}, {"c", "1"}}, {{"a", "1"}, {"b", "2"}, {"d", "1"}}),
      (std::vector<std::string>{"b has changed", "c has gone", "d is new"}));
}

struct BadPlan {
  void (*change)(Plan&);
  const char* expected;
};

TEST(PlanFile, APlanMustHoldTogether) {
  const Plan good = example().plan;
  const std::vector<BadPlan> cases = {
      {[](Plan& p) { p.steps[1].id = p.steps[0].id; }, "plan.steps[1].id: does not fit its target"},
      {[](Plan& p) { p.steps.push_back(p.steps.back()); }, "stands in the plan twice"},
      {[](Plan& p) { p.steps[0].after = {"container/x"}; },
       "plan.steps[0].after[0]: is no step before this one"},
      {[](Plan& p) { p.steps[0].reasons.clear(); }, "plan.steps[0].reasons: a step has a reason"},
      {[](Plan& p) { p.removed.clear(); }, "is described nowhere in the plan"},
      {[](Plan& p) { p.desired.containers[0].name = ".."; },
       "plan.desired.containers[0].name: is no name that a thing of a stack can have"},
      {[](Plan& p) { p.desired.volumes[0].name = "a/b"; },
       "plan.desired.volumes[0].name: is no name that a thing of a stack can have"},
      {[](Plan& p) { p.desired.networks[0].bridge.device = "eth0"; },
       "plan.desired.networks[0].bridge.device: is not what this stack has: st-"},
      {[](Plan& p) { p.desired.project = "x"; },
       "plan.desired.project: is another than plan.project"},
  };
  for (const BadPlan& test : cases) {
    Plan bad = good;
    test.change(bad);
    EXPECT_NE(check_error_of(bad).find(test.expected), std::string::npos)
        << check_error_of(bad) << " instead of " << test.expected;
  }
}

}  // namespace
