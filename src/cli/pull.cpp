#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/ensure_images.hpp"
#include "cli/errors.hpp"
#include "planner/pre_start.hpp"

namespace cli {

// The images of the stack's services, whether they are here or not.
int pull(const Context& context, const Arguments& args) {
  spec::LoadOptions load = context.load_options();
  load.wanted = args.names;
  spec::Loaded loaded = context.load_and_warn(load);
  check_services(args.names, service_names(loaded.stack), loaded.stack.name);
  require_root("pull");
  planner::add_steps(loaded.stack);
  EnsureImages options;
  options.quiet = args.list.quiet;
  options.ignore_failures = args.image.ignore_failures;
  options.ignore_buildable = args.image.ignore_buildable;
  options.pull = args.image.policy;
  options.all = args.image.policy.empty() || args.image.policy == "always";
  options.services = args.image.dependencies ? with_dependencies(loaded.stack, args.names)
                                             : planner::with_steps(loaded.stack, args.names);
  ensure_images(context, loaded, options);
  return kDone;
}

}  // namespace cli
