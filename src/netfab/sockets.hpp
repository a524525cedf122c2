// Sockets that hold a port of the host, through sock_diag. Knows nothing of published ports.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "netfab/fabric.hpp"

namespace netfab {

struct Listener {
  Protocol protocol = Protocol::Tcp;
  IpAddress address;  // unspecified: every address
  std::uint16_t port = 0;
  bool v6_only = false;     // [::] that does not take v4
  std::uint32_t inode = 0;  // socket:[inode]
};

// Listening tcp and bound udp sockets of the current network namespace.
std::vector<Listener> dump_listeners();

struct Holder {
  int pid = 0;
  std::string name;   // comm
  bool ours = false;  // runs this very program
};
// Processes behind sockets; walks /proc once, so only for the few that matter.
std::map<std::uint32_t, Holder> find_holders(const std::vector<std::uint32_t>& inodes);

}  // namespace netfab
