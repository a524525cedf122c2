#include <unistd.h>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/follow.hpp"
#include "cli/terminal.hpp"
#include "cli/when.hpp"
#include "supervisor/log_export.hpp"

namespace cli {

namespace {

std::optional<std::chrono::system_clock::time_point> point_in_time(const char* option,
                                                                   const std::string& text) {
  if (text.empty()) return {};
  const auto when = parse_when(text, std::chrono::system_clock::now());
  if (when) return when;
  throw base::Error(base::cat(option, ": \"", text, "\" is not a point in time"),
                    "10m for ten minutes ago, 2026-01-31T12:00:00Z, or seconds since the epoch");
}

}  // namespace

int logs(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  check_services(args.names, service_names(recorded), recorded.paths.project);
  LogFormat format;
  format.prefix = !args.logs.no_prefix;
  format.colour = context.out_colour && !args.logs.no_colour;
  format.timestamps = args.logs.timestamps;
  LogFollower::Options options{args.names, format, false, args.index, {}, {}};
  options.since = point_in_time("--since", args.logs.since);
  options.until = point_in_time("--until", args.logs.until);
  LogFollower follower(recorded.paths, options);
  for (const auto& container : recorded.actual.containers) {
    if (!is_selected(args.names, container.service)) continue;
    const auto dropped = supervisor::dropped_lines(recorded.paths.log_dir(container.name));
    if (dropped == 0) continue;
    write_text(STDERR_FILENO,
               base::cat("stack: ", paint("warning:", Colour::Yellow, context.err_colour), " ",
                         short_name(container.name, recorded.paths.project), ": ", dropped,
                         " lines were not delivered to its log driver (mode: non-blocking)\n"));
  }
  follower.refresh(recorded.actual, args.logs.tail);
  if (!args.logs.follow) {
    follower.drain(true);
    return kDone;
  }
  // Ctrl-C has nothing to undo here: its default ends us, and the shell sees 130.
  follower.follow(nullptr);
  return kDone;
}

}  // namespace cli
