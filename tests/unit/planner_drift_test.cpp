// Facts of a closer look → reasons: table-driven, no kernel.
#include "planner/drift.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

// A stack that runs and was looked at closely: nothing differs.
ActualState looked_at(const DesiredState& desired) {
  ActualState out = running(desired);
  out.ports_table = "stack-ports-x";
  out.tables.emplace();
  out.tables->push_back({out.ports_table, true});
  for (const Network& network : desired.networks)
    out.tables->push_back({network.bridge.table, true});
  for (ActualContainer& container : out.containers) {
    CloseLook& look = container.look.emplace();
    look.inside.pinned = true;
    look.inside.names = netfab::NameService::There;
    for (const EndpointSpec& endpoint : desired.container(container.name)->endpoints) {
      look.inside.links.push_back({endpoint.link.inner_device, "02:42:00:00:00:01", true,
                                   endpoint.link.addresses, endpoint.link.gateways});
    }
  }
  SupervisorLook& ours = out.supervisor.emplace();
  ours.process = {100, 1};
  ours.keeper = {99, 1};
  return out;
}

DesiredState small() {
  StackBuilder build;
  build.attach("web", "default");
  build.publish("web", 8080, 1, 80);
  return build.desire();
}

ActualContainer& web(ActualState& actual) {
  return actual.containers.front();
}

Texts told(const DesiredState& desired, const ActualState& actual) {
  DiffOptions options;
  options.recorded = &desired;
  Texts out;
  for (const Step& step : diff(desired, actual, options).steps) {
    for (const Reason& reason : step.reasons) {
      out.push_back(base::cat(step.id, " ", describe(step).substr(describe(step).rfind(' ') + 1),
                              ": ", reason.text));
    }
  }
  return out;
}

TEST(Drift, NothingDiffers) {
  const DesiredState desired = small();
  EXPECT_EQ(told(desired, looked_at(desired)), Texts{});
  EXPECT_EQ(told(desired, running(desired)), Texts{}) << "nobody looked: no drift";
}

TEST(Drift, EachFactIsNamed) {
  const DesiredState desired = small();
  const std::string device = desired.networks.at(0).bridge.device;
  const netfab::Endpoint& link = desired.containers.at(0).endpoints.at(0).link;
  const std::string box = "container/" + desired.containers.at(0).name;
  const std::string end =
      base::cat("endpoint/", desired.containers.at(0).name, "/", desired.networks.at(0).name);
  const std::string net = "network/" + desired.networks.at(0).name;
  struct Case {
    std::function<void(ActualState&)> breaks;
    std::string told;
  };
  const std::vector<Case> cases = {
      {[](ActualState& a) {
         web(a).look->stopped = true;
         web(a).process.pid = 7;
       },
       box + " update: process 7 is stopped (SIGSTOP)"},
      {[](ActualState& a) { web(a).look->frozen = true; },
       box + " update: its control group is frozen"},
      {[](ActualState& a) { web(a).recovered = true; },
       box + " update: its record in the runtime folder has gone"},
      {[](ActualState& a) { web(a).look->inside = {}; },
       box + " update: its network namespace is not pinned any more"},
      {[](ActualState& a) { web(a).look->inside.names = netfab::NameService::NoSocket; },
       box + " update: names are not answered: the sockets behind 127.0.0.11 have gone"},
      {[](ActualState& a) {
         web(a).look->limits.push_back({"pids_limit", "max", "7"});
       },
       box + " update: limit pids_limit is not as it was set"},
      {[](ActualState& a) {
         web(a).look->sysctls.push_back({"net.core.somaxconn", "9", "8"});
       },
       box + " update: sysctl net.core.somaxconn is not as it was set"},
      {[](ActualState& a) {
         web(a).look->files.push_back({"/etc/hosts", "", "empty"});
       },
       box + " update: /etc/hosts is empty"},
      {[](ActualState& a) { web(a).look->lost_mounts = {"/data"}; },
       box + " restart: nothing is mounted at /data any more"},
      {[](ActualState& a) { web(a).look->inside.links.clear(); },
       base::cat(end, " update: interface ", link.inner_device, " is missing inside")},
      {[](ActualState& a) { web(a).look->inside.links[0].up = false; },
       base::cat(end, " update: interface ", link.inner_device, " is down inside")},
      {[](ActualState& a) { web(a).look->inside.links[0].addresses.clear(); },
       base::cat(end, " update: ", link.inner_device, ": address ", link.addresses.at(0).str(),
                 " is missing")},
      {[](ActualState& a) { web(a).look->inside.links[0].gateways.clear(); },
       base::cat(end, " update: ", link.inner_device, ": default route via ",
                 link.gateways.at(0).str(), " is missing")},
      {[&](ActualState& a) {
         a.down = {link.device};
         a.fabric.endpoints[0].bridge.clear();
       },
       base::cat(end, " update: device ", link.device, " is down")},
      {[&](ActualState& a) {
         a.down = {device};
         a.fabric.bridges[0].addresses.clear();
       },
       base::cat(net, " update: device ", device, " is down")},
      {[](ActualState& a) { a.tables->pop_back(); },
       base::cat(net, " update: nft table ", desired.networks.at(0).bridge.table, " has gone")},
      {[](ActualState& a) { a.tables->back().intact = false; },
       base::cat(net, " update: nft table ", desired.networks.at(0).bridge.table,
                 " has not the rules it was made with")},
      {[&](ActualState& a) {
         a.network_sysctls[desired.networks.at(0).name] = {{"net/ipv4/ip_forward", "1", "0"}};
       },
       net + " update: sysctl net/ipv4/ip_forward is not as it was set"},
      {[](ActualState& a) {
         a.tables->erase(a.tables->begin());
         a.fabric.ports.clear();
       },
       base::cat("ports/", desired.project, " create: nft table stack-ports-x has gone")},
      {[](ActualState& a) { a.unheld = {"0.0.0.0:8080/tcp"}; },
       base::cat(
           "ports/", desired.project,
           " update: published port 0.0.0.0:8080/tcp is not held: any process could take it")},
      {[](ActualState& a) { a.supervisor_alive = false; },
       base::cat("supervisor/", desired.project,
                 " start: no supervisor is there: nobody watches over the stack")},
      {[](ActualState& a) { a.supervisor->stopped = true; },
       base::cat("supervisor/", desired.project,
                 " update: the supervisor, process 100, is stopped (SIGSTOP)")},
      {[](ActualState& a) { a.supervisor->keeper_gone = true; },
       base::cat("supervisor/", desired.project, " update: the keeper has gone")},
  };
  for (const Case& c : cases) {
    ActualState actual = looked_at(desired);
    c.breaks(actual);
    EXPECT_EQ(told(desired, actual), Texts{c.told});
  }
}

TEST(Drift, OneElementOfAMap) {
  const DesiredState desired = small();
  ActualState actual = looked_at(desired);
  ASSERT_FALSE(actual.fabric.ports.empty());
  actual.fabric.ports.pop_back();
  const Texts texts = told(desired, actual);
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_NE(texts[0].find(" is missing in nft table stack-ports-x"), std::string::npos) << texts[0];
}

TEST(Drift, AChangedFileIsNoDrift) {
  // A limit that the file changed is told as that, once.
  StackBuilder build;
  build.attach("web", "default");
  const ActualState before = looked_at(build.desire());
  build.service("web").limits.memory = 64U << 20U;
  const DesiredState desired = build.desire();
  ActualState actual = before;
  web(actual).look->limits.push_back({"mem_limit", "67108864", "none"});
  const Texts texts = told(desired, actual);
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(texts[0].find("is not as it was set"), std::string::npos) << texts[0];
}

TEST(Drift, AContainerThatMayChangeItsNetworkHasMoreThanWeGaveIt) {
  StackBuilder build;
  build.attach("web", "default");
  for (const bool may : {false, true}) {
    build.service("web").cap_add = may ? Texts{"NET_ADMIN"} : Texts{};
    const DesiredState desired = build.desire();
    ActualState actual = looked_at(desired);
    web(actual).look->inside.links[0].addresses.push_back(*base::parse_cidr("192.0.2.7/32"));
    EXPECT_EQ(told(desired, actual).empty(), may);
  }
}

TEST(Drift, ReconcileAfterAReboot) {
  StackBuilder build;
  build.attach("web", "default");
  build.attach("job", "default");
  const DesiredState desired = build.desire();
  ActualState actual = running(desired);
  actual.fabric = {};
  actual.supervisor_alive = false;
  for (ActualContainer& container : actual.containers) {
    container.status = ContainerStatus::Exited;
    container.from_before = true;
    container.exit = {};
    if (container.service == "job") container.exit.known = true;  // had ended well
  }
  const Plan plan = plan_reconcile(desired, actual);
  EXPECT_NE(plan.step("container/shop-web-1"), nullptr) << to_text(plan);
  EXPECT_EQ(plan.step("container/shop-job-1"), nullptr) << to_text(plan);
  for (ActualContainer& container : actual.containers) container.stopped_by_user = true;
  EXPECT_TRUE(plan_reconcile(desired, actual).empty()) << "stopped as a whole";
}

}  // namespace
