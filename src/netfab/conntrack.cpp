#include "netfab/conntrack.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "netfab/link_dump.hpp"
#include "netfab/netlink.hpp"

namespace netfab {

namespace {

struct Tuple {
  std::uint8_t protocol = 0;
  std::optional<IpAddress> source, target;
  std::uint16_t source_port = 0, target_port = 0;
};

Tuple tuple_of(const nlattr* data) {
  const Attributes parts(data);
  const Attributes address(parts[CTA_TUPLE_IP]);
  const Attributes protocol(parts[CTA_TUPLE_PROTO]);
  Tuple out;
  out.protocol = protocol.u8(CTA_PROTO_NUM);
  out.source_port = protocol.be16(CTA_PROTO_SRC_PORT);
  out.target_port = protocol.be16(CTA_PROTO_DST_PORT);
  out.source = address.address(CTA_IP_V4_SRC);
  if (!out.source) out.source = address.address(CTA_IP_V6_SRC);
  out.target = address.address(CTA_IP_V4_DST);
  if (!out.target) out.target = address.address(CTA_IP_V6_DST);
  return out;
}

Message conntrack_message(int type, std::uint8_t family) {
  Message out((NFNL_SUBSYS_CTNETLINK << 8) | type, 0, 512);
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  out.header(header);
  return out;
}

std::set<IpAddress> local_addresses() {
  std::set<IpAddress> out;
  for (const auto& entry :
       dump_links(NetlinkSocket::current(NETLINK_ROUTE), {.addresses = true, .routes = false})) {
    for (const Cidr& address : entry.second.addresses) out.insert(address.address);
  }
  return out;
}

// `sent` is what the client wrote on the packet, `answer` the direction back: its source is where
// the packets really go.
bool concerns(const PublishedPort& port, const Tuple& sent, const Tuple& answer, bool translated,
              const std::set<IpAddress>& local) {
  if (sent.target_port != port.host_port || !sent.target || !answer.source) return false;
  if (sent.target->family != port.target.family) return false;
  if (port.host_address && !port.host_address->is_unspecified() &&
      *sent.target != *port.host_address) {
    return false;
  }
  if (translated) return *answer.source == port.target && answer.source_port == port.target_port;
  return sent.target->is_loopback() || local.count(*sent.target) != 0;
}

}  // namespace

void forget_udp(const std::vector<PublishedPort>& changed) {
  if (changed.empty()) return;
  const std::set<IpAddress> local = local_addresses();
  NetlinkSocket& socket = NetlinkSocket::current(NETLINK_NETFILTER);
  std::vector<Message> deletions;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    const bool needed = std::any_of(changed.begin(), changed.end(), [&](const PublishedPort& p) {
      return p.target.is_v4() == (family == AF_INET);
    });
    if (!needed) continue;
    const auto visit = [&](const nlmsghdr& message) {
      const Attributes entry(message, sizeof(nfgenmsg));
      const nlattr* original = entry[CTA_TUPLE_ORIG];
      const Tuple sent = tuple_of(original);
      // A deletion without a tuple would empty the whole table.
      if (original == nullptr || sent.protocol != IPPROTO_UDP) return;
      const Tuple answer = tuple_of(entry[CTA_TUPLE_REPLY]);
      const bool translated = (entry.be32(CTA_STATUS) & IPS_DST_NAT) != 0;
      for (const PublishedPort& port : changed) {
        if (!concerns(port, sent, answer, translated, local)) continue;
        Message deletion = conntrack_message(IPCTNL_MSG_CT_DELETE, family);
        deletion.put(CTA_TUPLE_ORIG | NLA_F_NESTED, nla_data(original),
                     static_cast<std::size_t>(nla_len(original)));
        deletions.push_back(std::move(deletion));
        return;
      }
    };
    try {
      socket.dump(conntrack_message(IPCTNL_MSG_CT_GET, family), "list connections", visit);
    } catch (const NetlinkError& error) {
      // A kernel without ctnetlink: entries end by themselves after 30 to 120 s of silence.
      if (error.errnum() != EINVAL && error.errnum() != EOPNOTSUPP) throw;
    }
  }
  // ctnetlink takes several messages a datagram only as a batch; an entry that ended meanwhile is
  // fine.
  for (Message& deletion : deletions) {
    socket.request_one(std::move(deletion), "forget connection of", "udp port", {ENOENT});
  }
}

}  // namespace netfab
