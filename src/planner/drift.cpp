#include "planner/drift.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "planner/restart.hpp"
#include "planner/steps.hpp"

namespace planner {

using base::cat;

namespace {

bool is_among(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

Reason plain(std::string text) {
  return {std::move(text), {}, {}, {}};
}

const netfab::TableFact* table_of(const ActualState& actual, const std::string& name) {
  if (!actual.tables) return nullptr;
  const auto at = std::find_if(actual.tables->begin(), actual.tables->end(),
                               [&](const netfab::TableFact& each) { return each.name == name; });
  return at == actual.tables->end() ? nullptr : &*at;
}

std::optional<Reason> table_reason(const ActualState& actual, const std::string& name) {
  if (!actual.tables || name.empty()) return {};
  const netfab::TableFact* table = table_of(actual, name);
  if (table == nullptr) return plain(cat("nft table ", name, " has gone"));
  if (!table->intact) return plain(cat("nft table ", name, " has not the rules it was made with"));
  return {};
}

// One that may give itself addresses and routes has its own reasons for more than we gave it.
bool manages_its_network(const Container& container) {
  return container.privileged || is_among(container.cap_add, "NET_ADMIN") ||
         is_among(container.cap_add, "CAP_NET_ADMIN") || is_among(container.cap_add, "ALL");
}

template <class T>
void compare_lists(std::vector<Reason>& out, const std::string& what, const std::vector<T>& wished,
                   const std::vector<T>& found, bool extras_are_fine) {
  for (const T& item : wished) {
    if (std::find(found.begin(), found.end(), item) == found.end()) {
      out.push_back(plain(cat(what, item.str(), " is missing")));
    }
  }
  if (extras_are_fine) return;
  for (const T& item : found) {
    if (std::find(wished.begin(), wished.end(), item) == wished.end()) {
      out.push_back(plain(cat(what, item.str(), " is not ours")));
    }
  }
}

std::vector<Reason> inside_reasons(const netfab::Endpoint& wished, const netfab::Inside& inside,
                                   bool extras_are_fine) {
  std::vector<Reason> out;
  const std::string& name = wished.inner_device;
  const auto at = std::find_if(inside.links.begin(), inside.links.end(),
                               [&](const netfab::InnerLink& link) { return link.name == name; });
  if (at == inside.links.end()) return {plain(cat("interface ", name, " is missing inside"))};
  if (!at->up) return {plain(cat("interface ", name, " is down inside"))};
  compare_lists(out, cat(name, ": address "), wished.addresses, at->addresses, extras_are_fine);
  compare_lists(out, cat(name, ": default route via "), wished.gateways, at->gateways,
                extras_are_fine);
  if (!wished.mac.empty() && wished.mac != at->mac) {
    out.push_back({cat(name, ": MAC address changed"), "mac_address", at->mac, wished.mac});
  }
  return out;
}

Reason setting(const std::string& kind, const netfab::Difference& difference) {
  return {cat(kind, difference.name, " is not as it was set"), difference.name, difference.found,
          difference.wanted};
}

}  // namespace

std::optional<Step> supervisor_drift(const ActualState& actual, const std::string& project) {
  if (!actual.supervisor_alive) {
    if (std::none_of(actual.containers.begin(), actual.containers.end(),
                     [](const ActualContainer& each) { return is_active(each.status); }))
      return {};
    Step out = make_step(Kind::Supervisor, Action::Start, project,
                         {plain("no supervisor is there: nobody watches over the stack")});
    if (actual.supervisor && actual.supervisor->keeper_stopped) {
      out.reasons.push_back(plain(
          cat("the keeper, process ", actual.supervisor->keeper.pid, ", is stopped (SIGSTOP)")));
    }
    return out;
  }
  if (!actual.supervisor) return {};
  const SupervisorLook& look = *actual.supervisor;
  std::vector<Reason> reasons;
  if (look.stopped) {
    reasons.push_back(
        plain(cat("the supervisor, process ", look.process.pid, ", is stopped (SIGSTOP)")));
  }
  if (look.keeper_stopped) {
    reasons.push_back(
        plain(cat("the keeper, process ", look.keeper.pid, ", is stopped (SIGSTOP)")));
  }
  if (look.keeper_gone) reasons.push_back(plain("the keeper has gone"));
  if (reasons.empty()) return {};
  return make_step(Kind::Supervisor, Action::Update, project, std::move(reasons));
}

std::vector<Reason> bridge_drift(const Network& wished, std::vector<Reason> differences,
                                 const ActualState& actual) {
  if (is_among(actual.down, wished.bridge.device)) {
    // It was looked at as if it had none.
    std::erase_if(differences, [](const Reason& reason) { return reason.field == "addresses"; });
    differences.push_back(plain(cat("device ", wished.bridge.device, " is down")));
  }
  if (auto reason = table_reason(actual, wished.bridge.table)) {
    std::erase_if(differences, [](const Reason& each) { return each.field == "internal"; });
    differences.push_back(std::move(*reason));
  }
  if (const auto at = actual.network_sysctls.find(wished.name);
      at != actual.network_sysctls.end()) {
    for (const netfab::Difference& each : at->second)
      differences.push_back(setting("sysctl ", each));
  }
  return differences;
}

std::vector<Reason> endpoint_drift(const EndpointSpec& wished, const netfab::Endpoint& outside,
                                   const Container& container, const ActualContainer* found,
                                   const ActualState& actual) {
  std::vector<Reason> out;
  const netfab::Endpoint& link = wished.link;
  if (is_among(actual.down, link.device)) {
    out.push_back(plain(cat("device ", link.device, " is down")));
  } else if (outside.bridge != link.bridge) {
    out.push_back(plain(cat("device ", link.device, " is not on bridge ", link.bridge)));
  }
  if (found != nullptr && found->look && found->look->inside.pinned) {
    for (Reason& reason :
         inside_reasons(link, found->look->inside, manages_its_network(container))) {
      out.push_back(std::move(reason));
    }
  }
  return out;
}

std::vector<Reason> port_drift(std::vector<Reason> differences, const std::string& table,
                               const std::vector<netfab::PublishedPort>& wished,
                               const DesiredState* recorded, const ActualState& actual) {
  std::set<netfab::PublishedPort> before;
  if (recorded != nullptr) {
    for (const Container& container : recorded->containers) {
      // One that was stopped has given up its ports: no drift.
      const ActualContainer* found = actual.container(container.name);
      if (found != nullptr && stays_ended(container.restart, *found)) continue;
      before.insert(container.ports.begin(), container.ports.end());
    }
  }
  std::set<std::string>
      drifted;  // the texts of those that were published before and still shall be
  for (const netfab::PublishedPort& port : wished) {
    if (before.count(port) != 0) drifted.insert(cat(describe_port(port), " added"));
  }
  std::vector<Reason> out;
  // The whole table is one reason, not one a port.
  const auto whole = wished.empty() || drifted.empty() ? std::nullopt : table_reason(actual, table);
  if (whole) out.push_back(*whole);
  for (Reason& reason : differences) {
    if (drifted.count(reason.text) == 0) {
      out.push_back(std::move(reason));
    } else if (!whole) {
      const std::string port = reason.text.substr(0, reason.text.size() - 6);
      out.push_back(plain(cat("published port ", port, " is missing in nft table ", table)));
    }
  }
  for (const std::string& port : actual.unheld) {
    out.push_back(plain(cat("published port ", port, " is not held: any process could take it")));
  }
  return out;
}

ContainerDrift container_drift(const Container& wished, const ActualContainer& found,
                               DriftOptions options) {
  ContainerDrift out;
  const auto add = [&out](std::string text) { out.reasons.push_back(plain(std::move(text))); };
  if (found.recovered) add("its record in the runtime folder has gone");
  if (!found.look) return out;
  const CloseLook& look = *found.look;
  if (look.stopped) add(cat("process ", found.process.pid, " is stopped (SIGSTOP)"));
  if (look.frozen) add("its control group is frozen");
  const bool own = wished.network == NetworkKind::Own || wished.network == NetworkKind::None;
  if (own && !look.inside.pinned) add("its network namespace is not pinned any more");
  switch (look.inside.names) {
    case netfab::NameService::NoRedirection:
      add("names are not answered: the redirection of 127.0.0.11 inside has gone");
      break;
    case netfab::NameService::NoSocket:
      add("names are not answered: the sockets behind 127.0.0.11 have gone");
      break;
    case netfab::NameService::Unknown:
    case netfab::NameService::There:
      break;
  }
  // What the file changed is told as that, and setting it mends the rest, too.
  if (!options.unchanged) return out;
  for (const netfab::Difference& each : look.limits) out.reasons.push_back(setting("limit ", each));
  for (const netfab::Difference& each : look.sysctls) {
    out.reasons.push_back(setting("sysctl ", each));
  }
  for (const netfab::Difference& each : look.files) {
    add(each.found == "empty" || each.found == "not there" ? cat(each.name, " is ", each.found)
                                                           : cat(each.name, ": ", each.found));
  }
  for (const std::string& target : look.lost_mounts) {
    add(cat("nothing is mounted at ", target, " any more"));
    out.restart = true;
  }
  return out;
}

std::vector<std::string> drift_notes(const ActualState& actual) {
  std::vector<std::string> out;
  for (const ActualContainer& container : actual.containers) {
    if (container.status != ContainerStatus::Running || container.health != Health::Unhealthy) {
      continue;
    }
    out.push_back(cat("container ", container.name, " is unhealthy: ", container.health_failures,
                      " checks failed in a row"));
  }
  return out;
}

}  // namespace planner
