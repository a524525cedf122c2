// Differ: the working of diff(), parted by what it looks at: networks, volumes and ports
// (diff.cpp), containers (diff_containers.cpp), steps of pre_start (diff_pre_start.cpp), endpoints
// (diff_endpoints.cpp). Internal to planner. Steps come out in a topological order: what a step is
// after stands before it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "planner/changes.hpp"
#include "planner/plan.hpp"
#include "planner/steps.hpp"

namespace planner {

class Differ {
 public:
  Differ(const DesiredState& desired, const ActualState& actual, const DiffOptions& options);
  Plan run();

 private:
  Step& add(Kind kind, Action action, const std::string& target, std::vector<Reason> reasons);
  void after_if_planned(Step& step, const std::string& id) const;

  // Which services this plan is about, and the intent that remains: a service that was not asked
  // for and does not exist is not part of it; one that does stays what it was last brought up as.
  void select();
  void choose_services();
  void keep_recorded();
  // It was brought up before and is there, and this plan does not change what it is.
  [[nodiscard]] bool is_kept(const Container& container) const;
  void keep_networks(const std::set<std::string>& changing);
  // Services.
  [[nodiscard]] std::vector<std::string> dependencies_of(const Container& container) const;
  void drop_what_nothing_uses();
  void diff_networks();
  void diff_volumes();
  void diff_ports();
  // Whether the plan may make, start or change it.
  [[nodiscard]] bool is_meant(const Container& container) const;
  // It has ended and stays so: stopped, it has given up its ports until it is started.
  [[nodiscard]] bool stays_ended_here(const Container& container) const;
  // Networks of the last intent that nothing wants any more: after everything that was on them.
  void drop_networks();

  // Scaled down, renamed, or of no service any more.
  void remove_containers();
  // Why the plan removes a container that the wish does not name; nothing: it stays.
  [[nodiscard]] std::optional<std::string> reason_to_remove(const ActualContainer& container) const;
  [[nodiscard]] bool is_orphan(const ActualContainer& container) const;
  void remove_container(const Container& record, const std::string& why);
  void remove_leftovers();
  // The record, and what the recorded intent adds to it where the record is older or unreadable.
  [[nodiscard]] Container full_record(const ActualContainer& container) const;

  struct Decision {
    bool act = false;
    Action action = Action::Create;
    std::vector<Reason> reasons;
  };
  void diff_container(const Container& container);
  [[nodiscard]] Decision decide(const Container& container, const ActualContainer* found,
                                const std::vector<Change>& changes) const;
  [[nodiscard]] bool recreation_asked(const ActualContainer& found) const;
  void renew_volumes(const Container& container, Step& step) const;
  [[nodiscard]] std::optional<std::string> reason_to_start(const ActualContainer& found) const;
  void wait_for_dependencies(const Container& container, Step& step) const;
  [[nodiscard]] bool is_left(const std::string& container) const;
  // Field by field, from its record; empty for one that is not there.
  [[nodiscard]] std::vector<Change> changes_of(const Container& container,
                                               const ActualContainer* found) const;

  // Steps of `pre_start` (diff_pre_start.cpp).
  struct Round {
    bool starts = false;  // one of the replicas that wait for the step is to run
    bool all_new = true;  // none of them has ever run
    // One is made anew: when the last of those that go had been made.
    std::optional<std::chrono::system_clock::time_point> made_anew;
  };
  [[nodiscard]] Round round_of(const Container& step) const;
  // Empty: it is not to run.
  [[nodiscard]] std::vector<Reason> reasons_to_run(const Container& step) const;
  [[nodiscard]] Decision decide_step(const ActualContainer* found, std::vector<Reason> to_run,
                                     const std::vector<Change>& changes) const;
  [[nodiscard]] bool is_waited_for(const Container& step) const;

  // A container as it was found, and on which networks its record says it is.
  struct Found {
    const ActualContainer* container = nullptr;  // null: not there
    std::vector<EndpointSpec> recorded;
  };
  // Returns the ids of the steps.
  std::vector<std::string> diff_endpoints(const Container& container, const Found& found);
  std::vector<std::string> remove_old_endpoints(const Container& container, const Found& found);
  [[nodiscard]] std::pair<Action, std::vector<Reason>> decide_endpoint(const Container& container,
                                                                       const EndpointSpec& endpoint,
                                                                       const Found& found) const;
  void remove_endpoint(const std::string& owner, const EndpointSpec& endpoint,
                       const std::string& why, const std::string& after);

  const DesiredState& desired_;
  const ActualState& actual_;
  const DiffOptions& options_;
  Plan plan_;
  std::set<std::string> services_;  // that the wish knows of
  std::set<std::string> selected_;  // of these
  std::set<std::string> planned_;   // ids of steps
  std::set<std::string> resized_;   // networks of another mtu: their endpoints follow
  // Containers whose process is another one afterwards, under the same name: what becomes of it.
  std::map<std::string, const char*> renewed_;
  std::map<std::pair<std::string, unsigned>, std::string>
      predecessors_;  // service, index → step id
  std::map<std::string, const ActualContainer*> found_;
  std::map<std::string, const netfab::Endpoint*> endpoints_;  // by device
};

}  // namespace planner
