// What `ps` and `port` say about a container, in docker compose's words. Pure: time is an argument.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace cli {

using Clock = std::chrono::system_clock;

struct PsRow {
  planner::ActualContainer actual;
  planner::Container described;   // name and service alone when nothing is recorded of it
  std::string repair;             // what `reconcile` could not mend for good; usually empty
  std::uint64_t log_dropped = 0;  // lines its log driver did not get
};

// "Less than a second", "About a minute", "3 hours": docker's units.
std::string age_text(Clock::duration age);
// "Up 2 minutes (healthy)", "Exited (137) 3 seconds ago (out of memory)"
std::string status_text(const planner::ActualContainer& container, Clock::time_point now);
std::string state_word(planner::ContainerStatus status);
std::string health_word(planner::Health health);
// "SIGKILL"; empty for 0.
std::string signal_word(int signal);
// "0.0.0.0:8080-8081->80-81/tcp, [::]:8080-8081->80-81/tcp"
std::string ports_text(const std::vector<netfab::PublishedPort>& ports);
// "0.0.0.0:8080"; an address of every interface is written out.
std::string host_side(const netfab::PublishedPort& port);
// The program in quotes, at most twenty characters unless `whole`.
std::string command_text(const planner::Container& container, bool whole);

std::string ps_table(const std::vector<PsRow>& rows, Clock::time_point now, bool whole_commands);
// One object with docker's keys.
std::string ps_json(const PsRow& row, const std::string& project, Clock::time_point now);

}  // namespace cli
