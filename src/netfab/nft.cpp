#include "netfab/nft.hpp"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/text.hpp"

namespace netfab::nft {

namespace {

constexpr std::uint8_t kCommentType = 0;        // NFTNL_UDATA_TABLE_COMMENT: nft(8) shows it
constexpr std::uint8_t kNoteType = 0x80;        // ours; nft(8) skips what it does not know
constexpr std::size_t kNoteMost = 120;          // NFT_USERDATA_MAXLEN is 256 for both together
constexpr std::size_t kElementsAMessage = 400;  // one attribute holds at most 64 KiB
constexpr std::uint32_t kLoopbackIndex = 1;     // LOOPBACK_IFINDEX: lo in every network namespace

int nft_type(int message) {
  return (NFNL_SUBSYS_NFTABLES << 8) | message;
}

nfgenmsg generic(int family, int resource = 0) {
  nfgenmsg out{};
  out.nfgen_family = static_cast<std::uint8_t>(family);
  out.version = NFNETLINK_V0;
  out.res_id = htons(static_cast<std::uint16_t>(resource));
  return out;
}

Message nft_message(int type, int flags, std::size_t capacity = 1024) {
  Message out(nft_type(type), flags, capacity);
  out.header(generic(NFPROTO_INET));
  return out;
}

Message bracket(int type) {
  Message out(type, 0, 128);
  out.header(generic(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  return out;
}

void put_piece(std::string& out, std::uint8_t type, std::string text) {
  text.resize(std::min(text.size(), kNoteMost));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(text.size() + 1));
  out.append(text);
  out.push_back('\0');
}

std::string encode(const TableNote& note) {
  std::string out;
  if (!note.comment.empty()) put_piece(out, kCommentType, note.comment);
  put_piece(out, kNoteType,
            base::cat(note.uses, " ", note.internal ? "internal" : "open", " ", note.device));
  return out;
}

TableNote decode(const nlattr* data) {
  TableNote note;
  if (data == nullptr) return note;
  const std::string_view bytes(static_cast<const char*>(nla_data(data)),
                               static_cast<std::size_t>(nla_len(data)));
  for (std::size_t at = 0; at + 2 <= bytes.size();) {
    const auto type = static_cast<std::uint8_t>(bytes[at]);
    const auto size = static_cast<std::uint8_t>(bytes[at + 1]);
    if (at + 2 + size > bytes.size() || size == 0) break;
    const std::string text(bytes.substr(at + 2, size - 1U));
    if (type == kCommentType) note.comment = text;
    if (type == kNoteType) {
      const std::vector<std::string> words = base::split(text, ' ');
      if (words.size() == 3) {
        note.uses = static_cast<std::uint32_t>(base::parse_uint(words[0]).value_or(0));
        note.internal = words[1] == "internal";
        note.device = words[2];
      }
    }
    at += 2U + size;
  }
  return note;
}

std::array<char, IFNAMSIZ> padded(const std::string& name) {
  std::array<char, IFNAMSIZ> out{};
  name.copy(out.data(), out.size() - 1);
  return out;
}

}  // namespace

template <class Fill>
void Rule::expression(const char* name, Fill&& fill) {
  message_.nest(NFTA_LIST_ELEM, [&] {
    message_.put_text(NFTA_EXPR_NAME, name);
    message_.nest(NFTA_EXPR_DATA, fill);
  });
}

void Rule::meta(std::uint32_t key, std::uint32_t reg) {
  expression("meta", [&] {
    message_.put_be32(NFTA_META_KEY, key);
    message_.put_be32(NFTA_META_DREG, reg);
  });
}

void Rule::payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size,
                   std::uint32_t reg) {
  expression("payload", [&] {
    message_.put_be32(NFTA_PAYLOAD_DREG, reg);
    message_.put_be32(NFTA_PAYLOAD_BASE, base);
    message_.put_be32(NFTA_PAYLOAD_OFFSET, offset);
    message_.put_be32(NFTA_PAYLOAD_LEN, size);
  });
}

void Rule::compare(Match match, const void* data, std::size_t size) {
  expression("cmp", [&] {
    message_.put_be32(NFTA_CMP_SREG, kRegister);
    message_.put_be32(NFTA_CMP_OP, match == Match::Equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    message_.nest(NFTA_CMP_DATA, [&] { message_.put(NFTA_DATA_VALUE, data, size); });
  });
}

void Rule::mask(const void* data, std::size_t size) {
  const std::array<std::uint8_t, 16> zero{};
  expression("bitwise", [&] {
    message_.put_be32(NFTA_BITWISE_SREG, kRegister);
    message_.put_be32(NFTA_BITWISE_DREG, kRegister);
    message_.put_be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(size));
    message_.nest(NFTA_BITWISE_MASK, [&] { message_.put(NFTA_DATA_VALUE, data, size); });
    message_.nest(NFTA_BITWISE_XOR, [&] { message_.put(NFTA_DATA_VALUE, zero.data(), size); });
  });
}

void Rule::connection_bits(std::uint32_t key, std::uint32_t bits) {
  expression("ct", [&] {
    message_.put_be32(NFTA_CT_KEY, key);
    message_.put_be32(NFTA_CT_DREG, kRegister);
  });
  mask(&bits, sizeof bits);
  const std::uint32_t none = 0;
  compare(Match::Differs, &none, sizeof none);
}

Rule& Rule::family(base::Family family) {
  meta(NFT_META_NFPROTO);
  const std::uint8_t value = family == base::Family::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  compare(Match::Equal, &value, sizeof value);
  return *this;
}

Rule& Rule::interface(Interface side, Match match, const std::string& name) {
  meta(side == Interface::In ? NFT_META_IIFNAME : NFT_META_OIFNAME);
  const auto value = padded(name);
  compare(match, value.data(), value.size());
  return *this;
}

Rule& Rule::not_loopback_in() {
  meta(NFT_META_IIF);
  compare(Match::Differs, &kLoopbackIndex, sizeof kLoopbackIndex);
  return *this;
}

Rule& Rule::address_in(bool source, const base::Cidr& network) {
  const base::Cidr cleared = network.network();
  const bool v4 = cleared.address.is_v4();
  family(cleared.address.family);
  const auto size = static_cast<std::uint32_t>(cleared.address.size());
  const std::uint32_t offset = v4 ? (source ? 12U : 16U) : (source ? 8U : 24U);
  payload(NFT_PAYLOAD_NETWORK_HEADER, offset, size, kRegister);
  std::array<std::uint8_t, 16> bits{};
  for (unsigned bit = 0; bit < cleared.prefix; ++bit) {
    bits[bit / 8] = static_cast<std::uint8_t>(bits[bit / 8] | (0x80U >> (bit % 8)));
  }
  if (cleared.prefix < cleared.address.width()) mask(bits.data(), size);
  compare(Match::Equal, cleared.address.bytes.data(), size);
  return *this;
}

Rule& Rule::target_is_not(const base::IpAddress& address) {
  family(address.family);
  load_target_address(address.family, kRegister);
  compare(Match::Differs, address.bytes.data(), address.size());
  return *this;
}

Rule& Rule::target_is_local() {
  expression("fib", [&] {
    message_.put_be32(NFTA_FIB_DREG, kRegister);
    message_.put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    message_.put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
  const std::uint32_t local = RTN_LOCAL;
  compare(Match::Equal, &local, sizeof local);
  return *this;
}

Rule& Rule::connection_known() {
  // NF_CT_STATE_BIT(x) is 1 << (x + 1), counted modulo the reply directions.
  connection_bits(NFT_CT_STATE, (1U << (IP_CT_ESTABLISHED + 1)) | (1U << (IP_CT_RELATED + 1)));
  return *this;
}

Rule& Rule::connection_dnat() {
  connection_bits(NFT_CT_STATUS, IPS_DST_NAT);
  return *this;
}

Rule& Rule::verdict(Verdict verdict) {
  const std::uint32_t code = verdict == Verdict::Accept ? std::uint32_t{NF_ACCEPT}
                             : verdict == Verdict::Drop ? std::uint32_t{NF_DROP}
                                                        : static_cast<std::uint32_t>(NFT_RETURN);
  expression("immediate", [&] {
    message_.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    message_.nest(NFTA_IMMEDIATE_DATA, [&] {
      message_.nest(NFTA_DATA_VERDICT, [&] { message_.put_be32(NFTA_VERDICT_CODE, code); });
    });
  });
  return *this;
}

Rule& Rule::jump(const std::string& chain) {
  expression("immediate", [&] {
    message_.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    message_.nest(NFTA_IMMEDIATE_DATA, [&] {
      message_.nest(NFTA_DATA_VERDICT, [&] {
        message_.put_be32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(NFT_JUMP));
        message_.put_text(NFTA_VERDICT_CHAIN, chain);
      });
    });
  });
  jumps_ = true;
  return *this;
}

Rule& Rule::masquerade() {
  expression("masq", [] {});
  return *this;
}

void Rule::load_protocol(std::uint32_t reg) {
  meta(NFT_META_L4PROTO, reg);
}

void Rule::load_target_address(base::Family family, std::uint32_t reg) {
  if (family == base::Family::V4) {
    payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, reg);
  } else {
    payload(NFT_PAYLOAD_NETWORK_HEADER, 24, 16, reg);
  }
}

void Rule::load_target_port(std::uint32_t reg) {
  payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg);
}

void Rule::lookup(const std::string& map, std::uint32_t source, std::uint32_t target) {
  expression("lookup", [&] {
    message_.put_text(NFTA_LOOKUP_SET, map);
    message_.put_be32(NFTA_LOOKUP_SREG, source);
    message_.put_be32(NFTA_LOOKUP_DREG, target);
  });
}

void Rule::dnat(base::Family family, std::uint32_t address, std::uint32_t port) {
  expression("nat", [&] {
    message_.put_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
    message_.put_be32(
        NFTA_NAT_FAMILY,
        static_cast<std::uint32_t>(family == base::Family::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
    message_.put_be32(NFTA_NAT_REG_ADDR_MIN, address);
    message_.put_be32(NFTA_NAT_REG_PROTO_MIN, port);
  });
}

Transaction::Transaction(std::string table, TableNote note)
    : table_(std::move(table)), note_(std::move(note)) {}

Message& Transaction::add(int type, int flags, std::size_t capacity) {
  messages_.push_back(nft_message(type, flags, capacity));
  return messages_.back();
}

void Transaction::chain(const BaseChain& chain) {
  Message& message = add(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  message.put_text(NFTA_CHAIN_TABLE, table_);
  message.put_text(NFTA_CHAIN_NAME, chain.name);
  message.nest(NFTA_CHAIN_HOOK, [&] {
    message.put_be32(NFTA_HOOK_HOOKNUM, chain.hook);
    message.put_be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chain.priority));
  });
  message.put_be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
  message.put_text(NFTA_CHAIN_TYPE, chain.type);
}

void Transaction::chain(const std::string& name) {
  Message& message = add(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  message.put_text(NFTA_CHAIN_TABLE, table_);
  message.put_text(NFTA_CHAIN_NAME, name);
}

Message& Transaction::begin_rule(const std::string& chain) {
  Message& message = add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, 2048);
  message.put_text(NFTA_RULE_TABLE, table_);
  message.put_text(NFTA_RULE_CHAIN, chain);
  return message;
}

nlattr* Transaction::begin_expressions(Message& message) {
  return message.begin_nest(NFTA_RULE_EXPRESSIONS);
}

void Transaction::map(const Map& map) {
  static std::uint32_t next_id = 0;  // only has to differ within one transaction
  Message& message = add(NFT_MSG_NEWSET, NLM_F_CREATE);
  message.put_text(NFTA_SET_TABLE, table_);
  message.put_text(NFTA_SET_NAME, map.name);
  message.put_be32(NFTA_SET_FLAGS, NFT_SET_MAP);
  message.put_be32(NFTA_SET_KEY_TYPE, map.key_type);
  message.put_be32(NFTA_SET_KEY_LEN, map.key_size);
  message.put_be32(NFTA_SET_DATA_TYPE, map.data_type);
  message.put_be32(NFTA_SET_DATA_LEN, map.data_size);
  message.put_be32(NFTA_SET_ID, ++next_id);
}

void Transaction::elements(const std::string& map, const std::vector<Element>& elements) {
  for (std::size_t from = 0; from < elements.size(); from += kElementsAMessage) {
    const std::size_t to = std::min(elements.size(), from + kElementsAMessage);
    Message& message = add(NFT_MSG_NEWSETELEM, NLM_F_CREATE, 256 + (to - from) * 96);
    message.put_text(NFTA_SET_ELEM_LIST_TABLE, table_);
    message.put_text(NFTA_SET_ELEM_LIST_SET, map);
    message.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
      for (std::size_t i = from; i < to; ++i) {
        const Element& element = elements[i];
        message.nest(NFTA_LIST_ELEM, [&] {
          message.nest(NFTA_SET_ELEM_KEY, [&] {
            message.put(NFTA_DATA_VALUE, element.key.data(), element.key.size());
          });
          message.nest(NFTA_SET_ELEM_DATA, [&] {
            message.put(NFTA_DATA_VALUE, element.data.data(), element.data.size());
          });
        });
      }
    });
  }
}

void Transaction::commit() {
  const auto table_message = [&](int type, int flags) {
    Message out = nft_message(type, flags);
    out.put_text(NFTA_TABLE_NAME, table_);
    return out;
  };
  std::vector<Message> all;
  all.reserve(messages_.size() + 5);
  all.push_back(bracket(NFNL_MSG_BATCH_BEGIN));
  all.push_back(table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE));  // so that the deletion never fails
  all.push_back(table_message(NFT_MSG_DELTABLE, 0));
  Message made = table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE);
  const std::string note = encode(note_);
  made.put(NFTA_TABLE_USERDATA, note.data(), note.size());
  all.push_back(std::move(made));
  for (Message& message : messages_) all.push_back(std::move(message));
  all.push_back(bracket(NFNL_MSG_BATCH_END));
  messages_.clear();
  NetlinkSocket::current(NETLINK_NETFILTER).batch(all, "make nft table", table_);
}

void remove_table(const std::string& table) {
  std::vector<Message> all;
  all.push_back(bracket(NFNL_MSG_BATCH_BEGIN));
  Message message = nft_message(NFT_MSG_DELTABLE, 0);
  message.put_text(NFTA_TABLE_NAME, table);
  all.push_back(std::move(message));
  all.push_back(bracket(NFNL_MSG_BATCH_END));
  try {
    NetlinkSocket::current(NETLINK_NETFILTER).batch(all, "remove nft table", table);
  } catch (const NetlinkError& error) {
    if (error.errnum() != ENOENT) throw;
  }
}

std::vector<Table> own_tables() {
  NetlinkSocket& socket = NetlinkSocket::current(NETLINK_NETFILTER);
  std::vector<Table> out;
  socket.dump(nft_message(NFT_MSG_GETTABLE, 0), "list nft tables", [&](const nlmsghdr& message) {
    const Attributes attributes(message, sizeof(nfgenmsg));
    const std::string name = attributes.text(NFTA_TABLE_NAME);
    if (!base::starts_with(name, "stack-ports-") && !base::starts_with(name, "stack-net-")) return;
    out.push_back({name, decode(attributes[NFTA_TABLE_USERDATA]), false});
  });
  if (out.empty()) return out;
  std::map<std::string, std::uint32_t> uses;
  socket.dump(nft_message(NFT_MSG_GETCHAIN, 0), "list nft chains", [&](const nlmsghdr& message) {
    const Attributes attributes(message, sizeof(nfgenmsg));
    std::uint32_t& sum = uses[attributes.text(NFTA_CHAIN_TABLE)];
    sum += attributes.be32(NFTA_CHAIN_USE);
    // Somebody gave it another policy: no sum of ours is that large.
    if (attributes.be32(NFTA_CHAIN_POLICY, NF_ACCEPT) != NF_ACCEPT) sum += 1U << 24U;
  });
  for (Table& table : out) table.intact = uses[table.name] == table.note.uses;
  return out;
}

std::vector<Element> read_elements(const std::string& table, const std::string& map) {
  std::vector<Element> out;
  Message request = nft_message(NFT_MSG_GETSETELEM, 0);
  request.put_text(NFTA_SET_ELEM_LIST_TABLE, table);
  request.put_text(NFTA_SET_ELEM_LIST_SET, map);
  const auto bytes = [](const nlattr* data) {
    const Attributes value(data);
    std::vector<std::uint8_t> copy;
    if (const nlattr* at = value[NFTA_DATA_VALUE]; at != nullptr) {
      const auto* from = static_cast<const std::uint8_t*>(nla_data(at));
      copy.assign(from, from + nla_len(at));
    }
    return copy;
  };
  try {
    NetlinkSocket::current(NETLINK_NETFILTER)
        .dump(std::move(request), "list nft map", [&](const nlmsghdr& message) {
          const Attributes attributes(message, sizeof(nfgenmsg));
          const nlattr* list = attributes[NFTA_SET_ELEM_LIST_ELEMENTS];
          if (list == nullptr) return;
          int left = nla_len(list);
          for (auto* at = static_cast<nlattr*>(nla_data(list)); nla_ok(at, left);
               at = nla_next(at, &left)) {
            const Attributes element(at);
            out.push_back({bytes(element[NFTA_SET_ELEM_KEY]), bytes(element[NFTA_SET_ELEM_DATA])});
          }
        });
  } catch (const NetlinkError& error) {
    if (error.errnum() != ENOENT) throw;
    out.clear();
  }
  return out;
}

}  // namespace netfab::nft
