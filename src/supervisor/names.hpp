// Names: who answers to a name on which network. Containers of this stack from memory, those of
// other stacks on shared networks from the networks' records. Only running containers resolve;
// whether one of another stack runs is asked of the kernel each time, for its supervisor may be
// dead too.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/paths.hpp"
#include "planner/desired.hpp"

namespace supervisor {

class Names {
 public:
  struct Member {
    const planner::Container* spec = nullptr;
    bool running = false;
  };
  using Members = std::function<std::vector<Member>()>;

  Names(base::Roots roots, std::string project, Members members)
      : roots_(std::move(roots)), project_(std::move(project)), members_(std::move(members)) {}

  // A container started, ended, came or went.
  void invalidate() { fresh_ = false; }
  std::vector<base::IpAddress> resolve(const std::string& container, const std::string& name);
  std::string reverse(const std::string& container, const base::IpAddress& address);

 private:
  using Table = std::map<std::string, std::vector<base::IpAddress>>;  // alias → addresses
  struct Neighbour {
    std::string project, container;
    std::vector<base::IpAddress> addresses;
  };
  struct Foreign {
    std::int64_t stamp = -1;  // modification time and inode of the record it was read from
    std::map<std::string, std::vector<Neighbour>> names;  // by alias
  };
  void refresh();
  const Foreign& foreign(const std::string& network);
  [[nodiscard]] bool runs(const Neighbour& neighbour) const;

  base::Roots roots_;
  std::string project_;
  Members members_;
  bool fresh_ = false;
  std::map<std::string, Table> own_;                          // by network
  std::map<std::string, std::vector<std::string>> networks_;  // by container
  std::map<base::IpAddress, std::string> reverse_;
  std::map<std::string, Foreign> foreign_;
};

}  // namespace supervisor
