// Who reaches whom: proved by real sockets between a host, a neighbour and containers.
#include "kernel/netfab_support.hpp"

using namespace netfab_test;

namespace {

constexpr auto kTcp = Protocol::Tcp;
constexpr auto kUdp = Protocol::Udp;
const IpAddress kAny = ip("0.0.0.0");
const IpAddress kAny6 = ip("::");

class NetfabReach : public Fixture {
 protected:
  void SetUp() override {
    Fixture::SetUp();
    front_ = bridge("front", {cidr("10.8.1.1/24"), cidr("fd08:1::1/64")});
    back_ = bridge("back", {cidr("10.8.2.1/24"), cidr("fd08:2::1/64")});
    closed_ = bridge("closed", {cidr("10.8.3.1/24")}, true);
    in(host_, [&] {
      for (const Bridge& b : {front_, back_, closed_}) netfab::ensure_bridge(b);
    });
    a_ = start(endpoint("a", front_, {cidr("10.8.1.2/24"), cidr("fd08:1::2/64")}));
    b_ = start(endpoint("b", front_, {cidr("10.8.1.3/24"), cidr("fd08:1::3/64")}));
    c_ = start(endpoint("c", back_, {cidr("10.8.2.2/24"), cidr("fd08:2::2/64")}));
    d_ = start(endpoint("d", closed_, {cidr("10.8.3.2/24")}));
    e_ = start(endpoint("e", closed_, {cidr("10.8.3.3/24")}));
  }
  void publish(const std::vector<PublishedPort>& ports) {
    in(host_, [&] { netfab::ensure_ports("stack-ports-test", ports, "test"); });
  }
  Bridge front_, back_, closed_;
  base::Fd a_, b_, c_, d_, e_;
};

TEST_F(NetfabReach, OneNetworkReachesItselfAndNoOther) {
  const Server b4(b_, kTcp, kAny, 80, "b");
  const Server b6(b_, kTcp, kAny6, 81, "b6");
  EXPECT_EQ(call(a_, kTcp, ip("10.8.1.3"), 80), "b 10.8.1.2");
  EXPECT_EQ(call(a_, kTcp, ip("fd08:1::3"), 81), "b6 fd08:1::2");
  EXPECT_EQ(call(host_, kTcp, ip("10.8.1.3"), 80), "b 10.8.1.1");
  EXPECT_EQ(call(host_, kTcp, ip("fd08:1::3"), 81), "b6 fd08:1::1");
  EXPECT_EQ(call(c_, kTcp, ip("10.8.1.3"), 80, kBriefly), "");
  EXPECT_EQ(call(c_, kTcp, ip("fd08:1::3"), 81, kBriefly), "");
  EXPECT_EQ(call(d_, kTcp, ip("10.8.1.3"), 80, kBriefly), "");
}

TEST_F(NetfabReach, OutsideIsMasqueraded) {
  const Server v4(neighbour_, kTcp, kAny, 80, "n");
  const Server v6(neighbour_, kTcp, kAny6, 81, "n6");
  const Server udp(neighbour_, kUdp, kAny, 53, "nu");
  EXPECT_EQ(call(a_, kTcp, ip("192.0.2.2"), 80), "n 192.0.2.1");
  EXPECT_EQ(call(a_, kUdp, ip("192.0.2.2"), 53), "nu 192.0.2.1");
  EXPECT_EQ(call(a_, kTcp, ip("2001:db8::2"), 81), "n6 2001:db8::1");
}

TEST_F(NetfabReach, InternalHasNoOutside) {
  const Server outside(neighbour_, kTcp, kAny, 80, "n");
  const Server e(e_, kTcp, kAny, 80, "e");
  // Even with routes of their own making.
  in(d_, [] { must("ip route add default via 10.8.3.1"); });
  in(neighbour_, [] { must("ip route add 10.8.3.0/24 via 192.0.2.1"); });
  EXPECT_EQ(call(d_, kTcp, ip("10.8.3.3"), 80), "e 10.8.3.2");
  EXPECT_EQ(call(d_, kTcp, ip("192.0.2.2"), 80, kBriefly), "");
  EXPECT_EQ(call(neighbour_, kTcp, ip("10.8.3.3"), 80, kBriefly), "");
  EXPECT_EQ(call(a_, kTcp, ip("10.8.3.3"), 80, kBriefly), "");
}

TEST_F(NetfabReach, PublishedIsReachedFromEverywhere) {
  const Server tcp(a_, kTcp, kAny, 80, "a");
  const Server udp(a_, kUdp, kAny, 53, "u");
  const Server tcp6(a_, kTcp, kAny6, 81, "a6");
  publish({{kTcp, kAny, 8080, ip("10.8.1.2"), 80},
           {kUdp, {}, 5353, ip("10.8.1.2"), 53},
           {kTcp, {}, 8081, ip("fd08:1::2"), 81}});
  EXPECT_EQ(call(neighbour_, kTcp, ip("192.0.2.1"), 8080), "a 192.0.2.2") << "source preserved";
  EXPECT_EQ(call(neighbour_, kUdp, ip("192.0.2.1"), 5353), "u 192.0.2.2");
  EXPECT_EQ(call(neighbour_, kTcp, ip("2001:db8::1"), 8081), "a6 2001:db8::2");
  EXPECT_EQ(call(host_, kTcp, ip("192.0.2.1"), 8080).substr(0, 2), "a ");
  EXPECT_EQ(call(host_, kTcp, ip("127.0.0.1"), 8080), "a 10.8.1.1");
  EXPECT_EQ(call(host_, kUdp, ip("127.0.0.1"), 5353), "u 10.8.1.1");
  EXPECT_EQ(call(host_, kTcp, ip("10.8.1.1"), 8080).substr(0, 2), "a ");
  EXPECT_EQ(call(host_, kTcp, ip("2001:db8::1"), 8081).substr(0, 3), "a6 ");
  EXPECT_EQ(call(b_, kTcp, ip("192.0.2.1"), 8080), "a 10.8.1.1") << "hairpin, same network";
  EXPECT_EQ(call(a_, kTcp, ip("192.0.2.1"), 8080), "a 10.8.1.1") << "hairpin, itself";
  EXPECT_EQ(call(a_, kTcp, ip("10.8.1.1"), 8080), "a 10.8.1.1");
  EXPECT_EQ(call(b_, kUdp, ip("192.0.2.1"), 5353), "u 10.8.1.1");
  EXPECT_EQ(call(b_, kTcp, ip("2001:db8::1"), 8081).substr(0, 3), "a6 ");
  EXPECT_EQ(call(c_, kTcp, ip("192.0.2.1"), 8080).substr(0, 2), "a ") << "another network";
  EXPECT_EQ(call(d_, kTcp, ip("10.8.3.1"), 8080, kBriefly), "") << "an internal network";
}

TEST_F(NetfabReach, HairpinWithAndWithoutBridgeFilter) {
  const Server tcp(a_, kTcp, kAny, 80, "a");
  publish({{kTcp, {}, 8080, ip("10.8.1.2"), 80}});
  for (const char* value : {"0", "1"}) {
    in(host_, [&] {
      (void)run(base::cat("sysctl -qw net.bridge.bridge-nf-call-iptables=", value));
      netfab::ensure_endpoint(endpoint("a", front_, {cidr("10.8.1.2/24"), cidr("fd08:1::2/64")}));
    });
    EXPECT_EQ(call(a_, kTcp, ip("192.0.2.1"), 8080), "a 10.8.1.1") << value;
    EXPECT_EQ(call(b_, kTcp, ip("192.0.2.1"), 8080), "a 10.8.1.1") << value;
    EXPECT_EQ(call(b_, kTcp, ip("10.8.1.2"), 80), "a 10.8.1.3") << value;
    EXPECT_EQ(call(neighbour_, kTcp, ip("192.0.2.1"), 8080), "a 192.0.2.2") << value;
    EXPECT_EQ(call(host_, kTcp, ip("127.0.0.1"), 8080), "a 10.8.1.1") << value;
  }
}

TEST_F(NetfabReach, NothingUnpublishedFromOutside) {
  const Server a(a_, kTcp, kAny, 80, "a");
  const Server a6(a_, kTcp, kAny6, 81, "a6");
  publish({{kTcp, ip("127.0.0.1"), 8080, ip("10.8.1.2"), 80},
           {kTcp, ip("192.0.2.1"), 8082, ip("10.8.1.2"), 80}});
  in(neighbour_, [] {
    must("ip route add 10.8.1.0/24 via 192.0.2.1");
    must("ip -6 route add fd08:1::/64 via 2001:db8::1");
    must("sysctl -qw net.ipv4.conf.up1.route_localnet=1");
    must("ip route add 127.0.0.9/32 via 192.0.2.1");
  });
  EXPECT_EQ(call(host_, kTcp, ip("127.0.0.1"), 8080), "a 10.8.1.1");
  EXPECT_EQ(call(neighbour_, kTcp, ip("192.0.2.1"), 8080, kBriefly), "");
  EXPECT_EQ(call(neighbour_, kTcp, ip("10.8.1.2"), 80, kBriefly), "");
  EXPECT_EQ(call(neighbour_, kTcp, ip("fd08:1::2"), 81, kBriefly), "");
  EXPECT_EQ(call(neighbour_, kTcp, ip("192.0.2.1"), 8082), "a 192.0.2.2");
  EXPECT_EQ(call(host_, kTcp, ip("127.0.0.1"), 8082, kBriefly), "");
}

TEST_F(NetfabReach, ContainerCannotReachTheHostsLoopback) {
  const Server loopback(host_, kTcp, ip("127.0.0.1"), 90, "secret");
  const Server everywhere(host_, kTcp, kAny, 91, "open");
  EXPECT_EQ(call(a_, kTcp, ip("10.8.1.1"), 91), "open 10.8.1.2");
  in(a_, [] {
    must("sysctl -qw net.ipv4.conf.all.route_localnet=1");
    must("sysctl -qw net.ipv4.conf.eth0.route_localnet=1");
    must(
        "ip route del local 127.0.0.0/8 dev lo table local; ip route del local 127.0.0.1 dev lo "
        "table local; ip addr del 127.0.0.1/8 dev lo; true");
    must("ip route add 127.0.0.0/8 via 10.8.1.1 dev eth0");
  });
  EXPECT_EQ(call(a_, kTcp, ip("127.0.0.1"), 90, kBriefly), "");
  // The attempt is not refused by the container's own kernel alone: its packets leave.
  in(a_, [] { EXPECT_NE(run("ip route get 127.0.0.1").out.find("eth0"), std::string::npos); });
}

TEST_F(NetfabReach, UdpFollowsAChangedPort) {
  const Server one(a_, kUdp, kAny, 53, "one");
  const Server two(b_, kUdp, kAny, 53, "two");
  const CallOptions same{.wait_ms = 3000, .from = 40000};
  publish({{kUdp, {}, 5353, ip("10.8.1.2"), 53}});
  EXPECT_EQ(call(neighbour_, kUdp, ip("192.0.2.1"), 5353, same), "one 192.0.2.2");
  publish({{kUdp, {}, 5353, ip("10.8.1.3"), 53}});
  EXPECT_EQ(call(neighbour_, kUdp, ip("192.0.2.1"), 5353, same), "two 192.0.2.2");
  in(host_, [] { netfab::remove_ports("stack-ports-test"); });
  EXPECT_EQ(call(neighbour_, kUdp, ip("192.0.2.1"), 5353, {.wait_ms = 300, .from = 40000}), "");
  publish({{kUdp, {}, 5353, ip("10.8.1.2"), 53}});
  EXPECT_EQ(call(neighbour_, kUdp, ip("192.0.2.1"), 5353, same), "one 192.0.2.2");
}

TEST_F(NetfabReach, AnExactAddressWinsOverAny) {
  const Server one(a_, kTcp, kAny, 80, "one");
  const Server two(b_, kTcp, kAny, 80, "two");
  publish(
      {{kTcp, {}, 8080, ip("10.8.1.2"), 80}, {kTcp, ip("127.0.0.1"), 8080, ip("10.8.1.3"), 80}});
  EXPECT_EQ(call(neighbour_, kTcp, ip("192.0.2.1"), 8080), "one 192.0.2.2");
  EXPECT_EQ(call(host_, kTcp, ip("127.0.0.1"), 8080), "two 10.8.1.1");
}

}  // namespace
