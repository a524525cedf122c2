#include <set>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/stack_image.hpp"
#include "image/reference.hpp"

namespace cli {

// The images of the stack's services, to the registries that their names say.
int push(const Context& context, const Arguments& args) {
  spec::LoadOptions load = context.load_options();
  load.wanted = args.names;
  const spec::Loaded loaded = context.load_and_warn(load);
  check_services(args.names, service_names(loaded.stack), loaded.stack.name);
  require_root("push");
  std::set<std::string> names;
  for (const auto& [name, service] : loaded.stack.services) {
    if (!is_selected(args.names, name) || service.image.value.empty()) continue;
    const image::Reference reference =
        image::parse_reference(service.image.value, loaded.stack.working_dir);
    if (reference.is_registry()) names.insert(reference.name());
  }
  if (names.empty()) throw base::Error("push: no service has an image of a registry");
  for (const std::string& name : names) {
    run_stack_image(context, {.words = {"push", "--", name}, .quiet = args.list.quiet, .seen = {}});
  }
  return kDone;
}

}  // namespace cli
