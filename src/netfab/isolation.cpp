#include "netfab/isolation.hpp"

#include <netinet/in.h>  // before the kernel's, which gives way to it

#include <linux/netfilter.h>

#include "netfab/guard.hpp"
#include "netfab/nft.hpp"

namespace netfab {

using nft::Interface;
using nft::Match;
using nft::Verdict;

namespace {

const Cidr kLoopback{IpAddress::from_v4(0x7f000000), 8};

// Rules stand in the order of how often they end a packet's way through the chain.
void add_forward(nft::Transaction& table, const Bridge& bridge) {
  const char* chain = "forward";
  table.chain({chain, "filter", NF_INET_FORWARD, 0});
  const std::string& device = bridge.device;
  // Between two containers of this network (seen here only with br_netfilter).
  table.rule(chain, [&](nft::Rule& rule) {
    rule.interface(Interface::In, Match::Equal, device)
        .interface(Interface::Out, Match::Equal, device)
        .verdict(Verdict::Accept);
  });
  if (bridge.internal) {
    for (const Interface side : {Interface::In, Interface::Out}) {
      table.rule(chain, [&](nft::Rule& rule) {
        rule.interface(side, Match::Equal, device).verdict(Verdict::Drop);
      });
    }
    return;
  }
  table.rule(chain, [&](nft::Rule& rule) {
    rule.interface(Interface::Out, Match::Equal, device)
        .connection_known()
        .verdict(Verdict::Accept);
  });
  table.rule(chain, [&](nft::Rule& rule) {
    rule.interface(Interface::Out, Match::Equal, device).connection_dnat().verdict(Verdict::Accept);
  });
  table.rule(chain, [&](nft::Rule& rule) {
    rule.interface(Interface::Out, Match::Equal, device).verdict(Verdict::Drop);
  });
}

void add_masquerade(nft::Transaction& table, const Bridge& bridge) {
  const char* chain = "masquerade";
  table.chain({chain, "nat", NF_INET_POST_ROUTING, 100});
  for (const Cidr& address : bridge.addresses) {
    if (!bridge.internal) {
      table.rule(chain, [&](nft::Rule& rule) {
        rule.source_in(address).interface(Interface::Out, Match::Differs, bridge.device);
        rule.masquerade();
      });
    }
    // A container that calls a published port of its own network through the host: without this the
    // answer would go to it directly, from an address it never called.
    table.rule(chain, [&](nft::Rule& rule) {
      rule.source_in(address)
          .interface(Interface::Out, Match::Equal, bridge.device)
          .connection_dnat();
      rule.masquerade();
    });
  }
}

}  // namespace

void add_loopback_guard(nft::Transaction& table) {
  const char* chain = "guard";
  // Before connection tracking: the answers to the host's own 127.0.0.1 calls are still addressed
  // to the bridge here and pass.
  table.chain({chain, "filter", NF_INET_PRE_ROUTING, -300});
  table.rule(chain, [](nft::Rule& rule) {
    rule.not_loopback_in().target_in(kLoopback).verdict(Verdict::Drop);
  });
  table.rule(chain, [](nft::Rule& rule) {
    rule.not_loopback_in().source_in(kLoopback).verdict(Verdict::Drop);
  });
}

void ensure_isolation(const Bridge& bridge) {
  nft::Transaction table(
      bridge.table,
      {.comment = bridge.label, .device = bridge.device, .internal = bridge.internal});
  add_forward(table, bridge);
  add_masquerade(table, bridge);
  add_loopback_guard(table);
  table.commit();
}

}  // namespace netfab
