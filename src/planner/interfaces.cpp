#include "planner/interfaces.hpp"

#include <set>
#include <utility>

#include "base/text.hpp"

namespace planner {

std::vector<std::string> name_interfaces(const std::vector<const netfab::Endpoint*>& kept) {
  std::vector<std::string> out(kept.size());
  std::set<std::string> taken;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] != nullptr && taken.insert(kept[i]->inner_device).second) {
      out[i] = kept[i]->inner_device;
    }
  }
  std::size_t number = 0;
  for (std::string& device : out) {
    while (device.empty()) {
      std::string next = base::cat("eth", number++);
      if (taken.insert(next).second) device = std::move(next);
    }
  }
  return out;
}

}  // namespace planner
