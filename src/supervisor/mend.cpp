// What the supervisor does in place for a container that runs and is not as it was made: the pin of
// its network namespace, its name service, files, sysctls, stopped or frozen processes.
#include <signal.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/launch.hpp"
#include "executor/look.hpp"
#include "netfab/netns.hpp"
#include "supervisor/supervisor.hpp"

namespace supervisor {

// The namespace lives on in its processes; a new one in its place would have none of its links.
void Supervisor::pin_again(const std::string& container) {
  const auto at = containers_.find(container);
  if (at == containers_.end() || !at->second->running()) return;
  const planner::Container& spec = at->second->spec();
  if (spec.network != planner::NetworkKind::Own && spec.network != planner::NetworkKind::None) {
    return;
  }
  const std::string path = paths_.netns(container);
  if (netfab::is_netns(path)) return;
  base::sys::make_dirs(paths_.container_run(container), 0700);
  netfab::pin_netns_of(at->second->state().process.pid, path);
  base::log::warn(base::cat(container, ": its network namespace was not pinned any more"));
}

void Supervisor::mend(const planner::Container& wished) {
  const auto at = containers_.find(wished.name);
  if (at == containers_.end() || !at->second->running()) return;
  const planner::ActualContainer& state = at->second->state();
  // First: what hangs could make the rest wait.
  if (state.status == planner::ContainerStatus::Running) {
    const std::string group = paths_.container_cgroup(wished.name);
    if (executor::is_frozen(group)) executor::thaw_everywhere(group);
    const auto stat = base::process_stat(state.process.pid);
    if (stat && stat->state == 'T') {
      base::send_signal(base::open_pidfd(state.process), SIGCONT);
    }
  }
  // All of this lies in the runtime folder, which may have been emptied.
  executor::make_container_dirs(wished, paths_);
  pin_again(wished.name);
  executor::mend_etc(wished, paths_);
  const bool own_network =
      wished.network == planner::NetworkKind::Own || wished.network == planner::NetworkKind::None;
  executor::mend_sysctls(wished, own_network ? paths_.netns(wished.name) : std::string(),
                         state.process.pid);
  attach_dns_again(wished);
}

void Supervisor::attach_dns_again(const planner::Container& container) {
  dns_attached_.erase(container.name);
  attach_dns(container);
}

}  // namespace supervisor
