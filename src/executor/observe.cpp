#include "executor/observe.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "executor/cgroup.hpp"
#include "executor/container_state.hpp"
#include "executor/kept.hpp"
#include "executor/launch.hpp"
#include "executor/process_pin.hpp"
#include "executor/world.hpp"
#include "netfab/links.hpp"
#include "netfab/ports.hpp"

namespace executor {

namespace {

using planner::ContainerStatus;

constexpr int kIntentVersion = 1;

// A process that has ended but that nobody reaped yet: its keeper is stopped, or about to.
// /proc/PID/stat has what waitpid() will say (man 5 proc: exit_code).
std::optional<ExitRecord> exit_of_zombie(const base::ProcessId& process) {
  std::optional<std::string> text;
  try {
    text = base::try_read_file(base::cat("/proc/", process.pid, "/stat"));
  } catch (const base::SysError&) {
    return {};
  }
  const std::size_t close = text ? text->rfind(')') : std::string::npos;
  if (close == std::string::npos) return {};
  const auto fields = base::split(base::trim(std::string_view(*text).substr(close + 1)), ' ');
  constexpr std::size_t kStart = 22 - 3, kExit = 52 - 3;  // fields[0] is the third
  if (fields.size() <= kExit || fields[0] != "Z") return {};
  if (base::parse_uint(fields[kStart]) != process.start_time) return {};
  const auto status = base::parse_uint(fields[kExit]);
  if (!status) return {};
  ExitRecord out;
  out.process = process;
  const int code = static_cast<int>(*status);
  out.reason = WIFEXITED(code) ? CLD_EXITED : CLD_KILLED;
  out.status = WIFEXITED(code) ? WEXITSTATUS(code) : WTERMSIG(code);
  out.time_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                    std::chrono::system_clock::now().time_since_epoch())
                    .count();
  return out;
}

// Completes what the state file says with what the kernel says: a process that has ended since, or
// one whose launcher died before it was written down.
void look_at_process(planner::ActualContainer& container, const base::ProjectPaths& paths,
                     std::optional<std::vector<ExitRecord>>& exits) {
  const bool claims_running =
      container.status == ContainerStatus::Running || container.status == ContainerStatus::Paused;
  if (claims_running) {
    const auto stat = base::process_stat(container.process.pid);
    if (stat && stat->start_time == container.process.start_time && stat->state != 'Z' &&
        stat->state != 'X') {
      container.process_state = stat->state;
      return;
    }
  }
  if (const auto init = find_init(paths.container_cgroup(container.name))) {
    container.status = ContainerStatus::Running;
    container.process = *init;
    container.unsettled = true;
    return;
  }
  if (!claims_running) return;
  container.status = ContainerStatus::Exited;
  container.unsettled = true;
  container.exit = {};
  if (!exits) exits = read_exits(paths.exits);
  for (const ExitRecord& record : *exits) {
    if (record.process == container.process) container.exit = exit_state(record);
  }
  if (container.exit.known) return;
  if (const auto zombie = exit_of_zombie(container.process)) container.exit = exit_state(*zombie);
  if (container.exit.known) return;
  if (const auto record = pinned_exit(process_pin(paths, container.name), container.process)) {
    container.exit = exit_state(*record);
  }
}

// The supervisor holds this lock for as long as it lives. Never created here: looking changes
// nothing.
bool lock_is_held(const std::string& path) {
  const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

}  // namespace

planner::ActualState observe(const base::ProjectPaths& paths) {
  planner::ActualState out;
  out.project = paths.project;
  std::optional<std::vector<ExitRecord>> exits;
  for (const std::string& name : base::list_dir(paths.run + "/containers")) {
    auto record = base::try_read_file(paths.record(name));
    auto container = read_state(paths, name);
    if (!record || !container) continue;  // half-made or of another boot: made anew
    container->fingerprint = std::move(*record);
    look_at_process(*container, paths, exits);
    out.containers.push_back(std::move(*container));
  }
  for (planner::ActualContainer& container : known_without_record(paths, out.containers)) {
    out.containers.push_back(std::move(container));
  }
  out.networks = network_names(paths.roots);
  for (const std::string& volume : list_volumes(paths.roots)) {
    out.volumes.push_back({volume, volume_options(volume, paths.roots)});
  }
  netfab::ObservedLinks links = netfab::observe_links();
  out.fabric.bridges = std::move(links.bridges);
  const std::string prefix = paths.project + "/";
  for (netfab::Endpoint& endpoint : links.endpoints) {
    if (base::starts_with(endpoint.label, prefix)) {
      out.fabric.endpoints.push_back(std::move(endpoint));
    }
  }
  out.supervisor_alive = lock_is_held(paths.lock);
  out.fabric.ports = netfab::observe_ports(paths.ports_table, links.tables);
  out.ports_table = paths.ports_table;
  out.down = std::move(links.down);
  out.tables = std::move(links.tables);
  return out;
}

std::optional<planner::DesiredState> recorded_intent(const base::ProjectPaths& paths) {
  const auto text = base::try_read_file(paths.desired);
  if (!text) return {};
  const auto in = nlohmann::json::parse(*text, nullptr, false);
  if (!in.is_object()) return {};
  try {
    if (in.value("version", kIntentVersion) != kIntentVersion) return {};  // of a newer program
    return in.get<planner::DesiredState>();
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

void record_intent(const base::ProjectPaths& paths, const planner::DesiredState& intent) {
  base::write_atomic(paths.desired, planner::compact_json(intent, kIntentVersion));
}

std::vector<KnownStack> known_stacks(const base::Roots& roots) {
  std::vector<KnownStack> out;
  for (const std::string& project : base::list_dir(roots.stacks())) {
    const base::ProjectPaths paths(roots, project);
    const auto recorded = recorded_intent(paths);
    if (!recorded) continue;
    KnownStack known;
    known.project = project;
    known.working_dir = recorded->working_dir;
    known.config_files = recorded->config_files;
    std::optional<std::vector<ExitRecord>> exits;
    for (const std::string& name : base::list_dir(paths.run + "/containers")) {
      auto container = read_state(paths, name);
      if (!container || container->step != 0) continue;
      look_at_process(*container, paths, exits);
      if (container->status == ContainerStatus::Exited ||
          container->status == ContainerStatus::Created) {
        ++known.exited;
      } else {
        ++known.running;
      }
    }
    out.push_back(std::move(known));
  }
  return out;
}

}  // namespace executor
