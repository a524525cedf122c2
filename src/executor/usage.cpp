#include "executor/usage.hpp"

#include <unistd.h>

#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/cgroup_limits.hpp"
#include "executor/look.hpp"

namespace executor {

namespace {

// One that has gone reads as nothing.
std::string text_of_file(const std::string& path) {
  return read_small(path).value_or("");
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> out;
  for (std::string& word : base::split(line, ' ')) {
    if (!word.empty()) out.push_back(std::move(word));
  }
  return out;
}

std::uint64_t number_of(std::string_view word) {
  return base::parse_uint(base::trim(word)).value_or(0);
}

std::uint64_t keyed_number(const std::string& text, std::string_view key) {
  for (const std::string& line : base::split(text, '\n')) {
    const auto words = words_of(line);
    if (words.size() == 2 && words[0] == key) return number_of(words[1]);
  }
  return 0;
}

bool is_v2(const char* controller) {
  const CgroupHost::Hierarchy* found = CgroupHost::get().with(controller);
  return found != nullptr && found->v2;
}

// "8:0 Read 4096" (v1) and "8:0 rbytes=4096 wbytes=0 ..." (v2), every device.
void read_block(const std::string& cgroup, Usage& out) {
  if (const std::string dir = controller_dir(cgroup, "blkio"); !dir.empty()) {
    for (const std::string& line :
         base::split(text_of_file(dir + "/blkio.throttle.io_service_bytes"), '\n')) {
      const auto words = words_of(line);
      if (words.size() != 3) continue;
      if (words[1] == "Read") out.block_read += number_of(words[2]);
      if (words[1] == "Write") out.block_written += number_of(words[2]);
    }
    return;
  }
  for (const CgroupHost::Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (!hierarchy.v2) continue;
    for (const std::string& line :
         base::split(text_of_file(hierarchy.mount + cgroup + "/io.stat"), '\n')) {
      for (const std::string& word : words_of(line)) {
        if (base::starts_with(word, "rbytes=")) out.block_read += number_of(word.substr(7));
        if (base::starts_with(word, "wbytes=")) out.block_written += number_of(word.substr(7));
      }
    }
  }
}

void read_memory(const std::string& cgroup, Usage& out) {
  const std::string dir = controller_dir(cgroup, "memory");
  const bool v2 = is_v2("memory");
  const std::string stat = text_of_file(dir + "/memory.stat");
  out.memory = number_of(text_of_file(dir + (v2 ? "/memory.current" : "/memory.usage_in_bytes")));
  out.memory_limit = number_of(text_of_file(dir + (v2 ? "/memory.max" : "/memory.limit_in_bytes")));
  const std::uint64_t idle = keyed_number(stat, v2 ? "inactive_file" : "total_inactive_file");
  out.memory -= idle < out.memory ? idle : 0;
  const auto machine = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                       static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (out.memory_limit == 0 || out.memory_limit > machine) out.memory_limit = machine;
}

}  // namespace

std::map<std::string, LinkCounters> parse_net_dev(const std::string& text) {
  std::map<std::string, LinkCounters> out;
  for (const std::string& line : base::split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto words = words_of(line.substr(colon + 1));
    if (words.size() < 9) continue;
    out[std::string(base::trim(line.substr(0, colon)))] = {number_of(words[0]),
                                                           number_of(words[8])};
  }
  return out;
}

Usage read_usage(const std::string& cgroup, const std::vector<std::string>& devices) {
  Usage out;
  const CgroupUsage common = cgroup_usage(cgroup);
  out.pids = common.pids;
  if (const std::string dir = controller_dir(cgroup, "cpuacct");
      !dir.empty() && !is_v2("cpuacct")) {
    out.cpu_nanoseconds = number_of(text_of_file(dir + "/cpuacct.usage"));
  } else {
    out.cpu_nanoseconds = common.cpu_usec * 1000;
  }
  read_memory(cgroup, out);
  read_block(cgroup, out);
  const auto links = parse_net_dev(text_of_file("/proc/net/dev"));
  for (const std::string& device : devices) {
    // What our end sends, the container receives.
    if (const auto at = links.find(device); at != links.end()) {
      out.received += at->second.sent;
      out.sent += at->second.received;
    }
  }
  return out;
}

}  // namespace executor
