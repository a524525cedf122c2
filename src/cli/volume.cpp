#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/objects.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "executor/launch.hpp"

namespace cli {

namespace {

using InUse = std::map<std::string, std::set<std::string>>;

std::string users_text(const InUse& used, const std::string& name) {
  const auto at = used.find(name);
  if (at == used.end()) return {};
  const std::vector<std::string> users(at->second.begin(), at->second.end());
  return base::join(users, ", ");
}

int create(const Context& context, const Arguments& args) {
  require_root("volume create");
  planner::Volume volume;
  volume.name = volume.key = args.names.front();
  check_object_name("volume", volume.name);
  volume.labels = parse_labels(args.object.labels);
  executor::ensure_volume(volume, context.roots);
  write_text(STDOUT_FILENO, volume.name + "\n");
  return kDone;
}

nlohmann::json describe(const Context& context, const std::string& name, const InUse& used) {
  std::vector<std::string> users;
  if (const auto at = used.find(name); at != used.end())
    users.assign(at->second.begin(), at->second.end());
  return {{"Name", name},
          {"Driver", "local"},
          {"Scope", "local"},
          {"Labels", executor::volume_labels(name, context.roots)},
          {"Options", executor::volume_options(name, context.roots)},
          {"Mountpoint", executor::volume_content(name, context.roots)},
          {"UsedBy", users}};
}

int list(const Context& context, const Arguments& args) {
  const InUse used = objects_in_use(context, ObjectKind::Volume);
  Table table({"DRIVER", "VOLUME NAME", "USED BY"});
  std::string names, lines;
  for (const std::string& name : executor::list_volumes(context.roots)) {
    names += name + "\n";
    lines += describe(context, name, used).dump() + "\n";
    table.add({"local", name, users_text(used, name)});
  }
  write_text(STDOUT_FILENO, args.list.quiet ? names : args.format == "json" ? lines : table.str());
  return kDone;
}

void require_volume(const Context& context, const std::string& name) {
  const auto known = executor::list_volumes(context.roots);
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  throw base::Error(base::cat("no such volume: ", name),
                    base::did_you_mean(name, base::nearest(name, known)));
}

int inspect(const Context& context, const Arguments& args) {
  const InUse used = objects_in_use(context, ObjectKind::Volume);
  nlohmann::json array = nlohmann::json::array();
  for (const std::string& name : args.names) {
    require_volume(context, name);
    array.push_back(describe(context, name, used));
  }
  write_text(STDOUT_FILENO, array.dump(2) + "\n");
  return kDone;
}

int remove(const Context& context, const Arguments& args) {
  require_root("volume rm");
  const InUse used = objects_in_use(context, ObjectKind::Volume);
  return remove_each(context, args.names, [&](const std::string& name) {
    if (const std::string users = users_text(used, name); !users.empty()) {
      throw base::Error(base::cat("volume ", name, " is in use by ", users),
                        "take that stack down first");
    }
    check_object_name("volume", name);
    if (!args.object.force) require_volume(context, name);
    executor::remove_volume(name, context.roots);
  });
}

int prune(const Context& context, const Arguments& args) {
  require_root("volume prune");
  const InUse used = objects_in_use(context, ObjectKind::Volume);
  std::vector<std::string> unused;
  for (const std::string& name : executor::list_volumes(context.roots)) {
    if (used.count(name) == 0) unused.push_back(name);
  }
  if (unused.empty()) return kDone;
  const std::string question =
      base::cat("Remove these volumes with everything in them: ", base::join(unused, ", "), "?");
  if (!agreed(question, args.object.force)) return kFailed;
  return remove_each(context, unused, [&](const std::string& name) {
    executor::remove_volume(name, context.roots);
  });
}

}  // namespace

int volume(const Context& context, const Arguments& args) {
  if (args.command == "volume create") return create(context, args);
  if (args.command == "volume ls") return list(context, args);
  if (args.command == "volume inspect") return inspect(context, args);
  if (args.command == "volume rm") return remove(context, args);
  return prune(context, args);
}

}  // namespace cli
