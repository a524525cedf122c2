#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"

namespace cli {

namespace {

std::string stack_status(const executor::KnownStack& stack) {
  std::vector<std::string> parts;
  if (stack.exited > 0) parts.push_back(base::cat("exited(", stack.exited, ")"));
  if (stack.running > 0) parts.push_back(base::cat("running(", stack.running, ")"));
  return parts.empty() ? "created(0)" : base::join(parts, ", ");
}

// As docker compose has it, a name is found by a part of it; of several, one must be.
bool passes(const std::vector<std::string>& filters, const std::string& project) {
  bool found = filters.empty();
  for (const std::string& each : filters) {
    if (!base::starts_with(each, "name=")) {
      throw base::Error(base::cat("--filter: \"", each, "\" is not known"), "name=TEXT");
    }
    found = found || project.find(each.substr(5)) != std::string::npos;
  }
  return found;
}

}  // namespace

int ls(const Context& context, const Arguments& args) {
  auto known = executor::known_stacks(context.roots);
  std::sort(known.begin(), known.end(),
            [](const auto& a, const auto& b) { return a.project < b.project; });
  nlohmann::json array = nlohmann::json::array();
  Table table({"NAME", "STATUS", "CONFIG FILES"});
  std::string names;
  for (const executor::KnownStack& each : known) {
    if ((each.running == 0 && !args.list.all) || !passes(args.list.filters, each.project)) continue;
    const std::string joined = base::join(each.config_files, ",");
    names += each.project + "\n";
    table.add({each.project, stack_status(each), joined});
    array.push_back({{"Name", each.project},
                     {"Status", stack_status(each)},
                     {"ConfigFiles", joined},
                     {"WorkingDir", each.working_dir}});
  }
  write_text(STDOUT_FILENO, args.list.quiet         ? names
                            : args.format == "json" ? array.dump() + "\n"
                                                    : table.str());
  return kDone;
}

}  // namespace cli
