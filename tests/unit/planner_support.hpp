// Support for the planner's tests: stacks built by hand, names without roots, and a model of the
// executor that applies a plan to an ActualState as the kernel would show it afterwards.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "planner/desired.hpp"
#include "planner/plan.hpp"
#include "spec/diagnostic.hpp"
#include "spec/stack.hpp"

namespace planner_test {

struct FakeNames final : planner::KernelNames {
  [[nodiscard]] std::string tag(const std::string& kind, const std::string& name) const override {
    return base::short_hash(base::cat(kind, ":", name));
  }
  [[nodiscard]] std::string netns(const std::string& container) const override {
    return base::cat("/run/stack/", container, "/netns");
  }
};

inline base::IpAddress ip(const std::string& text) {
  return base::parse_ip(text).value();
}
inline base::Cidr cidr(const std::string& text) {
  return base::parse_cidr(text).value();
}

// A stack file by hand: every service gets image "app" (in `world()`) and the network "default".
class StackBuilder {
 public:
  explicit StackBuilder(const std::string& name = "shop") {
    stack.name = name;
    stack.working_dir = "/srv/shop";
    stack.files = {"app.yaml"};
    network("default");
  }

  spec::Service& service(const std::string& name) {
    spec::Service& out = stack.services[name];
    if (out.name.empty()) {
      line_ += 10;
      out.name = name;
      out.place = {0, line_, 3};
      out.image = {"app", {0, line_ + 1, 12}};
    }
    return out;
  }
  spec::Network& network(const std::string& key) {
    spec::Network& out = stack.networks[key];
    if (out.key.empty()) {
      out.key = key;
      out.name = base::cat(stack.name, "_", key);
      out.place = {0, 200 + static_cast<std::uint32_t>(stack.networks.size()), 3};
    }
    return out;
  }
  spec::Volume& volume(const std::string& key) {
    spec::Volume& out = stack.volumes[key];
    out.key = key;
    out.name = base::cat(stack.name, "_", key);
    return out;
  }
  void attach(const std::string& service_name, const std::string& key) {
    spec::Attachment at;
    at.network = key;
    service(service_name).networks.push_back(at);
  }
  void depends(const std::string& from, const std::string& to,
               spec::Condition condition = spec::Condition::Started) {
    spec::Dependency dependency;
    dependency.service = to;
    dependency.condition = condition;
    spec::Service& at = service(from);
    dependency.place = {0, at.place.line + 3, 7};
    at.depends_on.push_back(dependency);
  }
  void publish(const std::string& name, std::uint16_t first, std::uint16_t count,
               std::uint16_t target) {
    spec::Port port;
    port.published_first = first;
    port.published_count = count;
    port.target_first = target;
    spec::Service& at = service(name);
    port.place = {0, at.place.line + 5, 9};
    at.ports.push_back(port);
  }

  static planner::World world() {
    planner::World out;
    planner::ImageFacts facts;
    facts.id = "sha256:app";
    facts.command = {"/bin/app"};
    out.images.emplace("app", facts);
    return out;
  }
  [[nodiscard]] planner::DesiredState desire(const planner::World& from = world()) const {
    return planner::desire(stack, from, FakeNames());
  }

  spec::Stack stack;

 private:
  std::uint32_t line_ = 0;
};

// What an observer reads back of an endpoint: the host's side.
inline netfab::Endpoint observed(const netfab::Endpoint& link) {
  netfab::Endpoint out;
  out.device = link.device;
  out.label = link.label;
  out.bridge = link.bridge;
  return out;
}

template <class T, class Match>
void erase_where(std::vector<T>& list, Match&& match) {
  list.erase(std::remove_if(list.begin(), list.end(), match), list.end());
}

inline void apply_step(const planner::Plan& plan, const planner::Step& step,
                       planner::ActualState& actual) {
  using planner::Action;
  const bool remove = step.action == Action::Remove;
  switch (step.kind) {
    case planner::Kind::Supervisor:
      actual.supervisor_alive = true;
      return;
    case planner::Kind::Network: {
      netfab::Bridge bridge = plan.network(step.target)->bridge;
      erase_where(actual.fabric.bridges,
                  [&](const netfab::Bridge& b) { return b.device == bridge.device; });
      erase_where(actual.networks, [&](const std::string& n) { return n == step.target; });
      if (remove) {
        for (auto& endpoint : actual.fabric.endpoints) {
          if (endpoint.bridge == bridge.device) endpoint.bridge.clear();
        }
        return;
      }
      bridge.table.clear();
      actual.fabric.bridges.push_back(bridge);
      actual.networks.push_back(step.target);
      return;
    }
    case planner::Kind::Volume:
      erase_where(actual.volumes,
                  [&](const planner::ActualVolume& v) { return v.name == step.target; });
      if (!remove) {
        actual.volumes.push_back({step.target, plan.desired.volume(step.target)->driver_opts});
      }
      return;
    case planner::Kind::Endpoint: {
      const netfab::Endpoint link = *plan.endpoint(step);
      erase_where(actual.fabric.endpoints,
                  [&](const netfab::Endpoint& e) { return e.device == link.device; });
      if (!remove) actual.fabric.endpoints.push_back(observed(link));
      return;
    }
    case planner::Kind::Ports:
      actual.fabric.ports = plan.ports;
      return;
    case planner::Kind::Container: {
      if (remove) {
        erase_where(actual.containers,
                    [&](const planner::ActualContainer& c) { return c.name == step.target; });
        return;
      }
      if (step.action == Action::Stop) {
        for (auto& container : actual.containers) {
          if (container.name == step.target) container.status = planner::ContainerStatus::Exited;
        }
        return;
      }
      const planner::Container& wanted = *plan.container(step.target);
      planner::ActualContainer made;
      made.name = wanted.name;
      made.service = wanted.service;
      made.index = wanted.index;
      made.step = wanted.step;
      made.status = planner::ContainerStatus::Running;
      if (step.action == Action::Prepare) {
        made.status = planner::ContainerStatus::Created;
        made.stopped_by_user = true;
      }
      made.fingerprint = planner::fingerprint(wanted);
      for (const auto& container : actual.containers) {
        if (container.name == made.name && step.action == Action::Update) {
          made.process = container.process;
          made.status = container.status;
        }
      }
      erase_where(actual.containers,
                  [&](const planner::ActualContainer& c) { return c.name == made.name; });
      actual.containers.push_back(made);
      return;
    }
  }
}

// The first `count` steps, as a run that is killed there leaves the machine.
inline planner::ActualState apply(const planner::Plan& plan, planner::ActualState actual,
                                  std::size_t count = static_cast<std::size_t>(-1)) {
  actual.project = plan.project;
  for (std::size_t i = 0; i < plan.steps.size() && i < count; ++i) {
    apply_step(plan, plan.steps[i], actual);
  }
  return actual;
}

inline planner::ActualState running(const planner::DesiredState& desired) {
  planner::ActualState out;
  out.supervisor_alive = true;
  return apply(planner::diff(desired, out), out);
}

// The texts of the diagnostics that desire() throws; empty: it did not.
inline std::vector<std::string> errors_of(const StackBuilder& build,
                                          const planner::World& world = StackBuilder::world()) {
  std::vector<std::string> out;
  try {
    (void)build.desire(world);
  } catch (const spec::SpecError& error) {
    for (const auto& diagnostic : error.diagnostics()) out.push_back(diagnostic.text);
  }
  return out;
}

inline const planner::Container& only(const planner::DesiredState& desired) {
  EXPECT_EQ(desired.containers.size(), 1U);
  return desired.containers.front();
}

// Web in two replicas behind a database that must be healthy.
inline StackBuilder shop() {
  StackBuilder build;
  build.network("back").internal = true;
  build.volume("data");
  build.attach("db", "back");
  spec::Mount mount;
  mount.source = "data";
  mount.target = "/data";
  build.service("db").mounts.push_back(mount);
  build.attach("web", "default");
  build.attach("web", "back");
  build.service("web").replicas = 2;
  build.service("web").environment["GREETING"] = "hello";
  build.publish("web", 8080, 2, 80);
  build.depends("web", "db", spec::Condition::Healthy);
  return build;
}

// "container/shop-db-1 replace", one a step.
inline std::vector<std::string> steps_of(const planner::Plan& plan) {
  std::vector<std::string> out;
  for (const planner::Step& step : plan.steps) {
    const std::string text = describe(step);  // "container shop-db-1 replace"
    out.push_back(base::cat(step.id, text.substr(text.rfind(' '))));
  }
  return out;
}

// The world as the second run knows it: addresses stay.
inline planner::World known(const planner::DesiredState& before) {
  planner::World world = StackBuilder::world();
  for (const planner::Network& network : before.networks) {
    world.networks[network.name].subnets = {network.bridge.addresses.front()};
  }
  for (const planner::Container& container : before.containers) {
    for (const planner::EndpointSpec& endpoint : container.endpoints) {
      world.networks[endpoint.network].addresses["shop/" + container.name] = {
          endpoint.link.addresses.front().address};
    }
  }
  return world;
}

}  // namespace planner_test
