#include <unistd.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/follow.hpp"
#include "cli/terminal.hpp"
#include "cli/when.hpp"
#include "supervisor/log_export.hpp"

namespace cli {

int logs(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  check_services(args.names, service_names(recorded), recorded.paths.project);
  LogFormat format;
  format.prefix = !args.logs.no_prefix;
  format.colour = context.out_colour && !args.logs.no_colour;
  format.timestamps = args.logs.timestamps;
  LogFollower::Options options;
  options.services = args.names;
  options.format = format;
  options.index = args.index;
  options.since = when_given("--since", args.logs.since);
  options.until = when_given("--until", args.logs.until);
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
