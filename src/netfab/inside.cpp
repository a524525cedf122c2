#include "netfab/inside.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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

NameService look_at_names() {
  std::vector<Message> messages;
  messages.push_back(nft_request(NFT_MSG_GETTABLE));
  messages.back().put_text(NFTA_TABLE_NAME, kRedirectionTable);
  messages.push_back(nft_request(NFT_MSG_GETCHAIN));
  messages.back().put_text(NFTA_CHAIN_TABLE, kRedirectionTable);
  messages.back().put_text(NFTA_CHAIN_NAME, kRedirectionChain);
  std::optional<RedirectionNote> note;
  std::uint32_t rules = 0;
  NetlinkSocket socket(NETLINK_NETFILTER);
  const auto answers = socket.request(messages, [&](const nlmsghdr& message) {
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
  if (answers[0].errnum == ENOENT || answers[1].errnum == ENOENT) return NameService::NoRedirection;
  if (answers[0].errnum != 0 || answers[1].errnum != 0) return NameService::Unknown;
  if (rules != kRedirectionRules) return NameService::NoRedirection;
  if (!note) return NameService::Unknown;  // made by an older program
  const bool both = is_bound(SOCK_DGRAM, note->udp_port) && is_bound(SOCK_STREAM, note->tcp_port);
  return both ? NameService::There : NameService::NoSocket;
}

Inside look_inside(const InsideRequest& request) {
  Inside out;
  out.pinned = true;
  NetlinkSocket socket(NETLINK_ROUTE);
  for (auto& entry : dump_links(socket)) {
    LinkFacts& link = entry.second;
    if (link.name == "lo") continue;
    out.links.push_back({std::move(link.name), std::move(link.mac), link.up,
                         std::move(link.addresses), std::move(link.gateways)});
  }
  if (request.names) out.names = look_at_names();
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
