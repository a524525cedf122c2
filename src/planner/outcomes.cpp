#include "planner/outcomes.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"

namespace planner {

namespace {

Fate fate_of(Action action, bool was_there, bool reconnected) {
  switch (action) {
    case Action::Create:
      return Fate::Created;
    case Action::Prepare:
      return was_there ? Fate::Replaced : Fate::Created;
    case Action::Start:
      return Fate::Started;
    case Action::Update:
      return reconnected ? Fate::Reconnected : Fate::InPlace;
    case Action::Replace:
      return Fate::Replaced;
    case Action::Restart:
      return Fate::Restarted;
    case Action::Signal:
      return Fate::Signalled;
    case Action::Pause:
      return Fate::Paused;
    case Action::Unpause:
      return Fate::Unpaused;
    case Action::Stop:
      return Fate::Stopped;
    case Action::Remove:
      return Fate::Removed;
  }
  return Fate::Untouched;
}

// Published ports belong to the stack: whose they are is seen by their target.
const Container* owner_of(const netfab::PublishedPort& port, const Plan& plan) {
  for (const auto* list : {&plan.desired.containers, &plan.removed}) {
    for (const Container& container : *list) {
      if (std::find(container.ports.begin(), container.ports.end(), port) !=
          container.ports.end()) {
        return &container;
      }
    }
  }
  for (const auto* list : {&plan.desired.containers, &plan.removed}) {
    for (const Container& container : *list) {
      for (const EndpointSpec& endpoint : container.endpoints) {
        for (const base::Cidr& address : endpoint.link.addresses) {
          if (address.address == port.target) return &container;
        }
      }
    }
  }
  return nullptr;
}

std::set<std::string> with_other_ports(const Plan& plan, const ActualState& actual) {
  std::set<std::string> out;
  const bool planned = std::any_of(plan.steps.begin(), plan.steps.end(),
                                   [](const Step& step) { return step.kind == Kind::Ports; });
  if (!planned) return out;
  const std::set<netfab::PublishedPort> before(actual.fabric.ports.begin(),
                                               actual.fabric.ports.end());
  const std::set<netfab::PublishedPort> after(plan.ports.begin(), plan.ports.end());
  std::vector<netfab::PublishedPort> changed;
  std::set_symmetric_difference(before.begin(), before.end(), after.begin(), after.end(),
                                std::back_inserter(changed));
  for (const netfab::PublishedPort& port : changed) {
    if (const Container* owner = owner_of(port, plan)) out.insert(owner->name);
  }
  return out;
}

struct Touched {
  const Step* step = nullptr;  // the container's own
  bool was_there = false, reconnected = false, ports = false;
  std::string service;
};

Outcome outcome_of(const std::string& name, const Touched& touched) {
  Outcome out{name, touched.service, Fate::Untouched, {}};
  if (touched.step != nullptr) {
    out.fate = fate_of(touched.step->action, touched.was_there, touched.reconnected);
    for (const Reason& reason : touched.step->reasons) {
      if (!reason.field.empty()) out.fields.push_back(reason.field);
    }
  } else if (touched.reconnected) {
    out.fate = Fate::Reconnected;
  } else if (touched.ports) {
    out.fate = Fate::InPlace;
  }
  // One that comes or goes does so as a whole.
  if (out.fate == Fate::Created || out.fate == Fate::Removed) return out;
  if (touched.ports) out.fields.emplace_back("ports");
  return out;
}

}  // namespace

std::vector<Outcome> outcomes_of(const Plan& plan, const ActualState& actual) {
  std::map<std::string, Touched> all;
  for (const ActualContainer& container : actual.containers) {
    Touched& touched = all[container.name];
    touched.was_there = true;
    touched.service = container.service;
  }
  for (const Step& step : plan.steps) {
    if (step.kind == Kind::Container) all[step.target].step = &step;
    if (step.kind == Kind::Endpoint) {
      all[step.target.substr(0, step.target.find('/'))].reconnected = true;
    }
  }
  for (const std::string& name : with_other_ports(plan, actual)) {
    if (const auto at = all.find(name); at != all.end()) at->second.ports = true;
  }
  std::vector<Outcome> out;
  for (auto& [name, touched] : all) {
    // Only an interface that an unfinished run has left.
    if (!touched.was_there && touched.step == nullptr) continue;
    if (const Container* wanted = plan.container(name); wanted != nullptr && !touched.was_there) {
      touched.service = wanted->service;
    }
    out.push_back(outcome_of(name, touched));
  }
  return out;
}

}  // namespace planner
