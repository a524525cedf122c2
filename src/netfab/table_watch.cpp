#include "netfab/table_watch.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.hpp"

namespace netfab {

namespace {

// Every message about tables and what is in them has the table's name as attribute 1.
bool takes_from_ours(const nlmsghdr& message) {
  if (NFNL_SUBSYS_ID(message.nlmsg_type) != NFNL_SUBSYS_NFTABLES) return false;
  switch (NFNL_MSG_TYPE(message.nlmsg_type)) {
    case NFT_MSG_DELTABLE:
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_DELRULE:
    case NFT_MSG_DELSET:
    case NFT_MSG_DELSETELEM:
      break;
    default:
      return false;
  }
  constexpr std::size_t kStart = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));
  const char* data = reinterpret_cast<const char*>(&message);
  for (std::size_t at = kStart; at + NLA_HDRLEN <= message.nlmsg_len;) {
    nlattr attribute{};
    std::memcpy(&attribute, data + at, sizeof attribute);
    if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > message.nlmsg_len) break;
    if ((attribute.nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME) {
      const std::string_view name(data + at + NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN);
      return name.substr(0, 6) == "stack-";
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
  return false;
}

}  // namespace

TableWatch::TableWatch()
    : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)) {
  if (!socket_) base::throw_errno("socket", "nf_tables events");
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  // A socket without a number hears nothing.
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
    base::throw_errno("bind", "nf_tables events");
  }
  const int group = NFNLGRP_NFTABLES;
  if (::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    base::throw_errno("join", "nf_tables events");
  }
}

bool TableWatch::changed() {
  bool out = false;
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  for (;;) {
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0) {
      // More happened than there was room for: something of ours may be among it.
      if (errno == ENOBUFS) out = true;
      if (errno == ENOBUFS || errno == EINTR) continue;
      return out;
    }
    auto left = static_cast<unsigned>(n);
    for (const auto* at = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(at, left);
         at = NLMSG_NEXT(at, left)) {
      out = out || takes_from_ours(*at);
    }
  }
}

}  // namespace netfab
