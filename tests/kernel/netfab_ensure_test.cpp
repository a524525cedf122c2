// Making, reading back, mending and removing; and what stands in a port's way.
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "kernel/netfab_support.hpp"
#include "netfab/netlink.hpp"

using namespace netfab_test;

namespace {

class NetfabEnsure : public Fixture {
 protected:
  Bridge front() { return bridge("front", {cidr("10.8.1.1/24"), cidr("fd08:1::1/64")}); }
  Endpoint web() { return endpoint("web", front(), {cidr("10.8.1.2/24"), cidr("fd08:1::2/64")}); }
  static std::vector<Endpoint> inside(const Endpoint& e) {
    auto out = netfab::observe_netns(e.netns);
    for (Endpoint& one : out) one.mac.clear();
    return out;
  }
  // What observe_netns can know of it.
  static Endpoint inner(const Endpoint& e) {
    Endpoint out;
    out.netns = e.netns;
    out.inner_device = e.inner_device;
    out.addresses = e.addresses;
    out.gateways = e.gateways;
    return out;
  }
  static std::string listing() { return run("ip -o link; ip -o addr; nft list ruleset").out; }
};

TEST_F(NetfabEnsure, NamespaceIsFurnished) {
  const base::Fd ns = make("x");
  EXPECT_TRUE(netfab::is_netns(path("x")));
  in(ns, [] {
    EXPECT_EQ(run("cat /proc/sys/net/ipv4/ip_unprivileged_port_start").out, "0\n");
    EXPECT_EQ(run("cat /proc/sys/net/ipv4/ping_group_range").out, "0\t2147483647\n");
    EXPECT_NE(run("ip -o link show lo").out.find("LOOPBACK,UP"), std::string::npos);
  });
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(path("x").c_str(), &before), 0);
  netfab::ensure_netns(path("x"));
  ASSERT_EQ(::stat(path("x").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  netfab::remove_netns(path("x"));
  netfab::remove_netns(path("x"));
  EXPECT_FALSE(std::filesystem::exists(path("x")));
  EXPECT_THROW(netfab::open_netns(path("x")), base::Error);
}

TEST_F(NetfabEnsure, NamespaceComesBackOnException) {
  const std::string before = run("readlink /proc/self/ns/net").out;
  EXPECT_THROW(in(host_, [] { throw base::Error("out"); }), base::Error);
  EXPECT_EQ(run("readlink /proc/self/ns/net").out, before);
  EXPECT_THROW(netfab::ensure_netns("/nonexistent/x"), base::Error);
  EXPECT_EQ(run("readlink /proc/self/ns/net").out, before);
}

TEST_F(NetfabEnsure, ReadsBackWhatWasMadeAndTwiceIsOnce) {
  make("c-web");
  in(host_, [&] {
    netfab::ensure_bridge(front());
    netfab::ensure_endpoint(web());
    for (int round = 0; round < 2; ++round) {
      const auto seen = netfab::observe_links();
      ASSERT_EQ(seen.bridges.size(), 1U);
      EXPECT_EQ(seen.bridges[0], front());
      ASSERT_EQ(seen.endpoints.size(), 1U);
      EXPECT_EQ(seen.endpoints[0].label, web().label);
      EXPECT_EQ(seen.endpoints[0].bridge, web().bridge);
      EXPECT_EQ(inside(web()), std::vector<Endpoint>{inner(web())});
      const std::string links = run("ip -o link; ip -o addr").out;
      netfab::ensure_bridge(front());
      netfab::ensure_endpoint(web());
      EXPECT_EQ(run("ip -o link; ip -o addr").out, links);
    }
    EXPECT_EQ(run("cat /proc/sys/net/ipv6/conf/st-front/accept_ra").out, "0\n");
    EXPECT_EQ(run("ip -o -6 addr show dev sv-web").out, "");
    EXPECT_EQ(run("ip -o -6 addr show tentative").out, "");
  });
}

TEST_F(NetfabEnsure, MendsWhatDiffers) {
  const base::Fd ns = make("c-web");
  const std::vector<std::function<void()>> damages{
      [&] { must("ip link set sv-web down"); },
      [&] { must("ip link set sv-web nomaster"); },
      [&] { must("ip link del sv-web"); },
      [&] { in(ns, [] { must("ip addr del 10.8.1.2/24 dev eth0"); }); },
      [&] { in(ns, [] { must("ip addr add 10.8.1.77/24 dev eth0"); }); },
      [&] { in(ns, [] { must("ip -6 addr del fd08:1::2/64 dev eth0"); }); },
      [&] { in(ns, [] { must("ip route del default"); }); },
      [&] { in(ns, [] { must("ip -6 route del default"); }); },
      [&] { in(ns, [] { must("ip route replace default via 10.8.1.9"); }); },
      [&] { in(ns, [] { must("ip link set eth0 down"); }); },
      [&] { in(ns, [] { must("ip link set eth0 name other"); }); },
      [&] {
        must("ip link del sv-web");
        in(ns, [] { must("ip link add eth0 type veth peer name foo"); });
      },
      [&] { must("ip link del st-front"); },
      [&] { must("ip link set st-front down"); },
      [&] { must("ip addr del 10.8.1.1/24 dev st-front"); },
      [&] { must("ip addr add 10.8.9.1/24 dev st-front"); },
      [&] { must("nft flush table inet stack-net-front"); },
      [&] { must("nft flush ruleset"); },
  };
  in(host_, [&] {
    netfab::ensure_bridge(front());
    netfab::ensure_endpoint(web());
    for (std::size_t i = 0; i < damages.size(); ++i) {
      SCOPED_TRACE(i);
      damages[i]();
      const auto damaged = netfab::observe_links();
      const bool seen = damaged.bridges != std::vector<Bridge>{front()} ||
                        damaged.endpoints.size() != 1 || damaged.endpoints[0].bridge.empty() ||
                        inside(web()) != std::vector<Endpoint>{inner(web())};
      EXPECT_TRUE(seen) << "drift is not observed";
      netfab::ensure_bridge(front());
      netfab::ensure_endpoint(web());
      const auto mended = netfab::observe_links();
      ASSERT_EQ(mended.bridges, std::vector<Bridge>{front()});
      ASSERT_EQ(mended.endpoints.size(), 1U);
      EXPECT_EQ(mended.endpoints[0].bridge, "st-front");
      auto now = inside(web());
      std::erase_if(now, [](const Endpoint& e) { return e.inner_device != "eth0"; });
      EXPECT_EQ(now, std::vector<Endpoint>{inner(web())});
      in(ns, [] { (void)run("ip link del foo; ip link del other"); });
    }
    const Server server(ns, Protocol::Tcp, ip("0.0.0.0"), 80, "web");
    EXPECT_EQ(call(host_, Protocol::Tcp, ip("10.8.1.2"), 80), "web 10.8.1.1");
  });
}

TEST_F(NetfabEnsure, RemovalLeavesNothingAndAcceptsAbsence) {
  make("c-web");
  in(host_, [&] {
    const std::string before = listing();
    netfab::ensure_bridge(front());
    netfab::ensure_endpoint(web());
    netfab::ensure_ports("stack-ports-x", {{Protocol::Tcp, {}, 80, ip("10.8.1.2"), 80}}, "x");
    EXPECT_EQ(netfab::observe_tables(),
              (std::vector<std::string>{"stack-net-front", "stack-ports-x"}));
    for (int round = 0; round < 2; ++round) {
      netfab::remove_ports("stack-ports-x");
      netfab::remove_endpoint(web());
      netfab::remove_bridge(front());
    }
    EXPECT_EQ(listing(), before);
    EXPECT_TRUE(netfab::observe_tables().empty());
    netfab::ensure_bridge(front());
    netfab::ensure_endpoint(web());
    for (int round = 0; round < 2; ++round) {
      netfab::remove_links({front()}, {web()});
      EXPECT_EQ(listing(), before);
    }
    netfab::remove_links({}, {});
  });
}

TEST_F(NetfabEnsure, MtuAndMac) {
  make("c-web");
  in(host_, [&] {
    Bridge b = front();
    b.mtu = 1400;
    Endpoint e = web();
    e.mac = "02:42:0a:08:01:02";
    netfab::ensure_bridge(b);
    netfab::ensure_endpoint(e);
    EXPECT_EQ(netfab::observe_links().bridges.at(0).mtu, 1400U);
    EXPECT_EQ(netfab::observe_netns(e.netns).at(0).mac, e.mac);
    in(netfab::open_netns(e.netns),
       [] { EXPECT_NE(run("ip link show eth0").out.find("mtu 1400"), std::string::npos); });
    e.mac = "bad";
    EXPECT_THROW(netfab::ensure_endpoint(e), base::Error);
  });
}

TEST_F(NetfabEnsure, AFullBridgeSaysSo) {
  make("c-web");
  in(host_, [&] {
    const Bridge b = bridge("full", {});
    netfab::ensure_bridge(b);
    std::string why;
    for (int i = 0; i < 1024; ++i) {
      Endpoint e = endpoint(base::cat(i), b, {});
      e.netns = path("c-web");
      e.inner_device = base::cat("eth", i);
      try {
        netfab::ensure_endpoint(e);
      } catch (const base::Error& error) {
        ASSERT_EQ(i, 1023) << error.what();
        why = error.what();
      }
    }
    EXPECT_NE(why.find("1023"), std::string::npos) << why;
    const auto seen = netfab::observe_links();
    EXPECT_EQ(seen.endpoints.size(), 1023U) << "the one too many is taken back";
    netfab::remove_links({b}, seen.endpoints);
    EXPECT_TRUE(netfab::observe_links().endpoints.empty());
  });
}

TEST_F(NetfabEnsure, AMissingBridgeIsNamed) {
  make("c-web");
  in(host_, [&] {
    try {
      netfab::ensure_endpoint(web());
      FAIL();
    } catch (const base::Error& error) {
      EXPECT_NE(std::string(error.what()).find("st-front"), std::string::npos);
    }
  });
}

TEST_F(NetfabEnsure, HostRoutes) {
  in(host_, [&] {
    must("ip route add 172.20.0.0/16 via 192.0.2.2");
    must("ip route add 10.99.0.0/16 via 192.0.2.2 table 77");
    must("ip route add default via 192.0.2.2");
    const auto routes = netfab::host_routes();
    const std::set<Cidr> all(routes.begin(), routes.end());
    for (const char* text : {"172.20.0.0/16", "10.99.0.0/16", "192.0.2.0/24", "127.0.0.0/8",
                             "2001:db8::/64", "192.0.2.1/32"}) {
      EXPECT_EQ(all.count(cidr(text)), 1U) << text;
    }
    for (const Cidr& route : routes) EXPECT_GT(route.prefix, 0U);
  });
}

TEST_F(NetfabEnsure, PortsReadBack) {
  in(host_, [&] {
    std::vector<PublishedPort> ports{{Protocol::Tcp, {}, 80, ip("10.8.1.2"), 8080},
                                     {Protocol::Udp, {}, 80, ip("10.8.1.2"), 53},
                                     {Protocol::Tcp, ip("127.0.0.1"), 81, ip("10.8.1.3"), 8080},
                                     {Protocol::Tcp, {}, 80, ip("fd08:1::2"), 8080},
                                     {Protocol::Tcp, ip("2001:db8::1"), 81, ip("fd08:1::2"), 8080},
                                     {Protocol::Tcp, ip("::1"), 90, ip("10.8.1.2"), 90},
                                     {Protocol::Tcp, ip("127.0.0.1"), 91, ip("fd08:1::2"), 90},
                                     {Protocol::Tcp, ip("0.0.0.0"), 92, ip("10.8.1.2"), 90}};
    std::sort(ports.begin(), ports.end());
    netfab::ensure_ports("stack-ports-x", ports, "shop");
    EXPECT_EQ(netfab::observe_ports("stack-ports-x"), ports);
    netfab::ensure_ports("stack-ports-x", ports, "shop");
    EXPECT_EQ(netfab::observe_ports("stack-ports-x"), ports);
    must("nft flush chain inet stack-ports-x prerouting");
    EXPECT_TRUE(netfab::observe_ports("stack-ports-x").empty()) << "drift is not observed";
    std::vector<PublishedPort> many;
    for (std::uint16_t i = 1; i <= 5000; ++i)
      many.push_back({Protocol::Tcp, {}, i, ip("10.8.1.2"), i});
    netfab::ensure_ports("stack-ports-x", many, "shop");
    EXPECT_EQ(netfab::observe_ports("stack-ports-x"), many);
    netfab::ensure_ports("stack-ports-x", {}, "shop");
    EXPECT_TRUE(netfab::observe_tables().empty());
    EXPECT_THROW(netfab::ensure_ports("stack-ports-x", {ports[0], ports[0]}), base::Error);
  });
}

TEST_F(NetfabEnsure, HoldersAreNamed) {
  in(host_, [&] {
    const Server v4(host_, Protocol::Tcp, ip("127.0.0.1"), 5000, "v4");
    const Server dual(host_, Protocol::Tcp, ip("::"), 5001, "dual");
    const Server udp(host_, Protocol::Udp, ip("0.0.0.0"), 5002, "udp");
    netfab::ensure_ports("stack-ports-a", {{Protocol::Tcp, {}, 5003, ip("10.8.1.2"), 80}}, "shop");
    const auto holder = [&](Protocol protocol, std::optional<IpAddress> address, int port) {
      return netfab::port_holder(
                 {protocol, address, static_cast<std::uint16_t>(port), ip("10.8.1.9"), 80},
                 "stack-ports-own")
          .value_or("");
    };
    std::string own = run("cat /proc/" + std::to_string(::getpid()) + "/comm").out;
    own.pop_back();
    const auto is_process = [&own](const std::string& text) {
      return text.rfind("process " + own, 0) == 0 && text.find("(pid ") != std::string::npos;
    };
    EXPECT_PRED1(is_process, holder(Protocol::Tcp, {}, 5000));
    EXPECT_PRED1(is_process, holder(Protocol::Tcp, ip("127.0.0.1"), 5000));
    EXPECT_EQ(holder(Protocol::Tcp, ip("192.0.2.1"), 5000), "");
    EXPECT_EQ(holder(Protocol::Udp, {}, 5000), "");
    EXPECT_PRED1(is_process, holder(Protocol::Tcp, {}, 5001));
    // A reservation, as it is of our own program: whose the port is, the tables say.
    EXPECT_EQ(holder(Protocol::Udp, ip("192.0.2.1"), 5002), "");
    EXPECT_EQ(holder(Protocol::Tcp, {}, 5003), "stack shop");
    EXPECT_EQ(holder(Protocol::Tcp, ip("::"), 5003), "stack shop") << "a relay listens there";
    EXPECT_EQ(holder(Protocol::Tcp, ip("fd00::1"), 5003), "stack shop");
    EXPECT_EQ(netfab::port_holder({Protocol::Tcp, {}, 5003, ip("10.8.1.9"), 80}, "stack-ports-a"),
              std::nullopt);
    EXPECT_EQ(holder(Protocol::Tcp, {}, 5004), "");
    must("sysctl -qw net.ipv4.ip_local_port_range='5000 5005'");
    for (int i = 0; i < 20; ++i) {
      const int port = netfab::free_port(Protocol::Tcp, std::nullopt);
      EXPECT_TRUE(port == 5002 || port == 5004 || port == 5005) << port;
    }
  });
}

TEST_F(NetfabEnsure, ForwardDropIsSeenAndItsRemedyToo) {
  in(host_, [&] {
    EXPECT_FALSE(netfab::forward_drop());
    netfab::ensure_bridge(front());
    EXPECT_FALSE(netfab::forward_drop());
    const std::vector<std::string> setups{
        "iptables -P FORWARD DROP",
        "iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; "
        "iptables -A FORWARD -j DOCKER-USER",
        "nft add table inet filter; nft 'add chain inet filter forward { type filter hook forward "
        "priority 0; policy drop; }'; nft add rule inet filter forward ct state established "
        "accept"};
    for (const std::string& setup : setups) {
      must(setup);
      const auto drop = netfab::forward_drop();
      ASSERT_TRUE(drop) << setup;
      EXPECT_TRUE(drop->table == "ip filter" || drop->table == "inet filter");
      must(drop->remedy);
      EXPECT_FALSE(netfab::forward_drop()) << setup << " / " << drop->remedy;
      must("nft flush ruleset");
    }
    if (run("iptables-legacy -P FORWARD DROP").status == 0) {
      const auto drop = netfab::forward_drop();
      ASSERT_TRUE(drop);
      must("iptables-legacy -A INPUT -i st-+ -j ACCEPT");
      EXPECT_TRUE(netfab::forward_drop());
      must(drop->remedy);
      EXPECT_FALSE(netfab::forward_drop());
    }
    must("ip6tables -P FORWARD DROP");
    EXPECT_FALSE(netfab::forward_drop());
    EXPECT_TRUE(netfab::forward_drop(base::Family::V6));
  });
}

TEST_F(NetfabEnsure, WorksWithoutIpv6) {
  const base::Fd ns = make("c-web");
  in(ns, [] {
    must("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
  });
  in(host_, [&] {
    must("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
    const Bridge b = bridge("v4", {cidr("10.8.1.1/24")});
    netfab::ensure_bridge(b);
    netfab::ensure_endpoint(endpoint("web", b, {cidr("10.8.1.2/24")}));
    const Server server(ns, Protocol::Tcp, ip("0.0.0.0"), 80, "web");
    EXPECT_EQ(call(host_, Protocol::Tcp, ip("10.8.1.2"), 80), "web 10.8.1.1");
  });
}

}  // namespace
