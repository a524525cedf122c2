#include <unistd.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"

namespace cli {

int version(const Context& /*context*/, const Arguments& args) {
  if (args.format == "json") {
    write_text(STDOUT_FILENO, "{\"version\":\"" STACK_VERSION "\"}\n");
  } else if (args.short_version) {
    write_text(STDOUT_FILENO, STACK_VERSION "\n");
  } else {
    write_text(STDOUT_FILENO, "stack version " STACK_VERSION "\n");
  }
  return kDone;
}

}  // namespace cli
