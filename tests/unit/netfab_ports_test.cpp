// How published ports lie in an nft table's maps, and the messages netfab builds: pure, no kernel.
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "netfab/link_messages.hpp"
#include "netfab/port_table.hpp"
#include "netfab/reservations.hpp"

using namespace netfab;

namespace {

IpAddress ip(const char* text) {
  return base::parse_ip(text).value();
}

struct PortCase {
  const char* host;  // null: every address
  const char* target;
  std::vector<std::string> maps;
};

TEST(NetfabPorts, EachPortHasItsMaps) {
  const std::vector<PortCase> cases{
      {nullptr, "10.0.0.2", {"v4-any"}},
      {nullptr, "fd00::2", {"v6-any"}},
      {"127.0.0.1", "10.0.0.2", {"v4-address"}},
      {"fd00::9", "fd00::2", {"v6-address"}},
      {"0.0.0.0", "10.0.0.2", {"v4-address", "v4-any"}},
      {"::", "fd00::2", {"v6-address", "v6-any"}},
      {"::1", "10.0.0.2", {"v6-to-v4"}},
      {"127.0.0.1", "fd00::2", {"v4-to-v6"}},
  };
  for (const PortCase& one : cases) {
    PublishedPort port;
    if (one.host != nullptr) port.host_address = ip(one.host);
    port.host_port = 0x1234;
    port.target = ip(one.target);
    port.target_port = 0xfedc;
    for (const Protocol protocol : {Protocol::Tcp, Protocol::Udp}) {
      port.protocol = protocol;
      std::vector<std::string> maps;
      for (const PortMap& map : kPortMaps) {
        if (!holds(map, port)) continue;
        maps.emplace_back(map.name);
        const nft::Element element = encode_port(map, port);
        EXPECT_EQ(element.key.size(), describe(map).key_size);
        EXPECT_EQ(element.data.size(), describe(map).data_size);
        PublishedPort expected = port;
        if (map.any_address) expected.host_address.reset();
        EXPECT_EQ(decode_port(map, element), expected) << map.name;
      }
      EXPECT_EQ(maps, one.maps);
    }
  }
}

TEST(NetfabPorts, ForeignElementsAreSkipped) {
  const PortMap& map = kPortMaps[1];
  PublishedPort port{Protocol::Tcp, {}, 80, ip("10.0.0.2"), 80};
  nft::Element element = encode_port(map, port);
  element.key[0] = 132;
  EXPECT_FALSE(decode_port(map, element));
  element = encode_port(map, port);
  element.data.pop_back();
  EXPECT_FALSE(decode_port(map, element));
}

TEST(NetfabMessages, LinkLocalKeepsTheHostPart) {
  EXPECT_EQ(link_local_of(ip("fd08:1:2:3::4:5")).str(), "fe80::4:5/64");
}

TEST(NetfabMessages, AddressesCarryWhatTheKernelNeeds) {
  const Message v4 = add_address(7, {ip("10.0.0.5"), 24});
  const Attributes a4(*v4.raw(), sizeof(ifaddrmsg));
  EXPECT_EQ(header_of<ifaddrmsg>(*v4.raw()).ifa_prefixlen, 24);
  EXPECT_EQ(a4.address(IFA_LOCAL), ip("10.0.0.5"));
  EXPECT_EQ(a4.address(IFA_BROADCAST), ip("10.0.0.255"));
  const Message point = add_address(7, {ip("10.0.0.5"), 31});
  EXPECT_FALSE(Attributes(*point.raw(), sizeof(ifaddrmsg)).address(IFA_BROADCAST));
  const Message v6 = add_address(7, {ip("fd00::5"), 64});
  EXPECT_EQ(header_of<ifaddrmsg>(*v6.raw()).ifa_flags, IFA_F_NODAD);
  EXPECT_EQ(header_of<ifaddrmsg>(*v6.raw()).ifa_scope, RT_SCOPE_UNIVERSE);
}

TEST(NetfabReservations, OnePerAddressAndPort) {
  PublishedPort every, same, one, six, udp;
  every.host_port = same.host_port = one.host_port = six.host_port = udp.host_port = 8080;
  for (PublishedPort* port : {&every, &same, &one, &udp}) port->target = ip("10.0.0.2");
  same.host_address = ip("0.0.0.0");
  one.host_address = ip("10.1.2.3");
  six.target = ip("fd00::2");
  udp.protocol = Protocol::Udp;
  std::vector<std::string> texts;
  for (const Reservation& each : reservations_of({every, same, one, six, udp})) {
    texts.push_back(each.str());
    EXPECT_EQ(parse_reservation(each.str()), each);
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"0.0.0.0:8080/tcp", "10.1.2.3:8080/tcp",
                                             "0.0.0.0:8080/udp"}));
  for (const char* bad : {"", "dns:web", "1.2.3.4:80", "1.2.3.4/tcp:80", "1.2.3.4:70000/tcp",
                          "::1:80/tcp", "1.2.3.4:080/tcp", "1.2.3.4:80/sctp"}) {
    EXPECT_FALSE(parse_reservation(bad)) << bad;
  }
}

TEST(NetfabMessages, MacIsChecked) {
  for (const char* bad : {"", "02:42", "02:42:ac:11:00:02:03", "02-42-ac-11-00-02", "x"}) {
    EXPECT_THROW(change_link("eth0", {.mac = bad}), base::Error) << bad;
  }
  EXPECT_NO_THROW(change_link("eth0", {.mac = "02:42:ac:11:00:02"}));
}

TEST(NetfabErrors, NameCallObjectAndTheKernelsWords) {
  const NetlinkError error(EPERM, "make link", "sv-1", "not here");
  EXPECT_STREQ(error.what(), "make link sv-1: Operation not permitted (not here)");
  EXPECT_FALSE(error.hint().empty());
}

}  // namespace
