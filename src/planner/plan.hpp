// Plan: the decision, as data. Every step has an action, a target and reasons; `after` orders
// steps, `waits` names conditions of containers. Printable, serialisable, golden-tested. Side
// effects happen only by executing one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace planner {

enum class Kind : std::uint8_t { Supervisor, Network, Volume, Endpoint, Ports, Container };
// Replace: stop, remove, create and start under the same name. Update: in place, nothing restarts.
// Start: exists (exited), is started again with its files kept. Stop: ends, stays listed. Restart:
// one after the other. Signal: Plan::signal is sent to its pid 1. Pause, Unpause: all its processes
// at once. Prepare: made, or made anew under its name, and not started (`create`, `up --no-start`).
enum class Action : std::uint8_t {
  Create,
  Prepare,
  Start,
  Update,
  Replace,
  Restart,
  Signal,
  Pause,
  Unpause,
  Stop,
  Remove
};
// Whether the container runs anew when a step of this action is done.
bool makes_run(Action action);

// Why a step is taken: the field that changed, or the drift that was seen.
struct Reason {
  std::string text;   // "not there", "environment.FOO changed", "process 123 has ended"
  std::string field;  // "environment.FOO"; may be empty
  std::string before, after;
};

struct Wait {
  std::string container;
  spec::Condition condition = spec::Condition::Started;
  bool required = true;
};

struct Step {
  std::string id;  // "network/shop_default", "container/shop-web-1"; unique in the plan
  Kind kind = Kind::Container;
  Action action = Action::Create;
  // Full name of the network, volume, container; endpoint: "CONTAINER/NETWORK"; ports: the project.
  std::string target;
  std::vector<Reason> reasons;     // never empty
  std::vector<std::string> after;  // ids of steps that must be done before
  std::vector<Wait> waits;  // conditions of containers, whether in the plan or already running
  // Volumes that are emptied when the container before it has gone (up --renew-anon-volumes).
  std::vector<std::string> renews;
};

// What becomes of a container by a plan as a whole: the dearest of what its steps cost it.
enum class Fate : std::uint8_t {
  Created,
  Replaced,
  Restarted,
  Started,
  Stopped,
  Removed,
  Signalled,
  Paused,
  Unpaused,
  Reconnected,  // interfaces come, go or change under the running process
  InPlace,      // changed while it runs on
  Untouched
};
struct Outcome {
  std::string container, service;
  Fate fate = Fate::Untouched;
  std::vector<std::string> fields;  // of the stack file, that changed: "environment.MODE", "ports"
};

struct Plan {
  std::string project;
  // What the steps create, by name. For a removal: what was recorded of it.
  DesiredState desired;
  std::vector<Step> steps;  // in a topological order
  std::string basis;    // fingerprint of the ActualState it was made from; a stale plan is refused
  bool forget = false;  // `down`: the stack's intent ends with this plan
  int signal = 0;       // of Signal steps
  // Records of what Remove steps end and `desired` does not hold (scaled down, orphans, old
  // endpoints).
  std::vector<Container> removed;
  std::vector<Network> removed_networks;
  // The complete list the Ports step publishes (sorted); empty with a Ports step: none any more.
  std::vector<netfab::PublishedPort> ports;
  std::vector<std::string>
      orphans;                    // containers of no service of the file that stay: worth a warning
  unsigned unchanged = 0;         // objects looked at that need no step
  std::vector<Outcome> outcomes;  // of every container that is there or comes, sorted by name
  std::vector<std::string> notes;  // what was seen and no step mends: for people

  [[nodiscard]] bool empty() const { return steps.empty(); }
  [[nodiscard]] const Step* step(const std::string& id) const;
  // In `desired`, else in `removed`.
  [[nodiscard]] const Container* container(const std::string& name) const;
  [[nodiscard]] const Network* network(const std::string& name) const;
  // Of an Endpoint step: its kernel side, from `desired` (create, update) or `removed` (remove).
  [[nodiscard]] const netfab::Endpoint* endpoint(const Step& step) const;
};

void to_json(nlohmann::json& out, const Plan& value);
void from_json(const nlohmann::json& in, Plan& value);

// For people: one line a step, reasons below, then what becomes of each container, and a summary
// ("Plan: 1 to replace, 1 changed in place, 7 untouched; volumes: 1 to create.").
struct TextOptions {
  bool colour = false;
};
std::string to_text(const Plan& plan, TextOptions options = {});
// "container shop-web-1 replace"
std::string describe(const Step& step);

// The kernel state a plan rests on: what ("container shop-web-1") → a hash of how it is.
std::map<std::string, std::string> basis_facts(const ActualState& actual, const Plan& plan);
// The same as one short hash.
std::string basis_of(const ActualState& actual, const Plan& plan);

struct DiffOptions {
  std::vector<std::string> services;  // only these and what they depend on; empty: all
  bool no_deps = false;
  bool force_recreate = false;
  bool recreate_dependencies = false;  // also of services that these depend on
  // When the plan has to be made again: when the containers had been made that were there as it was
  // made first. Those made since are what recreation was asked for; they are not made anew again.
  std::optional<std::map<std::string, std::chrono::system_clock::time_point>> recreate_seen;
  bool renew_volumes = false;  // who is made anew gets new anonymous volumes
  bool remove_orphans = false;
  bool no_recreate = false;  // what is there stays what it is; it may be started
  bool no_start = false;     // what is to be made is made and not started; what has ended stays so
  // Containers that stay as they are, there or not; their ports and networks are wished for all the
  // same.
  std::vector<std::string> leave;
  // `run`: the one-off container that the plan is about, with what it depends on; `services` is
  // empty then. Other one-offs are never touched by a diff.
  std::string oneoff;
  // The last recorded intent: networks of it that nothing wants any more are removed. Null: none.
  const DesiredState* recorded = nullptr;
};
// The plan that makes `actual` equal `desired`. Empty when nothing is to do.
Plan diff(const DesiredState& desired, const ActualState& actual, const DiffOptions& options = {});

struct DownOptions {
  bool volumes = false;  // also named volumes that are not external
  bool remove_orphans = false;
  std::vector<std::string> services;    // only these; networks and volumes stay then
  std::vector<std::string> containers;  // only these, by name; networks and volumes stay then
  bool only_stopped = false;            // `rm`: what runs is left alone; networks and volumes stay
  bool anonymous_volumes = false;       // `rm -v`: those of the containers that go
};
// The plan that ends `desired` (the recorded intent) in reverse order.
Plan plan_down(const DesiredState& recorded, const ActualState& actual,
               const DownOptions& options = {});
// Stops without removing (Ctrl-C of a foreground `up`), in reverse order.
Plan plan_stop(const DesiredState& recorded, const ActualState& actual,
               const std::vector<std::string>& services = {});

// The plan that starts the containers of `recorded` that are there and have ended, in order and
// with their conditions; what drifted meanwhile is mended. Nothing is created.
Plan plan_start(const DesiredState& recorded, const ActualState& actual,
                const std::vector<std::string>& services = {});
// One of Restart, Signal, Pause, Unpause for the containers it can be done to; those of a service
// that others depend on come first. Restart also starts what has ended.
struct LifecycleOptions {
  Action action = Action::Restart;
  std::vector<std::string> services;  // empty: all
  int signal = 0;
  bool no_deps = false;  // Restart: not those that depend on them with `restart: true`
};
Plan plan_lifecycle(const DesiredState& recorded, const ActualState& actual,
                    const LifecycleOptions& options);
// The plan of `reconcile`: mends drift and starts what has ended although its restart policy wants
// it to run. What somebody stopped, and what ended by itself and is not to be restarted, stays
// ended.
// `leave`: containers that are left alone besides, and with them who would wait for them in vain.
Plan plan_reconcile(const DesiredState& recorded, const ActualState& actual,
                    const std::vector<std::string>& leave = {});

}  // namespace planner
