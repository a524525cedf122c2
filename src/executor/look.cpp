#include "executor/look.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "netfab/inside.hpp"
#include "netfab/links.hpp"
#include "netfab/ports.hpp"
#include "netfab/reservations.hpp"

namespace executor {

namespace {

using planner::ActualContainer;
using planner::ContainerStatus;

bool runs(const ActualContainer& container) {
  return container.status == ContainerStatus::Running;
}

// Whether something is mounted at `target` as the process sees it. Never goes out of its root, and
// opens nothing for reading. Where the kernel cannot tell (below 5.8) all is well.
bool is_mounted(int root, const std::string& target) {
  struct ::statx info {};
  constexpr std::uint64_t kMountRoot = 0x2000;  // STATX_ATTR_MOUNT_ROOT
  // One call where no link is on the way. A link that leads out of its root fools nobody but the
  // container: it hides its own loss.
  if (::syscall(SYS_statx, root, target.c_str() + 1, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0U,
                &info) == 0 &&
      (info.stx_attributes & kMountRoot) != 0) {
    return true;
  }
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const base::Fd fd(
      static_cast<int>(::syscall(SYS_openat2, root, target.c_str(), &how, sizeof how)));
  if (!fd) return false;
  if (::syscall(SYS_statx, fd.get(), "", AT_EMPTY_PATH, 0U, &info) != 0) return true;
  return (info.stx_attributes_mask & kMountRoot) == 0 || (info.stx_attributes & kMountRoot) != 0;
}

std::vector<std::string> lost_mounts(const planner::Container& wished, pid_t pid) {
  const base::Fd root(::open(base::cat("/proc/", pid, "/root").c_str(), O_PATH | O_CLOEXEC));
  std::vector<std::string> out;
  if (!root) return out;
  std::vector<std::string> targets{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
  for (const planner::MountSpec& mount : wished.mounts) {
    targets.push_back(base::clean_path("/" + mount.target));
  }
  for (const auto* files : {&wished.configs, &wished.secrets}) {
    for (const planner::FileSpec& file : *files) targets.push_back(file.target);
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  for (std::string& target : targets) {
    if (!is_mounted(root.get(), target)) out.push_back(std::move(target));
  }
  return out;
}

}  // namespace

std::vector<Subject> begin_looks(planner::ActualState& actual, const planner::DesiredState& wished,
                                 const planner::DesiredState* looked_for) {
  std::vector<Subject> out;
  for (ActualContainer& container : actual.containers) {
    const bool begun = runs(container) && !container.unsettled;
    const planner::Container* spec = begun ? wished.container(container.name) : nullptr;
    if (spec != nullptr && looked_for != nullptr && container.look) {
      const planner::Container* before = looked_for->container(container.name);
      if (before != nullptr && *before == *spec) continue;
    }
    container.look.reset();
    if (spec == nullptr) continue;
    container.look.emplace();
    out.push_back({container, *spec});
  }
  return out;
}

void look_at_processes(const std::vector<Subject>& subjects, const base::ProjectPaths& paths) {
  for (const auto& [container, spec] : subjects) {
    planner::CloseLook& look = *container.look;
    if (container.process_state == 0) {
      const auto stat = base::process_stat(container.process.pid);
      if (stat) container.process_state = stat->state;
    }
    look.stopped = container.process_state == 'T';
    const std::string group = paths.container_cgroup(container.name);
    look.frozen = is_frozen(group, container.process_state);
    look.limits = limit_differences(group, spec.limits);
    look.files = etc_differences(spec, paths, container.started_at);
    look.lost_mounts = lost_mounts(spec, container.process.pid);
  }
}

void look_inside(const std::vector<Subject>& subjects, const planner::ActualState& actual,
                 const base::ProjectPaths& paths) {
  std::vector<ActualContainer*> containers;
  std::vector<netfab::InsideRequest> requests;
  // A supervisor that lives hears of the end of its sockets itself, and makes others.
  const bool watched = actual.supervisor_alive && actual.supervisor && !actual.supervisor->stopped;
  for (const auto& [container, spec] : subjects) {
    if (spec.network == planner::NetworkKind::Own || spec.network == planner::NetworkKind::None) {
      containers.push_back(&container);
      netfab::InsideRequest request;
      request.path = paths.netns(container.name);
      for (const planner::EndpointSpec& endpoint : spec.endpoints) {
        request.expected.push_back(&endpoint.link);
      }
      if (!spec.endpoints.empty()) {
        request.names = watched ? netfab::NameLook::Redirection : netfab::NameLook::Sockets;
      }
      request.sysctls = network_sysctls(spec);
      requests.push_back(std::move(request));
    }
  }
  std::vector<netfab::Inside> insides = netfab::observe_insides(requests);
  for (std::size_t i = 0; i < containers.size(); ++i) {
    containers[i]->look->inside = std::move(insides[i]);
  }
  for (const auto& [container, spec] : subjects) {
    if (spec.sysctls.empty()) continue;
    container.look->sysctls =
        sysctl_differences(spec, container.look->inside, container.process.pid);
  }
}

// For the bridges that are there.
void look_at_networks(planner::ActualState& actual, const planner::DesiredState& wished) {
  actual.network_sysctls.clear();
  for (const planner::Network& network : wished.networks) {
    const auto& bridges = actual.fabric.bridges;
    const bool there = std::any_of(bridges.begin(), bridges.end(), [&](const auto& bridge) {
      return bridge.device == network.bridge.device;
    });
    if (!there) continue;
    auto differences = netfab::bridge_sysctl_differences(network.bridge);
    if (!differences.empty()) actual.network_sysctls[network.name] = std::move(differences);
  }
}

namespace {

struct LockHolder {
  base::ProcessId supervisor, keeper;
};

std::optional<base::ProcessId> process_of(const std::string& pid, const std::string& start) {
  const auto number = base::parse_uint(pid), ticks = base::parse_uint(start);
  if (!number || !ticks || *number < 2 || *number > (1U << 22U)) return {};
  return base::ProcessId{static_cast<pid_t>(*number), *ticks};
}

// "BOOT PID START PID START", supervisor and keeper, as the holder of the lock wrote it; anything
// else is not believed.
std::optional<LockHolder> lock_holder(const std::string& path) {
  const std::string text = base::read_start(path, 256);
  const auto words = base::split(base::trim(text), ' ');
  if (words.size() != 5 || words[0] != base::boot_id()) return {};
  const auto supervisor = process_of(words[1], words[2]), keeper = process_of(words[3], words[4]);
  if (!supervisor || !keeper) return {};
  return LockHolder{*supervisor, *keeper};
}

// 0: it has gone, or is about to.
char state_of(const base::ProcessId& process) {
  const auto stat = base::process_stat(process.pid);
  if (!stat || stat->start_time != process.start_time || stat->ending) return 0;
  return stat->state;
}

}  // namespace

std::optional<planner::SupervisorLook> look_at_supervisor(const base::ProjectPaths& paths) {
  std::optional<LockHolder> holder;
  try {
    holder = lock_holder(paths.lock);
  } catch (const base::SysError&) {  // no lock yet
  }
  if (!holder) return {};
  planner::SupervisorLook out;
  const char supervisor = state_of(holder->supervisor), keeper = state_of(holder->keeper);
  if (supervisor != 0) out.process = holder->supervisor;
  if (keeper != 0) out.keeper = holder->keeper;
  out.stopped = supervisor == 'T';
  out.keeper_stopped = keeper == 'T';
  out.keeper_gone = keeper == 0;
  return out;
}

namespace {

// A supervisor that has just come may wait for the one before to let go of a port
// (Supervisor::hold_ports): what is not held is looked at again before it is said.
std::vector<netfab::Reservation> unreserved_for_long(
    const std::vector<netfab::PublishedPort>& ports) {
  std::vector<netfab::Reservation> out = netfab::unreserved(ports);
  for (int i = 0; !out.empty() && i < 40; ++i) {
    ::usleep(10'000);
    out = netfab::unreserved(ports);
  }
  return out;
}

}  // namespace

void look_at_host(planner::ActualState& actual, const base::ProjectPaths& paths) {
  actual.supervisor = look_at_supervisor(paths);
  // Both were killed just now and the lock is not free yet: nobody comes after them. (A keeper that
  // lives starts the next supervisor itself.)
  const auto& pair = actual.supervisor;
  if (pair && !pair->process.valid() && pair->keeper_gone) actual.supervisor_alive = false;
  // Without a supervisor nobody holds anything, which is told as that.
  if (actual.supervisor_alive) {
    for (const netfab::Reservation& each : unreserved_for_long(actual.fabric.ports)) {
      actual.unheld.push_back(each.str());
    }
  }
}

void look_at_subjects(const std::vector<Subject>& subjects, const planner::ActualState& actual,
                      const base::ProjectPaths& paths) {
  if (subjects.empty()) return;
  auto insides = std::async(std::launch::async, [&] { look_inside(subjects, actual, paths); });
  look_at_processes(subjects, paths);
  insides.get();
}

void look_closer(planner::ActualState& actual, const planner::DesiredState& wished,
                 const base::ProjectPaths& paths) {
  look_at_host(actual, paths);
  look_at_subjects(begin_looks(actual, wished, nullptr), actual, paths);
  look_at_networks(actual, wished);
}

}  // namespace executor
