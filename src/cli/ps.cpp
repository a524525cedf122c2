#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/ps_view.hpp"
#include "cli/repairs.hpp"
#include "cli/terminal.hpp"
#include "supervisor/log_export.hpp"

namespace cli {

namespace {

planner::Container describe(const Recorded& recorded, const planner::ActualContainer& actual) {
  if (recorded.intent) {
    if (const planner::Container* found = recorded.intent->container(actual.name)) return *found;
  }
  try {  // an orphan: what it was launched as
    return planner::parse_fingerprint(actual.fingerprint);
  } catch (const base::Error&) {
    planner::Container bare;
    bare.name = actual.name;
    bare.service = actual.service;
    return bare;
  }
}

std::vector<std::string> wanted_states(const ListArgs& args) {
  std::vector<std::string> out = args.statuses;
  for (const std::string& each : args.filters) {
    if (!base::starts_with(each, "status=")) {
      throw base::Error(base::cat("--filter: \"", each, "\" is not known"), "status=STATE");
    }
    out.push_back(each.substr(7));
  }
  static const std::vector<std::string> kKnown = {"created", "running",  "paused", "restarting",
                                                  "exited",  "removing", "dead"};
  for (const std::string& state : out) {
    if (std::find(kKnown.begin(), kKnown.end(), state) != kKnown.end()) continue;
    throw base::Error(base::cat("there is no state \"", state, "\""), base::join(kKnown, ", "));
  }
  return out;
}

bool is_orphan(const Recorded& recorded, const planner::ActualContainer& container) {
  if (!recorded.intent) return false;
  const auto& services = recorded.intent->services;
  return std::find(services.begin(), services.end(), container.service) == services.end();
}

}  // namespace

int ps(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  check_services(args.names, service_names(recorded), recorded.paths.project);
  const auto states = wanted_states(args.list);
  const bool all = args.list.all || !states.empty();
  std::vector<PsRow> rows;
  const Repairs repairs = Repairs::read(recorded.paths);
  const base::Duration mono = base::sys::monotonic_now();
  for (const auto& actual : recorded.actual.containers) {
    const bool ended = actual.status == planner::ContainerStatus::Exited ||
                       actual.status == planner::ContainerStatus::Created;
    if (!states.empty() && !is_selected(states, state_word(actual.status))) continue;
    if (!args.list.orphans && is_orphan(recorded, actual)) continue;
    if (((ended || actual.oneoff || actual.step != 0) && !all) ||
        !is_selected(args.names, actual.service))
      continue;
    PsRow& row =
        rows.emplace_back(PsRow{actual, describe(recorded, actual),
                                repairs.describe(base::cat("container/", actual.name), mono), 0});
    if (args.format == "json") {
      row.log_dropped = supervisor::dropped_lines(recorded.paths.log_dir(actual.name));
    }
  }
  std::sort(rows.begin(), rows.end(), [](const PsRow& a, const PsRow& b) {
    return std::tie(a.actual.service, a.actual.index, a.actual.name) <
           std::tie(b.actual.service, b.actual.index, b.actual.name);
  });
  const auto now = Clock::now();
  std::string out;
  if (args.list.services) {
    std::set<std::string> names;
    for (const PsRow& row : rows) names.insert(row.actual.service);
    for (const std::string& name : names) out += name + "\n";
  } else if (args.list.quiet) {
    for (const PsRow& row : rows) out += row.actual.name + "\n";
  } else if (args.format == "json") {
    for (const PsRow& row : rows) out += ps_json(row, recorded.paths.project, now);
  } else {
    out = ps_table(rows, now, args.list.no_trunc);
  }
  write_text(STDOUT_FILENO, out);
  return kDone;
}

}  // namespace cli
