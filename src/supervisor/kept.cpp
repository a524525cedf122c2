// What the supervisor writes down so that it outlives the runtime folder: who runs, who was
// stopped, who ended how.
#include "executor/kept.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/container_state.hpp"
#include "supervisor/supervisor.hpp"

namespace supervisor {

void Supervisor::keep_now() {
  loop_.remove(keep_timer_);
  keep_timer_ = 0;
  executor::Kept kept;
  for (const auto& [name, container] : containers_) {
    planner::ActualContainer state = container->state();
    // One that is still on its way to its first start has no record yet; one that was only made
    // has.
    const bool created = state.status == planner::ContainerStatus::Created;
    if (created && !state.stopped_by_user) continue;
    state.fingerprint = planner::fingerprint(container->spec());
    kept[name] = executor::keep(state);
  }
  std::string text = executor::encode_kept(kept);
  if (text == kept_ || (kept.empty() && kept_.empty())) return;
  try {
    base::write_atomic(executor::kept_file(paths_), text);
    kept_ = std::move(text);
  } catch (const base::Error& error) {
    // A full disk must not stop anything; the next change tries again.
    base::log::warn(error.what());
  }
}

void Supervisor::keep_soon() {
  if (keep_timer_ != 0 || runner_) return;
  keep_timer_ = loop_.after(std::chrono::seconds(1), [this] {
    keep_timer_ = 0;
    keep_now();
  });
}

// The runtime folder has gone, with a reboot or by somebody's hand: from here on it is as before.
void Supervisor::write_records_again(const planner::ActualContainer& state) {
  try {
    base::sys::make_dirs(paths_.container_run(state.name), 0700);
    base::write_atomic(paths_.record(state.name), state.fingerprint);
    executor::write_state(paths_, state);
  } catch (const base::Error& error) {
    base::log::warn(base::cat(state.name, ": ", error.what()));
  }
}

}  // namespace supervisor
