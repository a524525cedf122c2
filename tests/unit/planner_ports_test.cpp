// What services publish: which port of the host each container gets.
#include <gtest/gtest.h>

#include "planner/desired.hpp"
#include "planner/plan.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

Texts ports_of(const Container& container) {
  Texts out;
  for (const auto& port : container.ports) {
    out.push_back(base::cat(port.host_address ? port.host_address->str() : "*", " ", port.host_port,
                            " ", port.target.is_v4() ? "v4" : "v6", " ", port.target_port));
  }
  return out;
}

TEST(Ports, IntervalsAndFamilies) {
  StackBuilder build;
  build.network("default").enable_ipv6 = true;
  build.publish("web", 8080, 2, 80);
  spec::Port& port = build.service("web").ports[0];
  port.target_count = 2;
  EXPECT_EQ(ports_of(only(build.desire())),
            (Texts{"* 8080 v4 80", "* 8080 v6 80", "* 8081 v4 81", "* 8081 v6 81"}));
  port.host_address = ip("127.0.0.1");
  EXPECT_EQ(ports_of(only(build.desire())),
            (Texts{"127.0.0.1 8080 v4 80", "127.0.0.1 8081 v4 81"}));
  port.host_address = ip("::1");
  build.network("default").enable_ipv6 = false;
  EXPECT_EQ(ports_of(only(build.desire())), (Texts{"::1 8080 v4 80", "::1 8081 v4 81"}));
}

TEST(Ports, ReplicasNeedTheirOwn) {
  StackBuilder build;
  build.service("web").replicas = 2;
  build.publish("web", 8080, 1, 80);
  EXPECT_EQ(
      errors_of(build),
      Texts{"service \"web\": port 8080/tcp is published twice, by shop-web-1 and shop-web-2"});
  build.service("web").ports.clear();
  build.publish("web", 8080, 2, 80);
  const DesiredState desired = build.desire();
  EXPECT_EQ(desired.container("shop-web-2")->ports.front().host_port, 8081);
  build.service("web").replicas = 3;
  EXPECT_EQ(errors_of(build),
            Texts{"service \"web\": no port of 8080-8081 is free for shop-web-3"});
}

std::uint16_t host_port(const DesiredState& desired, const std::string& container) {
  return desired.container(container)->ports.front().host_port;
}

TEST(Ports, OneOutOfAnIntervalIsTheLowestFree) {
  StackBuilder build;
  build.network("default").enable_ipv6 = true;
  build.publish("a", 8080, 11, 80);
  build.publish("b", 8080, 11, 80);
  const DesiredState first = build.desire();
  EXPECT_EQ(ports_of(*first.container("shop-a-1")), (Texts{"* 8080 v4 80", "* 8080 v6 80"}));
  EXPECT_EQ(host_port(first, "shop-b-1"), 8081);
  EXPECT_TRUE(errors_of(build).empty());

  // Held by somebody else, or by a fixed port of a service that comes later.
  World world = StackBuilder::world();
  netfab::PublishedPort held;
  held.host_port = 8080;
  world.held_ports = {held};
  build.publish("z", 8081, 1, 80);
  const DesiredState second = build.desire(world);
  EXPECT_EQ(host_port(second, "shop-a-1"), 8082);
  EXPECT_EQ(host_port(second, "shop-b-1"), 8083);

  // A choice is kept while it is inside, before others choose; where the stack needs it, it is not.
  world.host_ports = {{"shop-b-1|tcp|80", 8082}, {"shop-a-1|tcp|80", 8081}};
  const DesiredState third = build.desire(world);
  EXPECT_EQ(host_port(third, "shop-b-1"), 8082);
  EXPECT_EQ(host_port(third, "shop-a-1"), 8083);
  world.host_ports = {{"shop-b-1|tcp|80", 9000}};
  EXPECT_EQ(host_port(build.desire(world), "shop-b-1"), 8083);
}

TEST(Ports, IntervalsOfOtherAddressesDoNotMeet) {
  StackBuilder build;
  build.publish("a", 8080, 2, 80);
  build.publish("b", 8080, 2, 80);
  build.service("a").ports[0].host_address = ip("127.0.0.1");
  build.service("b").ports[0].host_address = ip("127.0.0.2");
  EXPECT_EQ(host_port(build.desire(), "shop-a-1"), 8080);
  EXPECT_EQ(host_port(build.desire(), "shop-b-1"), 8080);
  build.service("b").ports[0].host_address = ip("0.0.0.0");
  EXPECT_EQ(host_port(build.desire(), "shop-b-1"), 8081);
  // Two intervals that lead to one port of the container are two ports of the host.
  build.publish("a", 9000, 2, 80);
  EXPECT_EQ(build.desire().container("shop-a-1")->ports.size(), 2U);
}

TEST(Ports, OneAddressConflictsWithEveryAddress) {
  StackBuilder build;
  build.publish("a", 8080, 1, 80);
  build.publish("b", 8080, 1, 80);
  build.service("b").ports[0].host_address = ip("127.0.0.1");
  EXPECT_EQ(errors_of(build).size(), 1U);
  build.service("a").ports[0].host_address = ip("127.0.0.2");
  EXPECT_EQ(errors_of(build).size(), 0U);
}

TEST(Ports, EphemeralChoiceIsKept) {
  StackBuilder build;
  build.network("default").enable_ipv6 = true;
  build.publish("web", 0, 0, 80);
  DesiredState desired = build.desire();
  auto unassigned = unassigned_ports(desired);
  ASSERT_EQ(unassigned.size(), 1U);
  EXPECT_EQ(unassigned[0].key, "shop-web-1|tcp|80");
  for (auto* entry : unassigned[0].entries) entry->host_port = 40000;
  EXPECT_TRUE(unassigned_ports(desired).empty());
  World world = StackBuilder::world();
  world.host_ports = assigned_ports(desired, build.stack);
  EXPECT_EQ(build.desire(world), desired);
}

TEST(Ports, EphemeralChoiceIsNoneOfTheNumbersInTheFile) {
  for (const bool own_address : {true, false}) {
    StackBuilder build;
    build.publish("web", 0, 0, 80);
    build.publish("web", 8080, 1, 80);
    build.publish("web", 0, 0, 81);
    std::vector<spec::Port>& lines = build.service("web").ports;
    if (own_address) lines[0].host_address = ip("127.0.0.1");
    DesiredState desired = build.desire();
    std::uint16_t next = 40000;
    for (const UnassignedPort& open : unassigned_ports(desired)) {
      for (auto* entry : open.entries) entry->host_port = next;
      ++next;
    }
    EXPECT_EQ(next, 40002);
    World world = StackBuilder::world();
    world.host_ports = assigned_ports(desired, build.stack);
    EXPECT_EQ(build.desire(world), desired) << "each keeps its own";
    lines[1].published_first = 40000;  // The file takes a number that was chosen.
    world.host_ports = assigned_ports(desired, build.stack);
    EXPECT_EQ(errors_of(build, world), Texts{});
  }
}

// docker compose starts all of these: the loader warns, nothing is published.
TEST(Ports, WithoutAWayOut) {
  StackBuilder build;
  build.network("default").internal = true;
  build.publish("web", 8080, 1, 80);
  build.publish("web", 8090, 5, 81);
  EXPECT_TRUE(only(build.desire()).ports.empty());
  build.service("web").network_mode.kind = spec::NetworkModeKind::None;
  EXPECT_TRUE(only(build.desire()).ports.empty());
  build.service("web").network_mode.kind = spec::NetworkModeKind::Host;
  EXPECT_TRUE(only(build.desire()).ports.empty());
}

// Whose they would be is another container's: no way to mean them.
TEST(Ports, OfASharedNetworkAreRefused) {
  StackBuilder build;
  build.service("base");
  build.publish("web", 8080, 1, 80);
  build.service("web").network_mode = {spec::NetworkModeKind::Service, "base"};
  EXPECT_EQ(errors_of(build), Texts{"service \"web\" shares the network of shop-base-1: publish "
                                    "the ports there"});
}

}  // namespace
