// stats: what the stack's containers use, read from the kernel by this command itself.
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/signals.hpp"
#include "cli/stats_view.hpp"
#include "cli/terminal.hpp"
#include "planner/steps.hpp"

namespace cli {

namespace {

constexpr int kRoundMs = 1000;

struct Reading {
  executor::Usage usage;
  base::Duration at{0};
};
using Readings = std::map<std::string, Reading>;

bool uses_something(const planner::ActualContainer& container) {
  return container.status == planner::ContainerStatus::Running ||
         container.status == planner::ContainerStatus::Paused;
}

Readings read_all(const base::ProjectPaths& paths, const Arguments& args) {
  Readings out;
  for (const planner::ActualContainer& each : executor::observe(paths).containers) {
    if (!is_selected(args.names, each.service)) continue;
    if (!uses_something(each)) {
      if (args.list.all) out[each.name] = {{}, base::sys::monotonic_now()};
      continue;
    }
    std::vector<std::string> devices;
    for (const auto& endpoint : planner::record_of(each).endpoints) {
      devices.push_back(endpoint.link.device);
    }
    out[each.name] = {executor::read_usage(paths.container_cgroup(each.name), devices),
                      base::sys::monotonic_now()};
  }
  return out;
}

std::string rows_text(const Readings& before, const Readings& now, const Arguments& args) {
  Formatted out{args.format, stats_heads(), {}};
  for (const auto& [name, reading] : now) {
    StatsRow row{name, reading.usage, reading.usage, {}};
    if (const auto at = before.find(name); at != before.end()) {
      row.before = at->second.usage;
      row.passed = reading.at - at->second.at;
    }
    out.rows.push_back(stats_fields(row, args.list.no_trunc));
  }
  return format_rows(out);
}

}  // namespace

int stats(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  check_services(args.names, service_names(recorded), recorded.paths.project);
  (void)format_rows({args.format, stats_heads(), {stats_fields({}, false)}});  // is it one?
  Signals signals({SIGINT, SIGTERM});
  const bool redraw = !args.stats.no_stream && is_terminal(STDOUT_FILENO) && args.format != "json";
  Readings before = read_all(recorded.paths, args);
  while (true) {
    pollfd wait{signals.fd(), POLLIN, 0};
    ::poll(&wait, 1, kRoundMs);
    if (signals.count() > 0) return kDone;
    const Readings now = read_all(recorded.paths, args);
    write_text(STDOUT_FILENO, (redraw ? "\x1b[H\x1b[2J" : "") + rows_text(before, now, args));
    if (args.stats.no_stream) return kDone;
    before = now;
  }
}

}  // namespace cli
