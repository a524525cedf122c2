// A container's places on networks: made, mended, changed under the running process, taken away.
#include <algorithm>

#include "base/text.hpp"
#include "planner/differ.hpp"
#include "planner/drift.hpp"

namespace planner {

using base::cat;

namespace {

const EndpointSpec* on_network(const std::vector<EndpointSpec>& list, const std::string& network) {
  const auto at = std::find_if(list.begin(), list.end(), [&](const EndpointSpec& endpoint) {
    return endpoint.network == network;
  });
  return at == list.end() ? nullptr : &*at;
}

}  // namespace

void Differ::remove_endpoint(const std::string& owner, const EndpointSpec& endpoint,
                             const std::string& why, const std::string& after) {
  if (endpoints_.count(endpoint.link.device) == 0) return;
  Step& step =
      add(Kind::Endpoint, Action::Remove, cat(owner, "/", endpoint.network), {{why, {}, {}, {}}});
  if (!after.empty()) step.after.push_back(after);
  planned_.insert(step.id);
}

std::pair<Action, std::vector<Reason>> Differ::decide_endpoint(const Container& container,
                                                               const EndpointSpec& endpoint,
                                                               const Found& found) const {
  const auto at = endpoints_.find(endpoint.link.device);
  const EndpointSpec* old = on_network(found.recorded, endpoint.network);
  if (at == endpoints_.end()) {
    const bool known = found.container != nullptr && old != nullptr;
    return {
        Action::Create,
        {{known ? cat("device ", endpoint.link.device, " has gone") : "not there", {}, {}, {}}}};
  }
  // What lies inside its namespace is not known: made sure of again.
  if (found.container == nullptr) {
    return {Action::Create, {{"left by an unfinished run", {}, {}, {}}}};
  }
  std::vector<Reason> reasons;
  // A changed link is told as that; setting it mends the rest, too.
  if (old != nullptr && old->link == endpoint.link) {
    reasons = endpoint_drift(endpoint, *at->second, container, found.container, actual_);
  }
  if (old == nullptr) {
    reasons.push_back({"left by an unfinished run", {}, {}, {}});
  } else if (!(old->link == endpoint.link)) {
    std::vector<Reason> changed = link_differences(endpoint.link, old->link);
    reasons.insert(reasons.end(), changed.begin(), changed.end());
  }
  if (resized_.count(endpoint.network) != 0) {
    reasons.push_back({cat("network ", endpoint.network, " has another mtu"), {}, {}, {}});
  }
  return {Action::Update, std::move(reasons)};
}

std::vector<std::string> Differ::diff_endpoints(const Container& container, const Found& found) {
  std::vector<std::string> ids = remove_old_endpoints(container, found);
  // Names of interfaces and default routes are free only when their old holder has let go of them.
  std::vector<std::string> givers = ids;
  std::vector<const EndpointSpec*> order;
  for (const EndpointSpec& endpoint : container.endpoints) order.push_back(&endpoint);
  const auto gives = [&](const EndpointSpec* endpoint) {
    const EndpointSpec* old = on_network(found.recorded, endpoint->network);
    return old != nullptr && old->link.gateways.size() > endpoint->link.gateways.size();
  };
  std::stable_partition(order.begin(), order.end(), gives);
  for (const EndpointSpec* endpoint : order) {
    auto [action, reasons] = decide_endpoint(container, *endpoint, found);
    if (reasons.empty()) {
      ++plan_.unchanged;
      continue;
    }
    Step& step = add(Kind::Endpoint, action, cat(container.name, "/", endpoint->network),
                     std::move(reasons));
    after_if_planned(step, step_id(Kind::Network, endpoint->network));
    planned_.insert(step.id);
    ids.push_back(step.id);
    if (gives(endpoint)) {
      givers.push_back(step.id);
    } else {
      step.after.insert(step.after.end(), givers.begin(), givers.end());
    }
  }
  return ids;
}

std::vector<std::string> Differ::remove_old_endpoints(const Container& container,
                                                      const Found& found) {
  std::vector<std::string> ids;
  // Equal records have equal endpoints: nothing to look for, nothing to parse.
  if (found.container == nullptr || found.recorded == container.endpoints) return ids;
  const Container record = full_record(*found.container);
  for (const EndpointSpec& old : record.endpoints) {
    if (on_network(container.endpoints, old.network) != nullptr) continue;
    if (endpoints_.count(old.link.device) == 0) continue;
    remove_endpoint(container.name, old, cat("no longer on network ", old.network), {});
    ids.push_back(step_id(Kind::Endpoint, cat(container.name, "/", old.network)));
    if (plan_.removed.empty() || plan_.removed.back().name != container.name) {
      plan_.removed.push_back(record);
    }
  }
  return ids;
}

}  // namespace planner
