// Teardown: which containers end, dependants before what they depend on. Internal to planner:
// shared by plan_down() and plan_stop().
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "planner/plan.hpp"

namespace planner {

// Containers to end, in an order in which dependants come first, and who must have gone before
// each.
class Teardown {
 public:
  void add(Container record) { records_.emplace(record.name, std::move(record)); }
  [[nodiscard]] bool has(const std::string& name) const { return records_.count(name) != 0; }
  [[nodiscard]] const std::map<std::string, Container>& records() const { return records_; }

  // Those that depend on `name`; a cycle between an old record and a new one cannot hold anything
  // up, because only edges that the order keeps are used.
  struct Entry {
    const Container* record;
    std::vector<std::string> dependants;
  };
  [[nodiscard]] std::vector<Entry> order() const {
    std::map<std::string, std::set<std::string>> dependants;
    for (const auto& entry : records_) {
      for (const std::string& dependency : dependencies(entry.second)) {
        if (has(dependency) && dependency != entry.first) {
          dependants[dependency].insert(entry.first);
        }
      }
    }
    std::vector<Entry> out;
    std::set<std::string> done;
    while (out.size() < records_.size()) {
      const std::size_t before = out.size();
      const Container* forced = nullptr;
      for (const auto& entry : records_) {
        if (done.count(entry.first) != 0) continue;
        if (forced == nullptr) forced = &entry.second;
        const auto& waiting = dependants[entry.first];
        const bool free = std::all_of(waiting.begin(), waiting.end(), [&](const std::string& name) {
          return done.count(name) != 0;
        });
        if (!free) continue;
        take(entry.second, dependants, done, out);
      }
      if (out.size() == before) take(*forced, dependants, done, out);
    }
    return out;
  }

 private:
  static std::vector<std::string> dependencies(const Container& record) {
    std::vector<std::string> out;
    for (const DependencySpec& dependency : record.depends_on) out.push_back(dependency.container);
    if (!record.network_container.empty()) out.push_back(record.network_container);
    return out;
  }
  static void take(const Container& record,
                   std::map<std::string, std::set<std::string>>& dependants,
                   std::set<std::string>& done, std::vector<Entry>& out) {
    Entry entry{&record, {}};
    for (const std::string& name : dependants[record.name]) {
      if (done.count(name) != 0) entry.dependants.push_back(name);
    }
    done.insert(record.name);
    out.push_back(std::move(entry));
  }

  std::map<std::string, Container> records_;
};

// Empty `services`: all of them.
inline bool is_chosen(const std::vector<std::string>& services, const std::string& service) {
  return services.empty() || std::find(services.begin(), services.end(), service) != services.end();
}

}  // namespace planner
