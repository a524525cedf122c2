// Supervisor: the one writer of a running stack. Executes plans (it is the Runner's Actuator),
// keeps containers by their restart policies, and ties the parts together: keeper link, logs, DNS,
// relay, control socket.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/error.hpp"
#include "base/paths.hpp"
#include "executor/runner.hpp"
#include "netfab/table_watch.hpp"
#include "supervisor/child_work.hpp"
#include "supervisor/container.hpp"
#include "supervisor/control.hpp"
#include "supervisor/dns.hpp"
#include "supervisor/keeper_link.hpp"
#include "supervisor/log_mover.hpp"
#include "supervisor/loop.hpp"
#include "supervisor/names.hpp"
#include "supervisor/relay.hpp"
#include "supervisor/reservations.hpp"

namespace supervisor {

// Somebody else was given it since the plan was made.
class Taken : public base::Error {
  using base::Error::Error;
};

class Supervisor final : public executor::Actuator {
 public:
  Supervisor(base::ProjectPaths paths, KeeperLink keeper, base::Fd lock);
  ~Supervisor() override;

  // Takes over what runs, serves `first` when valid, and returns when nothing is left to do (0), or
  // when one of another program takes our place (not 0). `inventory`: what the keeper holds.
  int run(base::Fd first, KeeperLink::Inventory inventory);

  void begin(const planner::Step& step, std::function<void(executor::StepResult)> done) override;
  const planner::ActualContainer* find(const std::string& container) override;
  bool has_healthcheck(const std::string& container) override;
  std::string last_words(const std::string& container) override;

 private:
  using Done = std::function<void(executor::StepResult)>;
  struct Request {
    Control::ClientId client = 0;  // 0: our own
    planner::Plan plan;
    std::optional<base::Duration> stop_timeout;
    base::Fd stdin_pipe;  // of the one-off in the plan
  };

  void adopt_all(KeeperLink::Inventory inventory);
  void write_records_again(const planner::ActualContainer& state);
  void on_request(Control::ClientId client, const nlohmann::json& request);
  bool withdraw(Control::ClientId client);
  void on_keeper();
  void on_changed();
  void next_request();
  std::optional<Request> removal_of_runs();
  void begin_plan();
  void plan_ended(bool ok);
  void answer(bool ok, bool stale, const std::string& error, const std::string& hint = {});
  void send_event(const executor::StepEvent& event);
  void leave_if_idle();
  void new_keeper();
  void renew_when_idle();

  // Steps, by kind (steps.cpp).
  void step_network(const planner::Step& step, const Done& done);
  void step_volume(const planner::Step& step, const Done& done);
  // Nobody mounts them now: what is in them goes.
  void remove_volume(const std::string& name, const Done& done);
  void renew_volumes(const std::vector<planner::Volume>& volumes);
  void step_endpoint(const planner::Step& step, const Done& done);
  void step_ports(const planner::Step& step, const Done& done);
  void step_container(const planner::Step& step, Done done);
  void reserve(const planner::Plan& plan);
  void reserve_addresses(const planner::DesiredState& desired);
  void leave_networks(const std::string& container);
  void release_leases(const std::string& container);
  // Under lock_networks().
  void release_lease(const std::string& network, const std::string& container);
  void publish(const std::vector<netfab::PublishedPort>& ports);
  void hold_ports(const std::vector<netfab::PublishedPort>& ports, unsigned attempt);
  void watch_tables();
  void mend_tables_later();
  void mend_tables_after(base::Duration pause);
  void mend_tables();
  void attach_dns(const planner::Container& container, std::vector<base::Fd> held = {});
  // In place, of a container that runs (mend.cpp).
  void mend(const planner::Container& wished);
  void pin_again(const std::string& container);
  void attach_dns_again(const planner::Container& container);
  // Under which the keeper holds a container's DNS sockets; no container has such a name.
  static std::string dns_key(const std::string& container) { return "dns:" + container; }
  static bool makes_something(const planner::Plan& plan);
  [[nodiscard]] bool renews_intent(const planner::Plan& plan) const;
  // What must be known after a reboot (kept.cpp): at once, or within a second.
  void keep_now();
  void keep_soon();
  void write_intent(const planner::Plan& plan);
  void forget_intent();
  void make_intent_durable();
  void empty_trash();
  void forget_everything();
  [[nodiscard]] const planner::Container* desired_container(const std::string& name) const;
  Container& member(const planner::Container& spec);
  base::ProjectPaths paths_;
  base::Fd lock_;
  Loop loop_;
  KeeperLink keeper_;
  LogMover logs_;
  ChildWork work_;
  Relay relay_;
  Reservations reservations_{keeper_};
  EventJournal events_;
  Host host_;
  std::map<std::string, std::unique_ptr<Container>> containers_;
  Names names_;
  std::unique_ptr<Dns> dns_;
  std::set<std::string> dns_attached_;
  std::vector<netfab::PublishedPort> published_;  // sorted
  Loop::Id hold_timer_ = 0;
  std::optional<netfab::TableWatch> tables_;
  bool tables_changed_ = false;
  base::Duration tables_mended_{0};  // when last
  unsigned tables_fought_ = 0;       // how often in a row somebody undid that at once
  std::string kept_;                 // what the file says
  Loop::Id keep_timer_ = 0, mend_timer_ = 0;
  std::unique_ptr<Control> control_;
  planner::DesiredState intent_;
  std::set<std::string> given_up_;  // one-offs whose removal was tried
  std::deque<Request> requests_;
  std::optional<Request> current_;
  std::unique_ptr<executor::Runner> runner_;
  std::string renew_program_;  // to make way for; empty: none
  Control::ClientId renew_client_ = 0;
  bool renewing_ = false;  // the keeper has been asked
  Loop::Id keeper_watch_ = 0, idle_timer_ = 0;
  bool trash_running_ = false, forgotten_ = false;
};

}  // namespace supervisor
