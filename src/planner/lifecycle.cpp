// plan_start(), plan_stop(), plan_lifecycle(), plan_reconcile(): what is done to containers that
// are there already. Each works from the recorded intent, never from a stack file.
#include <algorithm>
#include <iterator>
#include <optional>

#include "base/text.hpp"
#include "planner/outcomes.hpp"
#include "planner/plan.hpp"
#include "planner/restart.hpp"
#include "planner/steps.hpp"
#include "planner/teardown.hpp"

namespace planner {

namespace {

Plan begin(const DesiredState& recorded, const ActualState& actual) {
  Plan out;
  out.project = recorded.project.empty() ? actual.project : recorded.project;
  out.desired = recorded;
  out.basis = basis_of(actual, out);
  out.ports = actual.fabric.ports;
  return out;
}

bool can(Action action, ContainerStatus status) {
  switch (status) {
    case ContainerStatus::Running:
      return action != Action::Unpause;
    case ContainerStatus::Paused:
      return action == Action::Unpause || action == Action::Restart || action == Action::Signal;
    case ContainerStatus::Restarting:
    case ContainerStatus::Created:
    case ContainerStatus::Exited:
      break;
  }
  return action == Action::Restart;
}

const char* why(Action action) {
  switch (action) {
    case Action::Restart:
      return "a restart was asked for";
    case Action::Signal:
      return "a signal was asked for";
    case Action::Pause:
      return "a pause was asked for";
    case Action::Unpause:
      return "the pause ends";
    case Action::Create:
    case Action::Prepare:
    case Action::Start:
    case Action::Update:
    case Action::Replace:
    case Action::Stop:
    case Action::Remove:
      break;
  }
  return "was asked for";
}

// Who runs and depends with `restart: true` on a container of one of `services`, or on somebody who
// does: name → that dependency.
std::map<std::string, std::string> followers_of(const ActualState& actual,
                                                const std::vector<std::string>& services) {
  std::map<std::string, std::string> out;
  if (services.empty()) return out;
  std::set<std::string> renewed;
  for (const ActualContainer& container : actual.containers) {
    if (is_chosen(services, container.service)) renewed.insert(container.name);
  }
  for (bool more = true; more;) {
    more = false;
    for (const ActualContainer& container : actual.containers) {
      const bool runs = container.status == ContainerStatus::Running ||
                        container.status == ContainerStatus::Paused;
      if (!runs || renewed.count(container.name) != 0) continue;
      for (const DependencySpec& dependency : record_of(container).depends_on) {
        if (!dependency.restart || renewed.count(dependency.container) == 0) continue;
        out.emplace(container.name, dependency.container);
        renewed.insert(container.name);
        more = true;
        break;
      }
    }
  }
  return out;
}

// These commands work from the intent: what is in no service of it is no news to anybody.
Plan without_orphans(Plan plan) {
  plan.orphans.clear();
  return plan;
}

// One transaction makes the stack's ports `ports`; nothing when they are so already.
std::optional<Step> publish(Plan& plan, std::vector<netfab::PublishedPort> ports,
                            const ActualState& actual) {
  std::vector<Reason> reasons = port_differences(ports, actual.fabric.ports);
  plan.ports = std::move(ports);
  if (reasons.empty()) return {};
  const Action action = plan.ports.empty()            ? Action::Remove
                        : actual.fabric.ports.empty() ? Action::Create
                                                      : Action::Update;
  return make_step(Kind::Ports, action, plan.project, std::move(reasons));
}

bool is_among(const std::vector<netfab::PublishedPort>& ports, const netfab::PublishedPort& port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

}  // namespace

Plan plan_stop(const DesiredState& recorded, const ActualState& actual,
               const std::vector<std::string>& services) {
  Plan out = begin(recorded, actual);
  Teardown teardown;
  for (const ActualContainer& container : actual.containers) {
    if (!is_chosen(services, container.service) || container.oneoff) continue;
    switch (container.status) {
      case ContainerStatus::Running:
      case ContainerStatus::Restarting:
      case ContainerStatus::Paused:
        teardown.add(record_of(container));
        break;
      case ContainerStatus::Created:
      case ContainerStatus::Exited:
        ++out.unchanged;
        break;
    }
  }
  for (const Teardown::Entry& entry : teardown.order()) {
    Step step = make_step(Kind::Container, Action::Stop, entry.record->name,
                          {{"the stack is stopped", {}, {}, {}}});
    for (const std::string& dependant : entry.dependants) {
      step.after.push_back(step_id(Kind::Container, dependant));
    }
    out.steps.push_back(std::move(step));
    if (recorded.container(entry.record->name) == nullptr) out.removed.push_back(*entry.record);
  }
  // Others may have their ports until they are started; also those of an earlier stop that was cut
  // short.
  std::vector<netfab::PublishedPort> ports = actual.fabric.ports;
  for (const Container& container : recorded.containers) {
    const ActualContainer* found = actual.container(container.name);
    if (found == nullptr || found->oneoff || !is_chosen(services, container.service)) continue;
    if (!teardown.has(container.name) && !stays_ended(container.restart, *found)) continue;
    std::erase_if(
        ports, [&](const netfab::PublishedPort& port) { return is_among(container.ports, port); });
  }
  if (auto step = publish(out, std::move(ports), actual)) {
    for (const Step& stop : out.steps) step->after.push_back(stop.id);
    out.steps.push_back(std::move(*step));
  }
  out.outcomes = outcomes_of(out, actual);
  return out;
}

Plan plan_start(const DesiredState& recorded, const ActualState& actual,
                const std::vector<std::string>& services) {
  DiffOptions options;
  options.services = services;
  options.recorded = &recorded;
  for (const Container& container : recorded.containers) {
    // Steps of one that was made and never started run before it does.
    if (container.step == 0 && actual.container(container.name) == nullptr) {
      options.leave.push_back(container.name);
    }
  }
  return without_orphans(diff(recorded, actual, options));
}

Plan plan_lifecycle(const DesiredState& recorded, const ActualState& actual,
                    const LifecycleOptions& options) {
  Plan out = begin(recorded, actual);
  out.signal = options.signal;
  Teardown chosen;
  std::map<std::string, std::string> followers;
  if (options.action == Action::Restart && !options.no_deps) {
    followers = followers_of(actual, options.services);
  }
  for (const ActualContainer& container : actual.containers) {
    if (followers.count(container.name) != 0) {
      chosen.add(record_of(container));
      continue;
    }
    if (!is_chosen(options.services, container.service)) continue;
    // As docker compose has it: of what `run` made only `kill` takes care. Steps of pre_start do
    // not run anew because their service does.
    const bool own = !container.oneoff && container.step == 0;
    if (!own && options.action != Action::Signal) continue;
    if (can(options.action, container.status)) {
      chosen.add(record_of(container));
    } else {
      ++out.unchanged;
    }
  }
  // What was stopped has given up its ports.
  std::vector<netfab::PublishedPort> ports = actual.fabric.ports;
  for (const ActualContainer& container : actual.containers) {
    const Container* wanted = recorded.container(container.name);
    const bool starts = options.action == Action::Restart && chosen.has(container.name) &&
                        !is_active(container.status);
    if (!starts || wanted == nullptr) continue;
    std::copy_if(wanted->ports.begin(), wanted->ports.end(), std::back_inserter(ports),
                 [&](const netfab::PublishedPort& port) { return !is_among(ports, port); });
  }
  if (auto step = publish(out, std::move(ports), actual)) out.steps.push_back(std::move(*step));
  // The order of an end, turned round: what others depend on comes first.
  const std::vector<Teardown::Entry> order = chosen.order();
  for (auto entry = order.rbegin(); entry != order.rend(); ++entry) {
    Step step = make_step(Kind::Container, options.action, entry->record->name,
                          {{why(options.action), {}, {}, {}}});
    if (const auto at = followers.find(entry->record->name); at != followers.end()) {
      step.reasons.front().text = base::cat("dependency ", at->second, " is restarted");
    }
    if (options.action == Action::Restart) {
      for (const Teardown::Entry& other : order) {
        const auto& dependants = other.dependants;
        if (std::find(dependants.begin(), dependants.end(), entry->record->name) !=
            dependants.end()) {
          step.after.push_back(step_id(Kind::Container, other.record->name));
        }
      }
    }
    out.steps.push_back(std::move(step));
    if (recorded.container(entry->record->name) == nullptr) out.removed.push_back(*entry->record);
  }
  out.outcomes = outcomes_of(out, actual);
  return out;
}

namespace {

// Whether nothing but a step of the container waited for could meet it.
bool is_unmet(const Wait& wait, const ActualState& actual) {
  const ActualContainer* other = actual.container(wait.container);
  if (!wait.required) return false;
  if (other == nullptr) return true;
  switch (wait.condition) {
    case spec::Condition::Started:
      return other->status == ContainerStatus::Created;
    case spec::Condition::Healthy:
      return !is_active(other->status) || other->health == Health::Unhealthy;
    case spec::Condition::CompletedSuccessfully:
      return other->status == ContainerStatus::Exited &&
             !(other->exit.known && other->exit.code == 0);
  }
  return false;
}

// Adds those that would wait in vain for one of `leave`: it is no failure of their own.
void add_waiting(const Plan& plan, const ActualState& actual, std::vector<std::string>& leave) {
  const auto is_left = [&leave](const std::string& name) {
    return std::find(leave.begin(), leave.end(), name) != leave.end();
  };
  for (std::size_t before = leave.size() + 1; before != leave.size();) {
    before = leave.size();
    for (const Step& step : plan.steps) {
      if (step.kind != Kind::Container || is_left(step.target)) continue;
      if (std::any_of(step.waits.begin(), step.waits.end(), [&](const Wait& wait) {
            return is_left(wait.container) && is_unmet(wait, actual);
          })) {
        leave.push_back(step.target);
      }
    }
  }
}

}  // namespace

Plan plan_reconcile(const DesiredState& recorded, const ActualState& actual,
                    const std::vector<std::string>& leave) {
  DiffOptions options;
  options.recorded = &recorded;
  for (const Container& container : recorded.containers) {
    const ActualContainer* found = actual.container(container.name);
    // A step runs again when somebody waits for it and it has not succeeded.
    if (container.step == 0 && found != nullptr && stays_ended(container.restart, *found))
      options.leave.push_back(container.name);
  }
  // One that is stopped as a whole, or was never started, stays so: nobody needs its networks and
  // ports.
  const auto is_stopped = [](const ActualContainer& found) {
    return (found.status == ContainerStatus::Exited &&
            (found.stopped_by_user || found.step != 0)) ||
           (found.status == ContainerStatus::Created && found.stopped_by_user);
  };
  const auto is_step = [](const auto& container) { return container.step != 0; };
  const auto besides_steps = [&is_step](const auto& list) {
    return static_cast<std::ptrdiff_t>(list.size()) -
           std::count_if(list.begin(), list.end(), is_step);
  };
  const bool all_stopped =
      besides_steps(actual.containers) > 0 &&
      besides_steps(actual.containers) == besides_steps(recorded.containers) &&
      std::all_of(actual.containers.begin(), actual.containers.end(), is_stopped);
  if (all_stopped) {
    Plan out = begin(recorded, actual);
    out.unchanged = static_cast<unsigned>(actual.containers.size());
    out.outcomes = outcomes_of(out, actual);
    return out;
  }
  if (!leave.empty()) {
    std::vector<std::string> held = leave;
    add_waiting(diff(recorded, actual, options), actual, held);
    options.leave.insert(options.leave.end(), held.begin(), held.end());
  }
  return without_orphans(diff(recorded, actual, options));
}

}  // namespace planner
