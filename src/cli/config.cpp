#include <unistd.h>

#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"

namespace cli {

int config(const Context& context, const Arguments& args) {
  spec::LoadOptions options = context.load_options();
  options.to_run = false;
  const spec::Loaded loaded = context.load_and_warn(options);
  const spec::Stack& stack = loaded.stack;
  check_services(args.names, service_names(stack), stack.name);
  if (args.config.quiet) return kDone;
  std::string out;
  if (args.config.services) {
    for (const std::string& name : service_names(stack)) {
      if (is_selected(args.names, name)) out += name + "\n";
    }
  } else if (args.config.volumes) {
    for (const auto& entry : stack.volumes) out += entry.first + "\n";
  } else if (args.config.images) {
    std::set<std::string> images;
    for (const auto& entry : stack.services) {
      if (is_selected(args.names, entry.first)) images.insert(entry.second.image.value);
    }
    for (const std::string& image : images) out += image + "\n";
  } else {
    out = args.format == "json" ? spec::to_json(stack) : spec::to_yaml(stack);
    if (out.empty() || out.back() != '\n') out += '\n';
  }
  if (args.config.output.empty()) {
    write_text(STDOUT_FILENO, out);
  } else {
    base::write_atomic(base::absolute_path(context.cwd, args.config.output), out, {0644, false});
  }
  return kDone;
}

}  // namespace cli
