#include "executor/world.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "executor/container_files.hpp"
#include "executor/launch.hpp"
#include "image/rootfs.hpp"
#include "netfab/links.hpp"
#include "netfab/ports.hpp"
#include "spec/diagnostic.hpp"
#include "spec/volume_options.hpp"

namespace executor {

namespace {

planner::ImageFacts facts_of(const image::Rootfs& rootfs) {
  planner::ImageFacts out;
  out.id = rootfs.id;
  out.entrypoint = rootfs.config.entrypoint;
  out.command = rootfs.config.command;
  out.environment = rootfs.config.environment;
  out.working_dir = rootfs.config.working_dir;
  out.user = rootfs.config.user;
  out.stop_signal = rootfs.config.stop_signal;
  out.volumes = rootfs.config.volumes;
  out.labels = rootfs.config.labels;
  if (rootfs.config.healthcheck) {
    const image::Healthcheck& check = *rootfs.config.healthcheck;
    out.healthcheck = spec::Healthcheck{.test = check.test,
                                        .interval = check.interval,
                                        .timeout = check.timeout,
                                        .start_period = check.start_period,
                                        .start_interval = check.start_interval,
                                        .retries = check.retries};
  }
  return out;
}

planner::NetworkLeases leases_of(const NetworkRecord& record) {
  planner::NetworkLeases out;
  out.internal = record.internal;
  out.subnets = record.bridge.addresses;  // with host bits: the gateway stays, too
  for (const auto& lease : record.leases) {
    out.addresses[base::cat(lease.project, "/", lease.container)] = lease.addresses;
  }
  return out;
}

// The error's file:line:col, in the words of a diagnostic.
[[noreturn]] void fail_at(const spec::Stack& stack, const spec::Place& place,
                          const base::Error& error) {
  const std::string where = stack.describe(place);
  throw base::Error(where.empty() ? error.what() : base::cat(where, ": error: ", error.what()),
                    error.hint());
}

// The id of the image that a service's container was last made from; "" when it has none.
std::string recorded_image(const planner::DesiredState* recorded, const std::string& service) {
  if (recorded == nullptr) return {};
  for (const planner::Container& container : recorded->containers) {
    if (container.service == service) return container.image_id;
  }
  return {};
}

void gather_image(const WorldRequest& request, const spec::Service& service, bool needed,
                  planner::World& world) {
  const std::string key = planner::image_key(service);
  image::ResolveOptions options{.platform = service.platform};
  const auto resolve = [&] {
    world.images.emplace(key,
                         facts_of(image::resolve(service.image.value, request.stack.working_dir,
                                                 request.paths.roots, options)));
  };
  try {
    resolve();
  } catch (const image::MissingImage&) {
    if (needed) throw;
    options.id = recorded_image(request.recorded, service.name);
    if (!options.id.empty()) return resolve();
    world.absent_images.insert(key);
  }
}

// Those that are asked for first: what only the others do without is missing for nobody.
void gather_images(const WorldRequest& request, planner::World& world) {
  const std::vector<std::string>& wanted = request.services;
  for (const bool needed : {true, false}) {
    for (const auto& [name, service] : request.stack.services) {
      const bool asked =
          wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
      if (asked != needed || world.images.contains(planner::image_key(service))) continue;
      try {
        gather_image(request, service, needed, world);
      } catch (const base::Error& error) {
        fail_at(request.stack, service.image.place.known() ? service.image.place : service.place,
                error);
      }
    }
  }
}

// Whether every replica's port has been chosen already, so that nothing is to be found out.
bool is_chosen(const spec::Service& service, const spec::Port& port,
               const planner::DesiredState* recorded) {
  if (recorded == nullptr) return false;
  const auto is_its = [&port](const netfab::PublishedPort& each) {
    return each.target_port == port.target_first && each.host_port >= port.published_first &&
           each.host_port - port.published_first < port.published_count;
  };
  const auto count = std::count_if(
      recorded->containers.begin(), recorded->containers.end(), [&](const auto& container) {
        return container.service == service.name &&
               std::any_of(container.ports.begin(), container.ports.end(), is_its);
      });
  return static_cast<unsigned>(count) >= service.replicas;
}

// Of containers that are none of the file's: one-offs, services that no profile selects.
std::vector<netfab::PublishedPort> ports_beside(const WorldRequest& request) {
  std::vector<netfab::PublishedPort> out;
  if (request.recorded == nullptr) return out;
  for (const planner::Container& container : request.recorded->containers) {
    if (!container.oneoff && request.stack.services.count(container.service) != 0) continue;
    out.insert(out.end(), container.ports.begin(), container.ports.end());
  }
  return out;
}

void gather_held_ports(const WorldRequest& request, planner::World& world) {
  std::vector<netfab::PublishedPort> candidates;
  for (const auto& [name, service] : request.stack.services) {
    for (const spec::Port& port : service.ports) {
      if (!spec::is_choice(port) || is_chosen(service, port, request.recorded)) continue;
      for (unsigned offset = 0; offset < port.published_count; ++offset) {
        netfab::PublishedPort& each = candidates.emplace_back();
        each.protocol =
            port.protocol == spec::Protocol::Tcp ? netfab::Protocol::Tcp : netfab::Protocol::Udp;
        each.host_address = port.host_address;
        each.host_port = static_cast<std::uint16_t>(port.published_first + offset);
      }
    }
  }
  const std::vector<netfab::PublishedPort> beside = ports_beside(request);
  for (const netfab::PublishedPort& each : candidates) {
    const bool held = std::any_of(beside.begin(), beside.end(), [&each](const auto& port) {
      return port.protocol == each.protocol && port.host_port == each.host_port &&
             spec::share_ports(port.host_address, each.host_address);
    });
    if (held) world.held_ports.insert(each);
  }
  const std::string own = request.beside_stack ? std::string() : request.paths.ports_table;
  for (const auto& [index, holder] : netfab::port_holders(candidates, own)) {
    world.held_ports.insert(candidates[index]);
  }
}

}  // namespace

planner::World gather_world(const WorldRequest& request) {
  const spec::Stack& stack = request.stack;
  const base::ProjectPaths& paths = request.paths;
  const planner::DesiredState* recorded = request.recorded;
  planner::World world;
  gather_images(request, world);
  gather_files(request, world);
  for (const NetworkRecord& record : read_networks(paths.roots)) {
    bool ours = false;
    for (const auto& [key, network] : stack.networks) ours = ours || network.name == record.name;
    if (ours) {
      world.networks.emplace(record.name, leases_of(record));
    } else {
      for (const auto& address : record.bridge.addresses) world.taken.push_back(address.network());
    }
  }
  for (const auto& [key, network] : stack.networks) {
    if (network.external && !world.networks.contains(network.name)) {
      fail_at(stack, network.place,
              base::Error(base::cat("network \"", network.name,
                                    "\" is declared as external, but does not exist"),
                          base::cat("stack network create ", network.name)));
    }
  }
  for (const auto& [key, volume] : stack.volumes) {
    if (volume.external &&
        !base::is_directory(base::cat(paths.roots.volumes(), "/", volume.name))) {
      fail_at(stack, volume.place,
              base::Error(base::cat("volume \"", volume.name,
                                    "\" is declared as external, but does not exist"),
                          base::cat("stack volume create ", volume.name)));
    }
    if (volume.external) {
      world.volume_options[volume.name] = volume_options(volume.name, paths.roots);
      continue;
    }
    const std::string device = spec::read_volume_options(volume.driver_opts).place.device;
    if (base::starts_with(device, "/") && !base::is_directory(device)) {
      fail_at(
          stack, volume.device_place,
          base::Error(base::cat("volume ", volume.key, ": the folder ", device, " does not exist"),
                      "make it, or mount what belongs there"));
    }
  }
  gather_held_ports(request, world);
  world.routes = request.routes;
  if (recorded != nullptr) {
    world.host_ports = planner::assigned_ports(*recorded, stack);
    for (const planner::Container& container : recorded->containers) {
      for (const planner::EndpointSpec& endpoint : container.endpoints) {
        world.links.emplace(base::cat(container.name, "|", endpoint.network), endpoint.link);
      }
    }
  }
  return world;
}

}  // namespace executor
