#include "netfab/sockets.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>

#include "base/files.hpp"
#include "base/text.hpp"
#include "netfab/netlink.hpp"

namespace netfab {

namespace {

// net/tcp_states.h of the kernel. An unconnected udp socket is "closed".
constexpr std::uint32_t kListening = 1U << 10U;
constexpr std::uint32_t kUnconnected = 1U << 7U;

void dump_into(std::vector<Listener>& out, int family, Protocol protocol) {
  inet_diag_req_v2 request{};
  request.sdiag_family = static_cast<std::uint8_t>(family);
  request.sdiag_protocol =
      static_cast<std::uint8_t>(protocol == Protocol::Tcp ? IPPROTO_TCP : IPPROTO_UDP);
  request.idiag_states = protocol == Protocol::Tcp ? kListening : kUnconnected;
  Message message(SOCK_DIAG_BY_FAMILY, 0, 256);
  message.header(request);
  try {
    NetlinkSocket::current(NETLINK_SOCK_DIAG)
        .dump(std::move(message), "list sockets", [&](const nlmsghdr& answer) {
          const auto& socket = header_of<inet_diag_msg>(answer);
          Listener listener;
          listener.protocol = protocol;
          listener.address =
              address_from(&socket.id.idiag_src[0], socket.idiag_family == AF_INET ? 4 : 16);
          listener.port = ntohs(socket.id.idiag_sport);
          const Attributes attributes(answer, sizeof socket);
          listener.v6_only = attributes.u8(INET_DIAG_SKV6ONLY) != 0;
          listener.inode = socket.idiag_inode;
          if (listener.port != 0) out.push_back(listener);
        });
  } catch (const NetlinkError& error) {
    // No udp_diag module, or no IPv6: there is nothing to ask.
    if (error.errnum() != ENOENT && error.errnum() != EAFNOSUPPORT) throw;
  }
}

}  // namespace

std::vector<Listener> dump_listeners() {
  std::vector<Listener> out;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const Protocol protocol : {Protocol::Tcp, Protocol::Udp}) dump_into(out, family, protocol);
  }
  return out;
}

std::map<std::uint32_t, Holder> find_holders(const std::vector<std::uint32_t>& inodes) {
  std::map<std::string, std::uint32_t> wanted;
  for (const std::uint32_t inode : inodes) wanted[base::cat("socket:[", inode, "]")] = inode;
  std::map<std::uint32_t, Holder> out;
  std::error_code ignored;  // processes come and go while we look
  const auto link = [&ignored](const std::string& path) {
    return std::filesystem::read_symlink(path, ignored).string();
  };
  const std::string self = link("/proc/self/exe");
  for (const std::string& entry : base::list_dir("/proc")) {
    if (out.size() == wanted.size()) break;
    const auto pid = base::parse_uint(entry);
    if (!pid) continue;
    const std::string process = base::cat("/proc/", entry);
    std::filesystem::directory_iterator fds(process + "/fd", ignored);
    for (; fds != std::filesystem::directory_iterator(); fds.increment(ignored)) {
      if (ignored) break;
      const auto at = wanted.find(link(fds->path().string()));
      if (at == wanted.end() || out.count(at->second) != 0) continue;
      const std::string name = base::try_read_file(process + "/comm").value_or("");
      // By name too: a supervisor goes on after the program's file has been replaced.
      const bool ours = link(process + "/exe") == self || base::trim(name) == "stack-superv";
      out[at->second] = {static_cast<int>(*pid), std::string(base::trim(name)), ours};
    }
  }
  return out;
}

}  // namespace netfab
