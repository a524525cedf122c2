#include "netfab/inside.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <span>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "netfab/link_dump.hpp"
#include "netfab/netns.hpp"
#include "netfab/sysctl.hpp"

namespace netfab {

namespace {

constexpr char kRedirectionKind = '\x80';  // nft(8) skips user data that it does not know

// Comes back to the namespace the thread was in, however many were entered in between.
class Home {
 public:
  Home() : home_(base::sys::open("/proc/thread-self/ns/net", O_RDONLY)) {}
  ~Home() {
    if (::setns(home_.get(), CLONE_NEWNET) == 0) return;
    // To go on in somebody else's network would be worse than to die.
    std::perror("stack: return to the own network namespace");
    std::abort();
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

 private:
  base::Fd home_;
};

Message nft_request(int type) {
  Message out((NFNL_SUBSYS_NFTABLES << 8) | type, 0, 256);
  nfgenmsg general{};
  general.nfgen_family = NFPROTO_IPV4;
  general.version = NFNETLINK_V0;
  out.header(general);
  return out;
}

// A socket for a few questions in one namespace, where NetlinkSocket's comforts would cost more
// than the questions. The kernel has answered before send() returns.
class Questions {
 public:
  explicit Questions(int protocol) : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)) {
    if (!fd_) base::throw_errno("socket", "netlink");
  }

  // False when the dump failed or was interrupted by a change.
  bool dump(Message& request, const std::function<void(const nlmsghdr&)>& visit) {
    request.raw()->nlmsg_flags |= NLM_F_DUMP;
    if (!send({&request, 1})) return false;
    for (;;) {
      const ssize_t got = receive(0);
      if (got <= 0) return false;
      auto left = static_cast<int>(got);
      for (auto* at = first(); nlmsg_ok(at, left); at = nlmsg_next(at, &left)) {
        if ((at->nlmsg_flags & NLM_F_DUMP_INTR) != 0 || at->nlmsg_type == NLMSG_ERROR) return false;
        if (at->nlmsg_type == NLMSG_DONE) return true;
        visit(*at);
      }
    }
  }

  // All at once, each with one answer; errors are visited as they come (NLMSG_ERROR).
  bool ask(std::span<Message> requests, const std::function<void(const nlmsghdr&)>& visit) {
    if (!send(requests)) return false;
    for (std::size_t answers = 0; answers < requests.size();) {
      const ssize_t got = receive(MSG_DONTWAIT);
      if (got <= 0) return got < 0 && errno == EAGAIN;
      auto left = static_cast<int>(got);
      for (auto* at = first(); nlmsg_ok(at, left); at = nlmsg_next(at, &left), ++answers) {
        visit(*at);
      }
    }
    return true;
  }

 private:
  static std::vector<char>& buffer() {
    thread_local std::vector<char> bytes(64UL << 10U);
    return bytes;
  }
  static nlmsghdr* first() { return reinterpret_cast<nlmsghdr*>(buffer().data()); }
  [[nodiscard]] ssize_t receive(int flags) const {
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), buffer().data(), buffer().size(), flags);
      if (got >= 0 || errno != EINTR) return got;
    }
  }
  [[nodiscard]] bool send(std::span<Message> requests) const {
    std::array<iovec, 4> parts{};
    std::size_t count = 0;
    for (Message& request : requests) {
      nlmsghdr* header = request.raw();
      header->nlmsg_flags |= NLM_F_REQUEST;
      parts.at(count++) = {header, NLMSG_ALIGN(header->nlmsg_len)};
    }
    msghdr datagram{};
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    datagram.msg_name = &kernel;
    datagram.msg_namelen = sizeof kernel;
    datagram.msg_iov = parts.data();
    datagram.msg_iovlen = count;
    return ::sendmsg(fd_.get(), &datagram, 0) >= 0;
  }

  base::Fd fd_;
};

// What addresses and routes alone tell of a namespace: nothing unless all is as expected.
class QuickLook {
 public:
  std::optional<std::vector<InnerLink>> look(const std::vector<const Endpoint*>& expected) {
    Questions questions(NETLINK_ROUTE);
    // What a container added is its own: IPv6 is looked at where something of it is expected.
    const unsigned char family = expects_v6(expected) ? AF_UNSPEC : AF_INET;
    Message addresses(RTM_GETADDR, 0, 64);
    ifaddrmsg of_addresses{};
    of_addresses.ifa_family = family;
    addresses.header(of_addresses);
    Message routes(RTM_GETROUTE, 0, 64);
    rtmsg of_routes{};
    of_routes.rtm_family = family;
    routes.header(of_routes);
    if (!questions.dump(addresses, [this](const nlmsghdr& each) { add_address(each); }) ||
        !questions.dump(routes, [this](const nlmsghdr& each) { add_route(each); })) {
      return {};
    }
    std::vector<InnerLink> out;
    for (auto& entry : found_) {
      InnerLink& link = entry.second.link;
      // Only what is up has routes; only a v4 address has a name.
      if (link.name.empty() || !entry.second.connected) return {};
      link.up = true;
      out.push_back(std::move(link));
    }
    for (const Endpoint* endpoint : expected) {
      if (!endpoint->mac.empty() || !is_among(out, *endpoint)) return {};
    }
    return out;
  }

 private:
  struct Found {
    InnerLink link;
    bool connected = false;
  };

  static bool expects_v6(const std::vector<const Endpoint*>& expected) {
    return std::any_of(expected.begin(), expected.end(), [](const Endpoint* endpoint) {
      return std::any_of(
          endpoint->addresses.begin(), endpoint->addresses.end(),
          [](const base::Cidr& each) { return each.address.family == base::Family::V6; });
    });
  }
  static bool is_among(const std::vector<InnerLink>& links, const Endpoint& endpoint) {
    for (const InnerLink& link : links) {
      if (link.name != endpoint.inner_device) continue;
      const auto& a = endpoint.addresses;
      const auto& g = endpoint.gateways;
      return std::is_permutation(a.begin(), a.end(), link.addresses.begin(),
                                 link.addresses.end()) &&
             std::is_permutation(g.begin(), g.end(), link.gateways.begin(), link.gateways.end());
    }
    return false;
  }
  void add_address(const nlmsghdr& message) {
    const auto& header = header_of<ifaddrmsg>(message);
    if (header.ifa_index == 1) return;
    const auto address = address_of(message);
    if (!address) return;
    InnerLink& link = found_[header.ifa_index].link;
    link.addresses.push_back(*address);
    if (link.name.empty()) link.name = Attributes(message, sizeof header).text(IFA_LABEL);
  }
  void add_route(const nlmsghdr& message) {
    const auto& header = header_of<rtmsg>(message);
    if (header.rtm_type != RTN_UNICAST) return;
    const Attributes attributes(message, sizeof header);
    const std::uint32_t device = attributes.u32(RTA_OIF);
    if (device < 2) return;
    if (header.rtm_dst_len == 0) {
      const auto gateway = attributes.address(RTA_GATEWAY);
      if (gateway) found_[device].link.gateways.push_back(*gateway);
    } else if (header.rtm_family == AF_INET && header.rtm_protocol == RTPROT_KERNEL) {
      found_[device].connected = true;
    }
  }
  std::map<std::uint32_t, Found> found_;
};

// True when somebody has the port, without taking it from anybody: nothing is listened on.
bool is_bound(int type, std::uint16_t port) {
  const base::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(kNameServer);
  address.sin_port = htons(port);
  if (!fd) return true;  // nothing can be said
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
}

NameService look_at_names(NameLook how) {
  std::vector<Message> messages;
  messages.push_back(nft_request(NFT_MSG_GETTABLE));
  messages.back().put_text(NFTA_TABLE_NAME, kRedirectionTable);
  messages.push_back(nft_request(NFT_MSG_GETCHAIN));
  messages.back().put_text(NFTA_CHAIN_TABLE, kRedirectionTable);
  messages.back().put_text(NFTA_CHAIN_NAME, kRedirectionChain);
  std::optional<RedirectionNote> note;
  std::uint32_t rules = 0;
  bool gone = false, unknown = false;
  Questions questions(NETLINK_NETFILTER);
  const bool asked = questions.ask(messages, [&](const nlmsghdr& message) {
    if (message.nlmsg_type == NLMSG_ERROR) {
      const int error = static_cast<const nlmsgerr*>(nlmsg_data(&message))->error;
      (error == -ENOENT ? gone : unknown) = true;
      return;
    }
    const Attributes attributes(message, sizeof(nfgenmsg));
    if (NFNL_MSG_TYPE(message.nlmsg_type) == NFT_MSG_NEWTABLE) {
      if (const nlattr* data = attributes[NFTA_TABLE_USERDATA]; data != nullptr) {
        note = decode_redirection(
            {static_cast<const char*>(nla_data(data)), static_cast<std::size_t>(nla_len(data))});
      }
    } else if (NFNL_MSG_TYPE(message.nlmsg_type) == NFT_MSG_NEWCHAIN) {
      rules = attributes.be32(NFTA_CHAIN_USE);
    }
  });
  if (!asked || unknown) return NameService::Unknown;
  if (gone || rules != kRedirectionRules) return NameService::NoRedirection;
  if (how != NameLook::Sockets) return NameService::There;
  if (!note) return NameService::Unknown;  // made by an older program
  const bool both = is_bound(SOCK_DGRAM, note->udp_port) && is_bound(SOCK_STREAM, note->tcp_port);
  return both ? NameService::There : NameService::NoSocket;
}

Inside look_inside(const InsideRequest& request) {
  Inside out;
  out.pinned = true;
  if (auto links = QuickLook().look(request.expected)) {
    out.links = std::move(*links);
  } else {
    NetlinkSocket socket(NETLINK_ROUTE);
    for (auto& entry : dump_links(socket)) {
      LinkFacts& link = entry.second;
      if (link.name == "lo") continue;
      out.links.push_back({std::move(link.name), std::move(link.mac), link.up,
                           std::move(link.addresses), std::move(link.gateways)});
    }
  }
  if (request.names != NameLook::None) out.names = look_at_names(request.names);
  for (const std::string& name : request.sysctls) out.sysctls[name] = sysctl(name);
  return out;
}

}  // namespace

std::string encode_redirection(const RedirectionNote& note) {
  std::string text = base::cat(note.udp_port, " ", note.tcp_port);
  text.push_back('\0');
  std::string out{kRedirectionKind, static_cast<char>(text.size())};
  return out + text;
}

std::optional<RedirectionNote> decode_redirection(std::string_view bytes) {
  if (bytes.size() < 3 || bytes[0] != kRedirectionKind ||
      bytes.size() != 2U + static_cast<unsigned char>(bytes[1]) || bytes.back() != '\0') {
    return {};
  }
  const auto words = base::split(bytes.substr(2, bytes.size() - 3), ' ');
  if (words.size() != 2) return {};
  const auto udp = base::parse_uint(words[0]), tcp = base::parse_uint(words[1]);
  if (!udp || !tcp || *udp == 0 || *tcp == 0 || *udp > 65535 || *tcp > 65535) return {};
  return RedirectionNote{static_cast<std::uint16_t>(*udp), static_cast<std::uint16_t>(*tcp)};
}

std::vector<Inside> observe_insides(const std::vector<InsideRequest>& requests) {
  std::vector<Inside> out(requests.size());
  if (requests.empty()) return out;
  const Home home;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const base::Fd netns(::open(requests[i].path.c_str(), O_RDONLY | O_CLOEXEC));
    // A plain file where the pin should be: EINVAL.
    if (!netns || ::setns(netns.get(), CLONE_NEWNET) != 0) continue;
    out[i] = look_inside(requests[i]);
  }
  return out;
}

void set_inner_sysctls(const std::string& path, const std::map<std::string, std::string>& sysctls) {
  if (sysctls.empty()) return;
  in_netns(open_netns(path), [&] {
    for (const auto& [name, value] : sysctls) set_sysctl(name, value);
  });
}

}  // namespace netfab
