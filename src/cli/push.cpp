#include <set>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/ensure_images.hpp"
#include "cli/errors.hpp"
#include "cli/stack_image.hpp"
#include "cli/terminal.hpp"
#include "image/reference.hpp"

namespace cli {

// The images of the stack's services, to the registries that their names say.
int push(const Context& context, const Arguments& args) {
  spec::LoadOptions load = context.load_options();
  load.wanted = args.names;
  const spec::Loaded loaded = context.load_and_warn(load);
  check_services(args.names, service_names(loaded.stack), loaded.stack.name);
  require_root("push");
  const std::vector<std::string> wanted =
      args.image.dependencies ? with_dependencies(loaded.stack, args.names) : args.names;
  std::set<std::pair<std::string, std::string>> names;  // with the platform
  for (const auto& [name, service] : loaded.stack.services) {
    if (!is_selected(wanted, name) || service.image.value.empty()) continue;
    const image::Reference reference =
        image::parse_reference(service.image.value, loaded.stack.working_dir);
    if (reference.is_registry()) names.emplace(reference.name(), service.platform);
  }
  if (names.empty()) throw base::Error("push: no service has an image of a registry");
  for (const auto& [name, platform] : names) {
    std::vector<std::string> words = {"push"};
    if (!platform.empty()) words.insert(words.end(), {"--platform", platform});
    words.insert(words.end(), {"--", name});
    try {
      run_stack_image(context, {.words = words, .quiet = args.list.quiet, .seen = {}});
    } catch (const base::Error& error) {
      if (!args.image.ignore_failures) throw;
      write_text(STDERR_FILENO, render_error(error, context.err_colour));
    }
  }
  return kDone;
}

}  // namespace cli
