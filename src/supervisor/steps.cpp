// The supervisor as Actuator: what each kind of step does to the kernel and to the records.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/cgroup.hpp"
#include "executor/launch.hpp"
#include "executor/observe.hpp"
#include "executor/process_pin.hpp"
#include "executor/world.hpp"
#include "netfab/links.hpp"
#include "netfab/netns.hpp"
#include "netfab/ports.hpp"
#include "supervisor/container_parts.hpp"
#include "supervisor/keeper.hpp"
#include "supervisor/supervisor.hpp"

namespace supervisor {

using planner::Action;
using planner::Kind;

namespace {

// Every endpoint that the plan knows of on `network`; those that stay are on other networks.
std::vector<netfab::Endpoint> links_on(const planner::Plan& plan, const std::string& network) {
  std::vector<netfab::Endpoint> out;
  for (const auto* list : {&plan.removed, &plan.desired.containers}) {
    for (const planner::Container& container : *list) {
      for (const planner::EndpointSpec& endpoint : container.endpoints) {
        if (endpoint.network == network) out.push_back(endpoint.link);
      }
    }
  }
  return out;
}

bool removes(const planner::Plan& plan, Kind kind, const std::string& target) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const planner::Step& step) {
    return step.kind == kind && step.action == Action::Remove && step.target == target;
  });
}

bool changes_fields(const planner::Step& step) {
  return std::any_of(step.reasons.begin(), step.reasons.end(),
                     [](const planner::Reason& reason) { return !reason.field.empty(); });
}

// What was done, and what there is to say about how: who used up its grace is named.
std::function<void(executor::StepResult)> telling(const char* word,
                                                  std::function<void(executor::StepResult)> done) {
  return [word, done = std::move(done)](executor::StepResult result) {
    if (result.ok && !result.text.empty()) result.text = base::cat(word, ", ", result.text);
    done(std::move(result));
  };
}

// A part of a step that begins from the loop, later than begin(): what it throws is answered here.
void answering(const std::function<void(executor::StepResult)>& done,
               const std::function<void()>& part) {
  try {
    part();
  } catch (const base::Error& error) {
    done(failed_step(error));
  }
}

}  // namespace

void Supervisor::begin(const planner::Step& step, Done done) {
  CRASH_POINT("step/", step.id, "/begin");
  try {
    switch (step.kind) {
      case Kind::Supervisor:
        done({});  // it is there, and listens
        return;
      case Kind::Network:
        step_network(step, done);
        return;
      case Kind::Volume:
        step_volume(step, done);
        return;
      case Kind::Endpoint:
        step_endpoint(step, done);
        return;
      case Kind::Ports:
        step_ports(step, done);
        return;
      case Kind::Container:
        step_container(step, done);  // a copy: what it throws is answered below
        return;
    }
  } catch (const base::Error& error) {
    done({false, error.what(), error.hint()});
  }
}

bool Supervisor::makes_something(const planner::Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const planner::Step& step) {
    switch (step.action) {
      case Action::Signal:
      case Action::Pause:
      case Action::Unpause:
      case Action::Stop:
      case Action::Remove:
        return false;
      case Action::Create:
      case Action::Prepare:
      case Action::Start:
      case Action::Update:
      case Action::Replace:
      case Action::Restart:
        break;
    }
    return true;
  });
}

// Whether its `desired` is what shall run from now on. Where only ports are published, or taken
// back, they tell: `stop` and `rm` do so and change nothing of the intent.
bool Supervisor::renews_intent(const planner::Plan& plan) const {
  planner::Plan others;
  std::copy_if(plan.steps.begin(), plan.steps.end(), std::back_inserter(others.steps),
               [](const planner::Step& step) { return step.kind != Kind::Ports; });
  if (makes_something(others)) return true;
  if (others.steps.size() == plan.steps.size()) return false;
  return std::any_of(plan.desired.containers.begin(), plan.desired.containers.end(),
                     [this](const auto& wanted) {
                       const planner::Container* before = intent_.container(wanted.name);
                       return before == nullptr || before->ports != wanted.ports;
                     });
}

const planner::Container* Supervisor::desired_container(const std::string& name) const {
  return current_ ? current_->plan.desired.container(name) : nullptr;
}

void Supervisor::step_network(const planner::Step& step, const Done& done) {
  const base::Fd lock = executor::lock_networks(paths_.roots);
  if (step.action == Action::Remove) {
    const auto record = executor::read_network(paths_.roots, step.target);
    // The links by name, too: a socket that still waits for an answer of its dead peer keeps a
    // network namespace, and the link in it, for minutes after its last process.
    std::vector<netfab::Bridge> bridges;
    if (record) bridges.push_back(record->bridge);
    netfab::remove_links(bridges, links_on(current_->plan, step.target));
    executor::forget_network(paths_.roots, step.target);
    done({});
    return;
  }
  const planner::Network* network = current_->plan.network(step.target);
  if (network == nullptr)
    throw base::Error(base::cat("network ", step.target, " is not in the plan"));
  netfab::ensure_bridge(network->bridge);
  done({});
}

void Supervisor::step_volume(const planner::Step& step, const Done& done) {
  if (step.action == Action::Remove) {
    remove_volume(step.target, done);
    return;
  }
  const planner::Volume* volume = current_->plan.desired.volume(step.target);
  if (volume == nullptr)
    throw base::Error(base::cat("volume ", step.target, " is not in the plan"));
  executor::ensure_volume(*volume, paths_.roots);
  if (step.action == Action::Update && !volume->external) {
    executor::describe_volume(*volume, paths_.roots);
  }
  done({});
}

// Gone at once, by a rename; what it held is deleted by a child, for it may be a great deal.
void Supervisor::remove_volume(const std::string& name, const Done& done) {
  const std::string folder = executor::volume_dir(name, paths_.roots);
  try {
    throw_away(paths_, folder, name);
  } catch (const base::SysError& error) {
    if (error.errnum() != EXDEV) throw;
    // Volumes lie on a disk of their own.
    work_.run([folder] { base::remove_tree(folder); }, std::chrono::minutes(10),
              [done](const std::string& failure) {
                done({failure.empty(), failure, {}});
              });
    return;
  }
  done({});
}

void Supervisor::renew_volumes(const std::vector<planner::Volume>& volumes) {
  for (const planner::Volume& volume : volumes) {
    CRASH_POINT("volume/renew");
    throw_away(paths_, executor::volume_dir(volume.name, paths_.roots), volume.name);
    executor::ensure_volume(volume, paths_.roots);
  }
}

void Supervisor::step_endpoint(const planner::Step& step, const Done& done) {
  const netfab::Endpoint* link = current_->plan.endpoint(step);
  const std::string container = step.target.substr(0, step.target.find('/'));
  if (step.action == Action::Remove) {
    // A network that goes as well takes all its links along at once.
    const std::string network = step.target.substr(step.target.find('/') + 1);
    if (link != nullptr && !removes(current_->plan, Kind::Network, network)) {
      netfab::remove_endpoint(*link);
    }
    // One that stays, on other networks: whoever comes next may have the address.
    if (desired_container(container) != nullptr) {
      const base::Fd lock = executor::lock_networks(paths_.roots);
      release_lease(network, container);
    }
    done({});
    return;
  }
  const planner::Container* spec = desired_container(container);
  if (link == nullptr || spec == nullptr) {
    throw base::Error(base::cat(step.id, " is not in the plan"));
  }
  base::sys::make_dirs(paths_.container_run(container), 0700);
  pin_again(container);
  netfab::ensure_netns(link->netns);
  netfab::ensure_endpoint(*link);
  attach_dns(*spec);
  done({});
}

void Supervisor::attach_dns(const planner::Container& container, std::vector<base::Fd> held) {
  if (container.network != planner::NetworkKind::Own || container.endpoints.empty()) return;
  const std::string netns = paths_.netns(container.name);
  if (dns_attached_.contains(container.name) || !netfab::is_netns(netns)) return;
  bool outside = false;
  for (const planner::EndpointSpec& endpoint : container.endpoints) {
    outside = outside || !endpoint.link.gateways.empty();
  }
  const bool taken = dns_->attach(
      {.container = container.name, .netns = netns, .forward = outside, .upstream = container.dns},
      std::move(held));
  if (taken) keeper_.hold(dns_key(container.name), dns_->sockets(container.name));
  dns_attached_.insert(container.name);
}

void Supervisor::step_container(const planner::Step& step, Done done) {
  const std::string name = step.target;
  const planner::Container* desired = desired_container(name);
  const auto existing = containers_.find(name);
  switch (step.action) {
    case Action::Stop:
      if (existing == containers_.end()) break;
      existing->second->stop(current_->stop_timeout, telling("Stopped", std::move(done)));
      return;
    case Action::Remove:
      if (existing == containers_.end()) {
        // Half-made: no record that we could have adopted.
        executor::kill_cgroup(paths_.container_cgroup(name));
        executor::remove_cgroup(paths_.container_cgroup(name));
        leave_networks(name);
        netfab::remove_netns(paths_.netns(name));
        executor::remove_container_dirs(name, paths_);
        break;
      }
      existing->second->remove({.grace = current_->stop_timeout,
                                .keep_network = false,
                                .empty = [this, name] { leave_networks(name); }},
                               telling("Removed", std::move(done)));
      return;
    case Action::Restart:
      if (existing == containers_.end()) break;
      {
        // With fields among the reasons it comes back as what it is to be; else as what it was.
        std::optional<planner::Container> next;
        if (desired != nullptr && changes_fields(step)) next = *desired;
        const auto again = [this, name, next, done] {
          const auto at = containers_.find(name);
          if (at == containers_.end()) {
            done({false, base::cat("container ", name, " has gone"), {}});
            return;
          }
          answering(done, [&] {
            if (next) {
              at->second->set_spec(*next);
              attach_dns_again(*next);
            }
            at->second->start(done);
          });
        };
        existing->second->stop(current_->stop_timeout,
                               [this, name, again, done](const executor::StepResult& result) {
                                 if (!result.ok || !containers_.contains(name)) {
                                   done(result);
                                   return;
                                 }
                                 loop_.soon(again);  // not from inside its own callback of the end
                               });
        return;
      }
    case Action::Signal:
      if (existing == containers_.end()) break;
      existing->second->signal(current_->plan.signal, std::move(done));
      return;
    case Action::Pause:
    case Action::Unpause:
      if (existing == containers_.end()) break;
      done(existing->second->pause(step.action == Action::Pause ? Container::Freeze::Frozen
                                                                : Container::Freeze::Thawed));
      return;
    case Action::Update:
      if (desired == nullptr || existing == containers_.end()) break;
      mend(*desired);
      done(existing->second->update(*desired));
      return;
    case Action::Create:
    case Action::Prepare:
    case Action::Start:
    case Action::Replace: {
      if (desired == nullptr) throw base::Error(base::cat(name, " is not in the plan"));
      std::vector<planner::Volume> renewed;
      for (const std::string& each : step.renews) {
        const planner::Volume* volume = current_->plan.desired.volume(each);
        if (volume != nullptr && volume->key.empty()) renewed.push_back(*volume);
      }
      const auto make = [this, renewed, only = step.action == Action::Prepare](Container& made,
                                                                               Done when_made) {
        try {
          renew_volumes(renewed);
        } catch (const base::Error& error) {
          when_made(failed_step(error));
          return;
        }
        if (only) {
          made.prepare(when_made);
        } else {
          made.create(std::move(when_made));
        }
      };
      if (existing == containers_.end() || step.action == Action::Create) {
        containers_[name] = std::make_unique<Container>(host_, *desired);
        // Something of this name may still be there, made by one that died before it wrote a
        // record.
        executor::kill_cgroup(paths_.container_cgroup(name));
        given_up_.erase(name);
        if (desired->oneoff) containers_[name]->give_stdin(std::move(current_->stdin_pipe));
        make(*containers_[name], std::move(done));
        return;
      }
      if (step.action == Action::Start) {
        if (!existing->second->active()) {
          existing->second->set_spec(*desired);
          if (changes_fields(step)) attach_dns_again(*desired);
        }
        existing->second->start(std::move(done));
        return;
      }
      const planner::Container spec = *desired;
      existing->second->remove(
          {.grace = current_->stop_timeout, .keep_network = true},
          [this, spec, make, done = std::move(done)](const executor::StepResult& result) {
            if (!result.ok) {
              done(result);
              return;
            }
            // Not from inside the old container's own callback: it is destroyed here.
            loop_.soon([this, spec, make, done] {
              containers_[spec.name] = std::make_unique<Container>(host_, spec);
              answering(done, [&] {
                attach_dns_again(spec);
                make(*containers_[spec.name], done);
              });
            });
          });
      return;
    }
  }
  done({});
}

// ---- records ----

// What stacks could race for is taken before anything is made, all at once and under one lock, so
// that one of them wins and the others fail whole: ports by publishing them, subnets and addresses
// by writing them down. Throws Taken when the plan has to be made again.
void Supervisor::reserve(const planner::Plan& plan) {
  if (plan.desired.networks.empty() && plan.ports.empty()) return;
  const base::Fd lock = executor::lock_networks(paths_.roots);
  std::vector<netfab::PublishedPort> added;
  std::copy_if(plan.ports.begin(), plan.ports.end(), std::back_inserter(added),
               [this](const netfab::PublishedPort& port) {
                 return !std::binary_search(published_.begin(), published_.end(), port);
               });
  if (const auto taken = netfab::published_elsewhere(added, paths_.ports_table)) {
    throw base::Error(base::cat("port ", taken->first.host_port, "/",
                                taken->first.protocol == netfab::Protocol::Tcp ? "tcp" : "udp",
                                " is taken by ", taken->second),
                      "stop it, or publish another port");
  }
  reserve_addresses(plan.desired);
  CRASH_POINT("plan/before-ports");
  // The step that publishes them finds them there; until then they lead nowhere.
  if (!added.empty()) netfab::ensure_ports(paths_.ports_table, plan.ports, paths_.project);
}

void Supervisor::reserve_addresses(const planner::DesiredState& desired) {
  const std::vector<executor::NetworkRecord> records = executor::read_networks(paths_.roots);
  for (const planner::Network& network : desired.networks) {
    executor::NetworkRecord record;
    bool found = false;
    for (const executor::NetworkRecord& other : records) {
      if (other.name == network.name) {
        record = other;
        found = true;
        continue;
      }
      for (const base::Cidr& theirs : other.bridge.addresses) {
        for (const base::Cidr& ours : network.bridge.addresses) {
          if (ours.overlaps(theirs)) {
            throw Taken(base::cat("subnet ", ours.network().str(), " was given to network ",
                                  other.name, " meanwhile"));
          }
        }
      }
    }
    if (!found || !network.external) {
      record.name = network.name;
      record.project = network.external ? "" : desired.project;
      record.internal = network.bridge.internal;
      record.enable_ipv6 = network.enable_ipv6;
      record.bridge = network.bridge;
      record.labels = network.labels;
    }
    for (const planner::Container& container : desired.containers) {
      for (const planner::EndpointSpec& endpoint : container.endpoints) {
        if (endpoint.network != network.name) continue;
        executor::NetworkRecord::Lease lease{
            desired.project, container.name, container.service, {}, endpoint.aliases};
        for (const base::Cidr& address : endpoint.link.addresses)
          lease.addresses.push_back(address.address);
        std::erase_if(record.leases, [&](const executor::NetworkRecord::Lease& other) {
          return other.project == lease.project && other.container == lease.container;
        });
        for (const executor::NetworkRecord::Lease& other : record.leases) {
          for (const base::IpAddress& address : lease.addresses) {
            if (std::find(other.addresses.begin(), other.addresses.end(), address) !=
                other.addresses.end()) {
              throw Taken(base::cat("address ", address.str(), " was given to ", other.container,
                                    " meanwhile"));
            }
          }
        }
        record.leases.push_back(std::move(lease));
      }
    }
    CRASH_POINT("reserve/network");
    executor::write_network(paths_.roots, record);
  }
}

// Of a container in which nothing runs any more: until then its hooks and handlers ask for names,
// and its addresses are in use.
void Supervisor::leave_networks(const std::string& name) {
  if (dns_attached_.erase(name) > 0) keeper_.drop(dns_key(name));
  dns_->detach(name);
  try {
    release_leases(name);
  } catch (const base::SysError& error) {
    // A full disk must not keep a container from going; the lease is its name's, and harmless.
    base::log::warn(error.what());
  }
}

void Supervisor::release_leases(const std::string& name) {
  const auto existing = containers_.find(name);
  const planner::Container* spec =
      existing != containers_.end() ? &existing->second->spec() : current_->plan.container(name);
  if (spec == nullptr || spec->endpoints.empty()) return;
  const base::Fd lock = executor::lock_networks(paths_.roots);
  for (const planner::EndpointSpec& endpoint : spec->endpoints) {
    release_lease(endpoint.network, name);
  }
}

void Supervisor::release_lease(const std::string& network, const std::string& container) {
  auto record = executor::read_network(paths_.roots, network);
  // A network of our own that goes with this plan takes its leases along.
  if (!record || (record->project == paths_.project && current_ && current_->plan.forget)) return;
  const auto removed =
      std::erase_if(record->leases, [&](const executor::NetworkRecord::Lease& lease) {
        return lease.project == paths_.project && lease.container == container;
      });
  if (removed != 0) executor::write_network(paths_.roots, *record);
}

// What shall run after a crash or a reboot. Written before the first step, so that whatever a death
// leaves half-made can be found and taken down, and again when the plan has ended.
void Supervisor::write_intent(const planner::Plan& plan) {
  const bool renewed = renews_intent(plan);
  planner::DesiredState intent = renewed ? plan.desired : intent_;
  const bool ends_some =
      std::any_of(plan.steps.begin(), plan.steps.end(),
                  [](const planner::Step& step) { return step.kind != Kind::Ports; });
  if (!renewed && ends_some) {
    std::erase_if(intent.containers, [this](const planner::Container& container) {
      return !containers_.contains(container.name) &&
             !base::exists(paths_.container_run(container.name));
    });
    // An anonymous volume that went with its container; one that is named is made again with the
    // next that mounts it.
    std::erase_if(intent.volumes, [this, &plan](const planner::Volume& volume) {
      return volume.key.empty() && removes(plan, Kind::Volume, volume.name) &&
             !base::exists(executor::volume_dir(volume.name, paths_.roots));
    });
  }
  // Also those that got no further than their network: nothing else knows of them.
  for (const planner::Container& container : intent_.containers) {
    if (intent.container(container.name) == nullptr && !containers_.contains(container.name) &&
        base::exists(paths_.container_run(container.name))) {
      intent.containers.push_back(container);
    }
  }
  for (const auto& [name, container] : containers_) {
    if (intent.container(name) == nullptr) intent.containers.push_back(container->spec());
  }
  for (const planner::Network& network : intent_.networks) {
    if (intent.network(network.name) == nullptr &&
        executor::read_network(paths_.roots, network.name)) {
      intent.networks.push_back(network);
    }
  }
  if (intent == intent_) return;
  intent_ = std::move(intent);
  executor::record_intent(paths_, intent_);
}

void Supervisor::forget_intent() {
  forgotten_ = true;
  intent_ = {};
  base::remove_file(paths_.desired);
}

// Behind the back of the command: a power failure within the same second loses this change only.
void Supervisor::make_intent_durable() {
  work_.run(
      [path = paths_.desired] {
        const base::Fd fd = base::sys::open(path, O_RDONLY);
        ::fsync(fd.get());
        const base::Fd dir = base::sys::open(base::parent_dir(path), O_RDONLY | O_DIRECTORY);
        ::fsync(dir.get());
      },
      std::chrono::minutes(1), [this](const std::string&) { leave_if_idle(); });
}

// Upper directories may hold anything a container made: deleted by a child, never here.
void Supervisor::empty_trash() {
  const std::string trash = paths_.data + "/trash";
  if (trash_running_ || !base::exists(trash)) return;
  trash_running_ = true;
  work_.run([trash] { base::remove_tree(trash); }, std::chrono::minutes(10),
            [this](const std::string& error) {
              trash_running_ = false;
              if (!error.empty()) base::log::warn(base::cat("removing old data: ", error));
              leave_if_idle();
            });
}

// The stack is down: nothing of it stays but its volumes.
void Supervisor::forget_everything() {
  try {
    // Back to the root group, which is nobody's: a group with us inside could not be removed.
    CRASH_POINT("forget/before");
    executor::return_to_root_cgroup(supervisor_cgroup(paths_), ::getpid());
    executor::return_to_root_cgroup(supervisor_cgroup(paths_), ::getppid());
    executor::remove_cgroup(paths_.cgroup);
    executor::remove_empty_cgroup(paths_.roots.cgroup_parent);
    CRASH_POINT("forget/networks");
    executor::disown_networks(paths_.roots, paths_.project);
  } catch (const base::Error& error) {
    base::log::warn(error.what());
  }
  try {
    CRASH_POINT("forget/run");
    executor::unpin_all(paths_);
    base::remove_tree(paths_.run);
    CRASH_POINT("forget/data");
    base::remove_tree(paths_.data);
    CRASH_POINT("forget/done");
  } catch (const base::Error& error) {
    base::log::warn(error.what());
  }
}

}  // namespace supervisor
