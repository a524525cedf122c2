// One-offs in plans: made once, never replicas, never orphans, gone with `down`.
#include <gtest/gtest.h>

#include <algorithm>

#include "planner/one_off.hpp"
#include "planner/plan.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

constexpr const char* kName = "shop-web-run-1";

StackBuilder shop_with_run() {
  StackBuilder build;
  build.attach("db", "default");
  build.attach("web", "default");
  build.publish("web", 8080, 1, 80);
  build.depends("web", "db", spec::Condition::Started);
  spec::Service run = build.service("web");
  run.name = one_off_key("web");
  run.container_name = kName;
  run.ports.clear();
  run.restart.mode = spec::RestartMode::Always;
  build.stack.services[run.name] = run;
  return build;
}

DesiredState with_run() {
  DesiredState out = shop_with_run().desire();
  mark_one_off(out, {"web", kName, true, false});
  return out;
}

DesiredState without_run() {
  DesiredState out = with_run();
  std::erase_if(out.containers, [](const Container& each) { return each.oneoff; });
  return out;
}

Texts targets(const Plan& plan) {
  Texts out;
  for (const Step& step : plan.steps) {
    if (step.kind == Kind::Container) out.push_back(describe(step));
  }
  return out;
}

ActualState after(const DesiredState& desired, const DiffOptions& options = {}) {
  ActualState out;
  out.project = desired.project;
  out = apply(diff(desired, out, options), out);
  for (ActualContainer& each : out.containers) each.oneoff = each.name == kName;
  out.supervisor_alive = true;
  return out;
}

TEST(OneOff, IsMarked) {
  const DesiredState desired = with_run();
  const Container* run = desired.container(kName);
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->service, "web");
  EXPECT_TRUE(run->oneoff && run->auto_remove);
  EXPECT_EQ(run->restart.mode, spec::RestartMode::No);
  EXPECT_EQ(run->labels.at("com.docker.compose.oneoff"), "True");
  EXPECT_EQ(run->endpoints.front().aliases, Texts{kName});
  EXPECT_EQ(std::count(desired.services.begin(), desired.services.end(), one_off_key("web")), 0);
  DesiredState known = shop_with_run().desire();
  mark_one_off(known, {"web", kName, true, true});
  const Texts& aliases = known.container(kName)->endpoints.front().aliases;
  EXPECT_EQ(std::count(aliases.begin(), aliases.end(), "web"), 1) << "with --use-aliases";
}

TEST(OneOff, ItAndWhatItDependsOn) {
  DiffOptions options;
  options.oneoff = kName;
  EXPECT_EQ(targets(diff(with_run(), ActualState{}, options)),
            (Texts{"container shop-db-1 create", base::cat("container ", kName, " create")}));
  options.no_deps = true;
  EXPECT_EQ(targets(diff(with_run(), ActualState{}, options)),
            (Texts{base::cat("container ", kName, " create")}));
}

TEST(OneOff, IsRunOnce) {
  DiffOptions options;
  options.oneoff = kName;
  ActualState there = after(with_run(), options);
  EXPECT_TRUE(diff(with_run(), there, options).empty());
  for (ActualContainer& each : there.containers) {
    if (each.oneoff) each.status = ContainerStatus::Exited;
  }
  EXPECT_TRUE(diff(with_run(), there, options).empty()) << "it has ended: that was it";
}

TEST(OneOff, OtherPlansLeaveItAlone) {
  ActualState there = after(with_run(), {.oneoff = kName});
  const Plan up = diff(without_run(), there);
  EXPECT_EQ(targets(up), Texts{"container shop-web-1 create"});
  EXPECT_TRUE(up.orphans.empty());
  EXPECT_EQ(targets(diff(without_run(), there, {.remove_orphans = true})),
            Texts{"container shop-web-1 create"});
  EXPECT_EQ(targets(plan_start(with_run(), there)), Texts{});
  EXPECT_EQ(targets(plan_stop(with_run(), there)), Texts{"container shop-db-1 stop"});
  EXPECT_EQ(targets(plan_lifecycle(with_run(), there, {Action::Restart, {}, 0})),
            Texts{"container shop-db-1 restart"});
  EXPECT_EQ(targets(plan_lifecycle(with_run(), there, {Action::Signal, {"web"}, 9})),
            Texts{base::cat("container ", kName, " signal")});
  for (ActualContainer& each : there.containers) {
    if (each.oneoff) each.status = ContainerStatus::Exited;
  }
  EXPECT_EQ(targets(diff(without_run(), there, {.remove_orphans = true})),
            (Texts{base::cat("container ", kName, " remove"), "container shop-web-1 create"}));
  EXPECT_EQ(targets(plan_down(with_run(), there)),
            (Texts{base::cat("container ", kName, " remove"), "container shop-db-1 remove"}));
}

TEST(OneOff, GoesAlone) {
  const ActualState there = after(with_run(), {.oneoff = kName});
  DownOptions options;
  options.containers = {kName};
  const Plan plan = plan_down(with_run(), there, options);
  EXPECT_EQ(targets(plan), Texts{base::cat("container ", kName, " remove")});
  EXPECT_FALSE(plan.forget);
  EXPECT_EQ(plan.step("network/shop_default"), nullptr);
}

TEST(OneOff, WhatRunsKeepsItsPorts) {
  DesiredState recorded = with_run();
  for (Container& each : recorded.containers) {
    if (each.oneoff) each.ports = recorded.container("shop-web-1")->ports;
  }
  DesiredState wished = without_run();
  ActualState there = after(with_run(), {.oneoff = kName});
  keep_one_offs(wished, recorded, there);
  ASSERT_NE(wished.container(kName), nullptr);
  EXPECT_FALSE(wished.container(kName)->ports.empty());
  for (ActualContainer& each : there.containers) each.status = ContainerStatus::Exited;
  wished = without_run();
  keep_one_offs(wished, recorded, there);
  EXPECT_EQ(wished.container(kName), nullptr) << "it has ended";
}

}  // namespace
