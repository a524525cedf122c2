#include "supervisor/names.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "executor/container_state.hpp"
#include "executor/world.hpp"

namespace supervisor {

namespace {
std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void add(std::vector<base::IpAddress>& to, const base::IpAddress& address) {
  if (std::find(to.begin(), to.end(), address) == to.end()) to.push_back(address);
}
}  // namespace

void Names::refresh() {
  if (fresh_) return;
  fresh_ = true;
  own_.clear();
  networks_.clear();
  reverse_.clear();
  for (const Member& member : members_()) {
    for (const planner::EndpointSpec& endpoint : member.spec->endpoints) {
      networks_[member.spec->name].push_back(endpoint.network);
      if (!member.running) continue;
      for (const base::Cidr& address : endpoint.link.addresses) {
        for (const std::string& alias : endpoint.aliases) {
          add(own_[endpoint.network][lower(alias)], address.address);
        }
        reverse_[address.address] = base::cat(member.spec->name, ".", endpoint.network);
      }
    }
  }
}

const Names::Foreign& Names::foreign(const std::string& network) {
  Foreign& known = foreign_[network];
  struct stat info {};
  const std::string file = base::cat(roots_.networks(), "/", network, ".json");
  if (::stat(file.c_str(), &info) != 0) {
    known = {};
    return known;
  }
  const std::int64_t stamp = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec +
                             static_cast<std::int64_t>(info.st_ino);
  if (stamp == known.stamp) return known;
  known.stamp = stamp;
  known.names.clear();
  const auto record = executor::read_network(roots_, network);
  if (!record) return known;
  for (const auto& lease : record->leases) {
    if (lease.project == project_) continue;
    for (const std::string& alias : lease.aliases) {
      known.names[lower(alias)].push_back({lease.project, lease.container, lease.addresses});
    }
  }
  return known;
}

// A lease outlives its container's end, so that the address is there when it starts again.
bool Names::runs(const Neighbour& neighbour) const {
  const auto state =
      executor::read_state(base::ProjectPaths(roots_, neighbour.project), neighbour.container);
  return state && state->process.pid > 0 && base::is_alive(state->process);
}

std::vector<base::IpAddress> Names::resolve(const std::string& container, const std::string& name) {
  refresh();
  std::vector<base::IpAddress> out;
  const auto on = networks_.find(container);
  if (on == networks_.end()) return out;
  for (const std::string& network : on->second) {
    // "db" as well as "db.shop_back".
    std::string wanted = name;
    const std::string suffix = "." + lower(network);
    if (wanted.size() > suffix.size() && wanted.ends_with(suffix)) {
      wanted.resize(wanted.size() - suffix.size());
    }
    if (const auto table = own_.find(network); table != own_.end()) {
      if (const auto at = table->second.find(wanted); at != table->second.end()) {
        for (const base::IpAddress& address : at->second) add(out, address);
      }
    }
    const Foreign& others = foreign(network);
    if (const auto at = others.names.find(wanted); at != others.names.end()) {
      for (const Neighbour& neighbour : at->second) {
        if (!runs(neighbour)) continue;
        for (const base::IpAddress& address : neighbour.addresses) add(out, address);
      }
    }
  }
  return out;
}

std::string Names::reverse(const std::string& container, const base::IpAddress& address) {
  refresh();
  if (!networks_.contains(container)) return {};
  const auto at = reverse_.find(address);
  return at == reverse_.end() ? std::string{} : at->second;
}

}  // namespace supervisor
