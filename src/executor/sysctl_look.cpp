// Sysctls of a running container's namespaces: read and set again from outside. Which namespace
// /proc/sys shows depends on who opens the file.
#include <fcntl.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/look.hpp"
#include "netfab/inside.hpp"

namespace executor {

namespace {

std::string sysctl_file(const std::string& key) {
  std::string out = key;
  if (key.find('/') == std::string::npos) std::replace(out.begin(), out.end(), '.', '/');
  return out;
}

bool is_of_network(const std::string& key) {
  return base::starts_with(key, "net.") || base::starts_with(key, "net/");
}

// "a\tb" and "a b" are the same list.
std::string one_blank(std::string_view text) {
  std::string out;
  for (const char c : base::trim(text)) {
    const bool blank = c == ' ' || c == '\t' || c == '\n';
    if (blank && !out.empty() && out.back() == ' ') continue;
    out.push_back(blank ? ' ' : c);
  }
  return out;
}

// In the ipc and uts namespaces of a process, and back again; other threads do not notice.
void inside_ipc_and_uts(pid_t pid, const std::function<void()>& work) {
  struct Entered {
    base::Fd home, there;
    int kind = 0;
  };
  std::vector<Entered> all;
  for (const auto& [name, kind] :
       {std::pair{"ipc", CLONE_NEWIPC}, std::pair{"uts", CLONE_NEWUTS}}) {
    all.push_back({base::sys::open(base::cat("/proc/thread-self/ns/", name), O_RDONLY),
                   base::sys::open(base::cat("/proc/", pid, "/ns/", name), O_RDONLY), kind});
  }
  const auto back = [&all] {
    for (const Entered& each : all) {
      if (::setns(each.home.get(), each.kind) == 0) continue;
      std::perror("stack: return to the own namespaces");
      std::abort();
    }
  };
  try {
    for (const Entered& each : all) {
      if (::setns(each.there.get(), each.kind) != 0) base::throw_errno("setns", "ipc, uts");
    }
    work();
  } catch (...) {
    back();
    throw;
  }
  back();
}

bool has_other_sysctls(const planner::Container& container) {
  return std::any_of(container.sysctls.begin(), container.sysctls.end(),
                     [](const auto& entry) { return !is_of_network(entry.first); });
}

}  // namespace

std::vector<std::string> network_sysctls(const planner::Container& container) {
  std::vector<std::string> out;
  for (const auto& [key, value] : container.sysctls) {
    if (is_of_network(key)) out.push_back(sysctl_file(key));
  }
  return out;
}

std::vector<netfab::Difference> sysctl_differences(const planner::Container& container,
                                                   const netfab::Inside& inside, pid_t pid) {
  std::vector<netfab::Difference> out;
  const auto compare = [&out](const std::string& key, const std::string& wanted,
                              const std::string& found) {
    // Values that the kernel words in its own way (hexadecimal, rounded) are compared as numbers.
    const auto a = base::parse_int(one_blank(wanted)), b = base::parse_int(one_blank(found));
    const bool same = a && b ? *a == *b : one_blank(wanted) == one_blank(found);
    if (!same && !found.empty()) out.push_back({key, wanted, one_blank(found)});
  };
  for (const auto& [key, value] : container.sysctls) {
    if (!is_of_network(key)) continue;
    const auto at = inside.sysctls.find(sysctl_file(key));
    if (at != inside.sysctls.end()) compare(key, value, at->second);
  }
  if (!has_other_sysctls(container)) return out;
  try {
    inside_ipc_and_uts(pid, [&] {
      for (const auto& [key, value] : container.sysctls) {
        if (is_of_network(key)) continue;
        compare(key, value,
                base::try_read_file("/proc/sys/" + sysctl_file(key)).value_or(std::string()));
      }
    });
  } catch (const base::SysError&) {
    // It has ended meanwhile: seen by itself.
  }
  return out;
}

void mend_sysctls(const planner::Container& container, const std::string& netns, pid_t pid) {
  std::map<std::string, std::string> network;
  for (const auto& [key, value] : container.sysctls) {
    if (is_of_network(key)) network[sysctl_file(key)] = value;
  }
  if (!netns.empty()) netfab::set_inner_sysctls(netns, network);
  if (!has_other_sysctls(container)) return;
  inside_ipc_and_uts(pid, [&] {
    for (const auto& [key, value] : container.sysctls) {
      if (!is_of_network(key)) base::write_kernel("/proc/sys/" + sysctl_file(key), value);
    }
  });
}

}  // namespace executor
