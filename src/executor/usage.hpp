// What a container uses, for `stats`: read from its cgroups (v1 and v2 alike) and from the counters
// of its links. Reads only; one that has gone reads as nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/paths.hpp"

namespace executor {

struct Usage {
  std::uint64_t cpu_nanoseconds = 0;
  std::uint64_t memory = 0;        // bytes without what the kernel can give back at once
  std::uint64_t memory_limit = 0;  // bytes; the machine's when there is none
  std::uint64_t block_read = 0, block_written = 0;
  std::uint64_t received = 0, sent = 0;  // of the network, as the container sees it
  std::uint64_t pids = 0;
};
// `cgroup`: relative path; `devices`: our ends of its links.
Usage read_usage(const std::string& cgroup, const std::vector<std::string>& devices);

// Counters of the host's links by name: received, sent. Parses /proc/net/dev. Pure.
struct LinkCounters {
  std::uint64_t received = 0, sent = 0;
};
std::map<std::string, LinkCounters> parse_net_dev(const std::string& text);

}  // namespace executor
