// volumes: those of the stack's volumes that are there, as docker compose lists them.
#include <unistd.h>

#include <algorithm>
#include <set>

#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/template_text.hpp"
#include "cli/terminal.hpp"
#include "executor/launch.hpp"

namespace cli {

namespace {

bool mounts_volume(const planner::Container& container, const std::string& volume) {
  return std::any_of(container.mounts.begin(), container.mounts.end(), [&](const auto& mount) {
    return mount.type == spec::MountType::Volume && mount.source == volume;
  });
}

std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::vector<std::string> out;
  for (const auto& [name, value] : labels) out.push_back(base::cat(name, "=", value));
  return base::join(out, ",");
}

}  // namespace

int volumes(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  check_services(args.names, service_names(recorded), recorded.paths.project);
  Formatted out{args.format, {{"Driver", "DRIVER"}, {"Name", "VOLUME NAME"}}, {}};
  std::string names;
  if (!recorded.intent) return kDone;
  const auto there = executor::list_volumes(context.roots);
  std::set<std::string> told;
  for (const planner::Volume& volume : recorded.intent->volumes) {
    const bool meant = std::any_of(
        recorded.intent->containers.begin(), recorded.intent->containers.end(),
        [&](const planner::Container& each) {
          return is_selected(args.names, each.service) && mounts_volume(each, volume.name);
        });
    const bool exists = std::find(there.begin(), there.end(), volume.name) != there.end();
    if (!exists || (!meant && !args.names.empty()) || !told.insert(volume.name).second) continue;
    names += volume.name + "\n";
    out.rows.push_back(
        {{"Driver", "local"},
         {"Name", volume.name},
         {"Labels", labels_text(executor::volume_labels(volume.name, context.roots))},
         {"Mountpoint", executor::volume_content(volume.name, context.roots)},
         {"Scope", "local"}});
  }
  write_text(STDOUT_FILENO, args.list.quiet ? names : format_rows(out));
  return kDone;
}

}  // namespace cli
