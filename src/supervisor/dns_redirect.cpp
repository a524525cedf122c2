#include "supervisor/dns_redirect.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace supervisor {

namespace {

constexpr const char* kChain = netfab::kRedirectionChain;
constexpr std::int32_t kDstNat = -100;  // NF_IP_PRI_NAT_DST

// One nf_tables transaction as bytes.
class Batch {
 public:
  Batch() { control(NFNL_MSG_BATCH_BEGIN); }

  void message(unsigned type, unsigned flags, const std::function<void()>& attributes) {
    const std::size_t start =
        header(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | type),
               static_cast<std::uint16_t>(NLM_F_REQUEST | flags), NFPROTO_IPV4, 0);
    attributes();
    finish(start);
  }
  void nest(std::uint16_t type, const std::function<void()>& attributes) {
    const std::size_t start = bytes_.size();
    const nlattr attribute{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)};
    put(&attribute, sizeof attribute);
    attributes();
    const auto length = static_cast<std::uint16_t>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start, &length, sizeof length);
  }
  void raw(std::uint16_t type, const void* data, std::size_t size) {
    const nlattr attribute{static_cast<std::uint16_t>(sizeof attribute + size), type};
    put(&attribute, sizeof attribute);
    put(data, size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()), '\0');
  }
  void text(std::uint16_t type, const char* value) { raw(type, value, std::strlen(value) + 1); }
  void number(std::uint16_t type, std::uint32_t value) {
    const std::uint32_t order = htonl(value);
    raw(type, &order, sizeof order);
  }
  void expression(const char* name, const std::function<void()>& attributes) {
    nest(NFTA_LIST_ELEM, [&] {
      text(NFTA_EXPR_NAME, name);
      nest(NFTA_EXPR_DATA, attributes);
    });
  }
  void load(std::uint32_t header_base, std::uint32_t offset, std::uint32_t length) {
    expression("payload", [&] {
      number(NFTA_PAYLOAD_DREG, NFT_REG_1);
      number(NFTA_PAYLOAD_BASE, header_base);
      number(NFTA_PAYLOAD_OFFSET, offset);
      number(NFTA_PAYLOAD_LEN, length);
    });
  }
  void equals(const void* data, std::size_t size) {
    expression("cmp", [&] {
      number(NFTA_CMP_SREG, NFT_REG_1);
      number(NFTA_CMP_OP, NFT_CMP_EQ);
      nest(NFTA_CMP_DATA, [&] { raw(NFTA_DATA_VALUE, data, size); });
    });
  }
  void immediate(std::uint32_t reg, const void* data, std::size_t size) {
    expression("immediate", [&] {
      number(NFTA_IMMEDIATE_DREG, reg);
      nest(NFTA_IMMEDIATE_DATA, [&] { raw(NFTA_DATA_VALUE, data, size); });
    });
  }

  // 0, or the errno of the first message refused. The kernel answers before send() returns.
  int commit() {
    control(NFNL_MSG_BATCH_END);
    base::Fd& socket = socket_;
    socket = base::Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (!socket) base::throw_errno("socket", "NETLINK_NETFILTER");
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (::sendto(socket.get(), bytes_.data(), bytes_.size(), 0,
                 reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
      return errno;
    }
    alignas(nlmsghdr) std::array<char, 8192> buffer;
    for (;;) {
      const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return 0;
      auto left = static_cast<unsigned>(n);
      for (auto* at = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(at, left);
           at = NLMSG_NEXT(at, left)) {
        if (at->nlmsg_type != NLMSG_ERROR) continue;
        const auto* answer = static_cast<const nlmsgerr*>(NLMSG_DATA(at));
        if (answer->error != 0) return -answer->error;
      }
    }
  }

  base::Fd take_socket() { return std::move(socket_); }

 private:
  void put(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
  }
  std::size_t header(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                     std::uint16_t resource) {
    const std::size_t start = bytes_.size();
    nlmsghdr message{};
    message.nlmsg_type = type;
    message.nlmsg_flags = flags;
    message.nlmsg_seq = ++sequence_;
    nfgenmsg general{};
    general.nfgen_family = family;
    general.version = NFNETLINK_V0;
    general.res_id = htons(resource);
    put(&message, sizeof message);
    put(&general, sizeof general);
    return start;
  }
  void finish(std::size_t start) {
    const auto length = static_cast<std::uint32_t>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start, &length, sizeof length);
  }
  void control(std::uint16_t type) {
    finish(header(type, NLM_F_REQUEST, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  }

  std::string bytes_;
  std::uint32_t sequence_ = 0;
  base::Fd socket_;
};

void name_table(Batch& batch) {
  batch.text(NFTA_TABLE_NAME, kDnsTable);
}

// Made first, so that the removal never fails for want of it.
void drop_table(Batch& batch) {
  batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE, [&] { name_table(batch); });
  batch.message(NFT_MSG_DELTABLE, 0, [&] { name_table(batch); });
}

void add_rule(Batch& batch, std::uint8_t protocol, std::uint16_t port) {
  const std::uint32_t address = htonl(kDnsAddress);
  const std::uint16_t dns_port = htons(53);
  const std::uint16_t our_port = htons(port);
  batch.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [&] {
    batch.text(NFTA_RULE_TABLE, kDnsTable);
    batch.text(NFTA_RULE_CHAIN, kChain);
    batch.nest(NFTA_RULE_EXPRESSIONS, [&] {
      batch.load(NFT_PAYLOAD_NETWORK_HEADER, 16, 4);  // ip daddr
      batch.equals(&address, sizeof address);
      batch.expression("meta", [&] {
        batch.number(NFTA_META_DREG, NFT_REG_1);
        batch.number(NFTA_META_KEY, NFT_META_L4PROTO);
      });
      batch.equals(&protocol, sizeof protocol);
      batch.load(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);  // dport
      batch.equals(&dns_port, sizeof dns_port);
      batch.immediate(NFT_REG_1, &address, sizeof address);
      batch.immediate(NFT_REG_2, &our_port, sizeof our_port);
      batch.expression("nat", [&] {
        batch.number(NFTA_NAT_TYPE, NFT_NAT_DNAT);
        batch.number(NFTA_NAT_FAMILY, NFPROTO_IPV4);
        batch.number(NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
        batch.number(NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
      });
    });
  });
}

}  // namespace

base::Fd ensure_dns_redirect(std::uint16_t udp_port, std::uint16_t tcp_port) {
  Batch batch;
  drop_table(batch);
  batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE, [&] {
    name_table(batch);
    // Where our sockets are, for whoever looks whether they are there.
    const std::string note = netfab::encode_redirection({udp_port, tcp_port});
    batch.raw(NFTA_TABLE_USERDATA, note.data(), note.size());
  });
  batch.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, [&] {
    batch.text(NFTA_CHAIN_TABLE, kDnsTable);
    batch.text(NFTA_CHAIN_NAME, kChain);
    batch.nest(NFTA_CHAIN_HOOK, [&] {
      batch.number(NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
      batch.number(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(kDstNat));
    });
    batch.text(NFTA_CHAIN_TYPE, "nat");
  });
  add_rule(batch, IPPROTO_UDP, udp_port);
  add_rule(batch, IPPROTO_TCP, tcp_port);
  if (const int errnum = batch.commit(); errnum != 0) {
    throw base::SysError(errnum, "nf_tables", "redirection of 127.0.0.11:53",
                         "the kernel needs nf_tables with nat (modules nft_chain_nat, nft_nat)");
  }
  return batch.take_socket();
}

void remove_dns_redirect() {
  Batch batch;
  drop_table(batch);
  if (const int errnum = batch.commit(); errnum != 0) {
    throw base::SysError(errnum, "nf_tables", "redirection of 127.0.0.11:53");
  }
}

}  // namespace supervisor
