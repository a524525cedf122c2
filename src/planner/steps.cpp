#include "planner/steps.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "planner/changes.hpp"
#include "planner/codec.hpp"

namespace planner {

using base::cat;

std::string step_id(Kind kind, const std::string& target) {
  return cat(codec::name_of(kind), "/", target);
}

Step make_step(Kind kind, Action action, const std::string& target, std::vector<Reason> reasons) {
  Step out;
  out.id = step_id(kind, target);
  out.kind = kind;
  out.action = action;
  out.target = target;
  out.reasons = std::move(reasons);
  return out;
}

Container record_of(const ActualContainer& container) {
  Container out;
  try {
    out = parse_fingerprint(container.fingerprint);
  } catch (const base::Error&) {
    // Half-written by a process that died: its name still leads to everything of it.
    out = Container{};
  }
  out.name = container.name;
  out.service = container.service;
  out.index = container.index;
  return out;
}

namespace {

template <class T>
std::string list_text(std::vector<T> list) {
  std::sort(list.begin(), list.end());
  std::vector<std::string> parts;
  for (const T& item : list) parts.push_back(item.str());
  return base::join(parts, ", ");
}

void compare(std::vector<Reason>& out, const char* field, const std::string& before,
             const std::string& after) {
  if (before != after) out.push_back({cat(field, " changed"), field, before, after});
}

}  // namespace

std::vector<Reason> bridge_differences(const netfab::Bridge& wanted, const netfab::Bridge& found) {
  std::vector<Reason> out;
  // Link-local addresses are the kernel's own.
  std::vector<base::Cidr> addresses;
  for (const base::Cidr& address : found.addresses) {
    const auto& bytes = address.address.bytes;
    if (!address.address.is_v4() && bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80) continue;
    addresses.push_back(address);
  }
  compare(out, "addresses", list_text(addresses), list_text(wanted.addresses));
  compare(out, "label", found.label, wanted.label);
  if (found.mtu != 0) compare(out, "mtu", std::to_string(found.mtu), std::to_string(wanted.mtu));
  if (!found.table.empty()) {
    compare(out, "internal", found.internal ? "true" : "false", wanted.internal ? "true" : "false");
  }
  return out;
}

std::vector<Reason> link_differences(const netfab::Endpoint& wanted,
                                     const netfab::Endpoint& before) {
  std::vector<Reason> out;
  compare(out, "addresses", list_text(before.addresses), list_text(wanted.addresses));
  compare(out, "gateways", list_text(before.gateways), list_text(wanted.gateways));
  compare(out, "interface", before.inner_device, wanted.inner_device);
  compare(out, "mac_address", before.mac, wanted.mac);
  compare(out, "device", before.device, wanted.device);
  compare(out, "bridge", before.bridge, wanted.bridge);
  compare(out, "namespace", before.netns, wanted.netns);
  compare(out, "label", before.label, wanted.label);
  return out;
}

void label_differences(std::vector<Reason>& out, const std::map<std::string, std::string>& before,
                       const std::map<std::string, std::string>& wanted) {
  std::map<std::string, std::string> all = before;
  all.insert(wanted.begin(), wanted.end());
  for (const auto& [key, ignored] : all) {
    const auto old_at = before.find(key);
    const auto new_at = wanted.find(key);
    if (old_at != before.end() && new_at != wanted.end() && old_at->second == new_at->second) {
      continue;
    }
    const char* what = old_at == before.end()   ? " added"
                       : new_at == wanted.end() ? " removed"
                                                : " changed";
    const std::string field = cat("labels.", key);
    if (looks_secret(key)) {
      out.push_back({cat(field, what, " (value not shown)"), field, {}, {}});
      continue;
    }
    out.push_back({cat(field, what), field, old_at == before.end() ? "" : old_at->second,
                   new_at == wanted.end() ? "" : new_at->second});
  }
}

void option_differences(std::vector<Reason>& out, const Volume& wanted,
                        const std::vector<ActualVolume>& found) {
  if (wanted.external) return;
  for (const ActualVolume& each : found) {
    if (each.name != wanted.name || each.driver_opts == wanted.driver_opts) continue;
    out.push_back({"driver_opts changed", "driver_opts", {}, {}});
  }
}

std::string describe_port(const netfab::PublishedPort& port) {
  const auto with_brackets = [](const base::IpAddress& address) {
    return address.is_v4() ? address.str() : cat("[", address.str(), "]");
  };
  base::IpAddress any;
  any.family = port.target.family;
  return cat(with_brackets(port.host_address.value_or(any)), ":", port.host_port,
             port.protocol == netfab::Protocol::Tcp ? "/tcp" : "/udp", " → ",
             with_brackets(port.target), ":", port.target_port);
}

std::vector<Reason> port_differences(std::vector<netfab::PublishedPort>& wanted,
                                     std::vector<netfab::PublishedPort> found) {
  std::sort(wanted.begin(), wanted.end());
  std::sort(found.begin(), found.end());
  std::vector<Reason> out;
  for (const netfab::PublishedPort& port : wanted) {
    if (!std::binary_search(found.begin(), found.end(), port)) {
      out.push_back({cat(describe_port(port), " added"), {}, {}, {}});
    }
  }
  for (const netfab::PublishedPort& port : found) {
    if (!std::binary_search(wanted.begin(), wanted.end(), port)) {
      out.push_back({cat(describe_port(port), " removed"), {}, {}, {}});
    }
  }
  return out;
}

}  // namespace planner
