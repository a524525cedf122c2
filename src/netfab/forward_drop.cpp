// Finds a FORWARD policy of drop in somebody else's table. An accept in our own table does not
// override it, so the person has to let our bridges pass there; once that is done, it is
// recognised.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "netfab/legacy_tables.hpp"
#include "netfab/netlink.hpp"
#include "netfab/ports.hpp"

namespace netfab {

namespace {

const std::string_view kPrefix = "st-";  // all our bridges: "st-*" in nft(8), "st-+" in iptables(8)
constexpr int kDeepest = 16;             // NFT_JUMP_STACK_SIZE

// The four kinds of packets of ours that a forward chain meets.
enum class Kind : std::uint8_t { FromBridge, ToBridge, Known, Dnat };

struct RuleFacts {
  bool unconditional = true;
  bool understood = true;  // false: a condition that we do not read
  std::set<Kind> accepts_only;
  std::uint32_t verdict = 0;
  bool has_verdict = false;
  std::string target;  // of a jump or goto
};

struct Chain {
  std::uint8_t family = 0;
  std::string table, name;
};

Message message_for(int type, std::uint8_t family) {
  Message out((NFNL_SUBSYS_NFTABLES << 8) | type, 0, 512);
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  out.header(header);
  return out;
}

// What the register holds while a rule's expressions are read one after the other.
struct Loaded {
  enum class What : std::uint8_t { Nothing, InName, OutName, State, Status } what = What::Nothing;
  std::uint32_t bits = 0;
};

void read_compare(const Attributes& data, const Loaded& loaded, RuleFacts& facts) {
  const Attributes value(data[NFTA_CMP_DATA]);
  const nlattr* bytes = value[NFTA_DATA_VALUE];
  const std::uint32_t op = data.be32(NFTA_CMP_OP);
  facts.unconditional = false;
  const bool names = loaded.what == Loaded::What::InName || loaded.what == Loaded::What::OutName;
  if (names && bytes != nullptr && op == NFT_CMP_EQ &&
      static_cast<std::size_t>(nla_len(bytes)) == kPrefix.size() &&
      std::memcmp(nla_data(bytes), kPrefix.data(), kPrefix.size()) == 0) {
    facts.accepts_only.insert(loaded.what == Loaded::What::InName ? Kind::FromBridge
                                                                  : Kind::ToBridge);
  } else if (loaded.what == Loaded::What::State && op == NFT_CMP_NEQ &&
             (loaded.bits & (1U << (IP_CT_ESTABLISHED + 1))) != 0) {
    facts.accepts_only.insert(Kind::Known);
  } else if (loaded.what == Loaded::What::Status && op == NFT_CMP_NEQ &&
             (loaded.bits & IPS_DST_NAT) != 0) {
    facts.accepts_only.insert(Kind::Dnat);
  } else {
    facts.understood = false;
  }
}

void read_expression(const std::string& name, const Attributes& data, Loaded& loaded,
                     RuleFacts& facts) {
  if (name == "counter" || name == "log") return;
  if (name == "meta") {
    const std::uint32_t key = data.be32(NFTA_META_KEY);
    loaded.what = key == NFT_META_IIFNAME   ? Loaded::What::InName
                  : key == NFT_META_OIFNAME ? Loaded::What::OutName
                                            : Loaded::What::Nothing;
  } else if (name == "ct") {
    const std::uint32_t key = data.be32(NFTA_CT_KEY);
    loaded.what = key == NFT_CT_STATE    ? Loaded::What::State
                  : key == NFT_CT_STATUS ? Loaded::What::Status
                                         : Loaded::What::Nothing;
  } else if (name == "bitwise") {
    const Attributes mask(data[NFTA_BITWISE_MASK]);
    loaded.bits = mask.u32(NFTA_DATA_VALUE);
  } else if (name == "cmp") {
    read_compare(data, loaded, facts);
  } else if (name == "immediate") {
    const Attributes value(data[NFTA_IMMEDIATE_DATA]);
    const Attributes verdict(value[NFTA_DATA_VERDICT]);
    if (value[NFTA_DATA_VERDICT] == nullptr) return;
    facts.has_verdict = true;
    facts.verdict = verdict.be32(NFTA_VERDICT_CODE);
    facts.target = verdict.text(NFTA_VERDICT_CHAIN);
  } else if (name == "match") {
    // A match of iptables; "comment" is none.
    const Attributes match(data);
    if (match.text(NFTA_MATCH_NAME) != "comment") {
      facts.unconditional = false;
      facts.understood = false;
    }
  } else {
    facts.unconditional = false;
    facts.understood = false;
  }
}

RuleFacts read_rule(const nlattr* list) {
  RuleFacts facts;
  Loaded loaded;
  if (list == nullptr) return facts;
  int left = nla_len(list);
  for (auto* at = static_cast<nlattr*>(nla_data(list)); nla_ok(at, left);
       at = nla_next(at, &left)) {
    const Attributes expression(at);
    read_expression(expression.text(NFTA_EXPR_NAME), Attributes(expression[NFTA_EXPR_DATA]), loaded,
                    facts);
  }
  return facts;
}

using Rules = std::map<std::string, std::vector<RuleFacts>>;  // by chain

Rules read_rules(const Chain& chain) {
  Rules out;
  Message request = message_for(NFT_MSG_GETRULE, chain.family);
  request.put_text(NFTA_RULE_TABLE, chain.table);
  NetlinkSocket::current(NETLINK_NETFILTER)
      .dump(std::move(request), "list nft rules", [&](const nlmsghdr& message) {
        const Attributes rule(message, sizeof(nfgenmsg));
        if (rule.text(NFTA_RULE_TABLE) != chain.table) return;
        out[rule.text(NFTA_RULE_CHAIN)].push_back(read_rule(rule[NFTA_RULE_EXPRESSIONS]));
      });
  return out;
}

enum class Fate : std::uint8_t { Accepted, Dropped, Undecided };

Fate fate_of(const Rules& rules, const std::string& chain, Kind kind, int depth) {
  const auto at = rules.find(chain);
  if (at == rules.end() || depth > kDeepest) return Fate::Undecided;
  for (const RuleFacts& rule : at->second) {
    const bool applies = rule.understood && rule.has_verdict &&
                         (rule.unconditional ||
                          (rule.accepts_only.size() == 1 && rule.accepts_only.count(kind) != 0));
    if (!applies) continue;
    if (rule.verdict == NF_ACCEPT) return Fate::Accepted;
    if (rule.verdict == NF_DROP) return Fate::Dropped;
    if (rule.verdict == static_cast<std::uint32_t>(NFT_RETURN)) return Fate::Undecided;
    const Fate inside = fate_of(rules, rule.target, kind, depth + 1);
    if (inside != Fate::Undecided) return inside;
    if (rule.verdict == static_cast<std::uint32_t>(NFT_GOTO)) return Fate::Undecided;
  }
  return Fate::Undecided;
}

bool lets_us_pass(const Chain& chain, const Rules& rules) {
  const auto accepted = [&](Kind kind) {
    return fate_of(rules, chain.name, kind, 0) == Fate::Accepted;
  };
  return accepted(Kind::FromBridge) &&
         (accepted(Kind::ToBridge) || (accepted(Kind::Known) && accepted(Kind::Dnat)));
}

std::string family_name(std::uint8_t family) {
  return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

std::string remedy_for(const Chain& chain, const Rules& rules) {
  const bool iptables =
      chain.family != NFPROTO_INET && chain.table == "filter" && chain.name == "FORWARD";
  if (!iptables) {
    const std::string rule =
        base::cat("nft insert rule ", family_name(chain.family), " ", chain.table, " ", chain.name);
    return base::cat(rule, " iifname '\"st-*\"' accept; ", rule, " oifname '\"st-*\"' accept");
  }
  // Docker leaves this chain to the person and never flushes it.
  const char* target = rules.count("DOCKER-USER") != 0 ? "DOCKER-USER" : "FORWARD";
  const std::string tool =
      base::cat(chain.family == NFPROTO_IPV6 ? "ip6tables" : "iptables", " -I ", target);
  return base::cat(tool, " -i st-+ -j ACCEPT; ", tool, " -o st-+ -j ACCEPT");
}

std::vector<Chain> dropping_chains(base::Family family) {
  std::vector<Chain> out;
  const std::uint8_t own = family == base::Family::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  NetlinkSocket::current(NETLINK_NETFILTER)
      .dump(message_for(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC), "list nft chains",
            [&](const nlmsghdr& message) {
              const auto& header = header_of<nfgenmsg>(message);
              if (header.nfgen_family != own && header.nfgen_family != NFPROTO_INET) return;
              const Attributes chain(message, sizeof header);
              if (chain[NFTA_CHAIN_HOOK] == nullptr) return;
              const Attributes hook(chain[NFTA_CHAIN_HOOK]);
              const std::string table = chain.text(NFTA_CHAIN_TABLE);
              if (hook.be32(NFTA_HOOK_HOOKNUM) != NF_INET_FORWARD ||
                  chain.be32(NFTA_CHAIN_POLICY, NF_ACCEPT) != NF_DROP ||
                  base::starts_with(table, "stack-")) {
                return;
              }
              out.push_back({header.nfgen_family, table, chain.text(NFTA_CHAIN_NAME)});
            });
  return out;
}

}  // namespace

std::optional<ForwardDrop> forward_drop(base::Family family) {
  for (const Chain& chain : dropping_chains(family)) {
    const Rules rules = read_rules(chain);
    if (lets_us_pass(chain, rules)) continue;
    return ForwardDrop{base::cat(family_name(chain.family), " ", chain.table), chain.name,
                       remedy_for(chain, rules)};
  }
  if (legacy_forward_drops(family)) {
    const bool v4 = family == base::Family::V4;
    const char* tool = v4 ? "iptables-legacy" : "ip6tables-legacy";
    return ForwardDrop{
        base::cat(v4 ? "ip" : "ip6", " filter (legacy iptables)"), "FORWARD",
        base::cat(tool, " -I FORWARD -i st-+ -j ACCEPT; ", tool, " -I FORWARD -o st-+ -j ACCEPT")};
  }
  return std::nullopt;
}

}  // namespace netfab
