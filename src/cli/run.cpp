#include <unistd.h>

#include <array>
#include <new>

#include "base/error.hpp"
#include "cli/cli.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"

namespace cli {

namespace {

using Command = int (*)(const Context&, const Arguments&);
struct Entry {
  std::string_view name;
  Command run;
};
constexpr std::array<Entry, 39> kCommands{{{"up", up},
                                           {"down", down},
                                           {"plan", plan},
                                           {"apply", apply},
                                           {"ps", ps},
                                           {"logs", logs},
                                           {"exec", exec},
                                           {"run", run_service},
                                           {"create", create_containers},
                                           {"attach", attach_service},
                                           {"cp", cp},
                                           {"events", events},
                                           {"stats", stats},
                                           {"volumes", volumes},
                                           {"config", config},
                                           {"ls", ls},
                                           {"port", port},
                                           {"version", version},
                                           {"doctor", doctor},
                                           {"start", start},
                                           {"stop", stop},
                                           {"restart", restart},
                                           {"kill", kill},
                                           {"pause", pause},
                                           {"unpause", unpause},
                                           {"rm", rm},
                                           {"scale", scale},
                                           {"wait", wait},
                                           {"top", top},
                                           {"reconcile", reconcile},
                                           {"enable", enable},
                                           {"disable", disable},
                                           {"network", network},
                                           {"volume", volume},
                                           {"image", image},
                                           {"images", images},
                                           {"pull", pull},
                                           {"push", push},
                                           {"df", df}}};

int dispatch(const Arguments& args) {
  const std::string first = args.command.substr(0, args.command.find(' '));
  for (const Entry& each : kCommands) {
    if (each.name == first) return each.run(Context::make(args.globals), args);
  }
  return kFailed;  // parse_arguments lets no other name through
}

}  // namespace

int run(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  const Parsed parsed = parse_arguments(words);
  if (parsed.exit) {
    write_text(STDOUT_FILENO, parsed.out);
    write_text(STDERR_FILENO, parsed.err);
    return *parsed.exit;
  }
  try {
    const int status = dispatch(parsed.arguments);
    if (const int error = output_error(); error != 0 && status == kDone) {
      throw base::SysError(error, "write", "standard output");
    }
    return status;
  } catch (const std::exception& error) {
    const bool colour = wants_colour(STDERR_FILENO, parsed.arguments.globals.ansi);
    write_text(STDERR_FILENO, render_error(error, colour));
    return kFailed;
  }
}

}  // namespace cli
