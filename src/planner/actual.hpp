// ActualState: what is there, read from the kernel by netfab and executor in a few dumps, completed
// from files where the kernel cannot know (exit codes, health, addresses given out).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "netfab/fabric.hpp"

namespace planner {

enum class ContainerStatus : std::uint8_t { Created, Running, Restarting, Paused, Exited };
// Runs, or will again by its restart policy.
inline bool is_active(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::Running:
    case ContainerStatus::Restarting:
    case ContainerStatus::Paused:
      return true;
    case ContainerStatus::Created:
    case ContainerStatus::Exited:
      break;
  }
  return false;
}
enum class Health : std::uint8_t { None, Starting, Healthy, Unhealthy };

struct ExitState {
  bool known = false;  // false: nobody saw it end
  int code = 0;        // 0..255; 128+n by signal n
  int signal = 0;      // 0: ended by itself
  bool oom_killed = false;
  std::chrono::system_clock::time_point finished_at{};
};

// What a closer look at a running container saw besides its record (executor::look_closer).
struct CloseLook {
  bool stopped = false;                     // its pid 1 is in state T: somebody sent SIGSTOP
  bool frozen = false;                      // by somebody else than `stack pause`
  netfab::Inside inside;                    // of its own network namespace
  std::vector<netfab::Difference> limits;   // of its control group
  std::vector<netfab::Difference> files;    // under /etc: lines of ours that are missing
  std::vector<netfab::Difference> sysctls;  // inside its namespaces
  std::vector<std::string> lost_mounts;     // targets where nothing is mounted any more
};

struct ActualContainer {
  std::string name;
  std::string service;
  std::string fingerprint;  // text of its record: what it was launched as
  unsigned index = 1;
  ContainerStatus status = ContainerStatus::Created;
  char process_state = 0;  // man 5 proc: R S D T ...; 0: nobody looked
  Health health = Health::None;
  base::ProcessId process;  // of its pid 1 while it runs
  std::chrono::system_clock::time_point created_at{}, started_at{};
  ExitState exit;
  std::string health_output;  // what the last check that counted printed; at most 4 KiB
  unsigned health_failures = 0;
  unsigned restarts = 0;         // by policy, since it was made or started by hand
  unsigned recent_restarts = 0;  // of these, since it last ran long enough
  bool hooks_pending = false;    // post_start has not ended yet
  bool stopped_by_user = false;
  bool oneoff = false;  // made by `run`
  unsigned step = 0;    // n: the n-th of its service's `pre_start`; 0: none
  // Its record has gone from the runtime folder while it runs: known from the intent.
  bool recovered = false;
  // The supervisor, if there is one, has not come to it yet: it has ended, and what it printed last
  // may not be in its log; or it is being started, and what it is to have inside may not be there.
  bool unsettled = false;
  // It was there before the machine was started; its files and its record are kept.
  bool from_before = false;
  std::string error;              // why it could not start, or why it is not restarted any more
  std::optional<CloseLook> look;  // nothing: nobody looked
};

// Keeper and supervisor, where a process of ours holds the stack's lock.
struct SupervisorLook {
  base::ProcessId process;
  bool stopped = false;  // state T
  base::ProcessId keeper;
  bool keeper_gone = false, keeper_stopped = false;
};

struct ActualVolume {
  std::string name;
  std::map<std::string, std::string> driver_opts;
};

struct ActualState {
  std::string project;
  netfab::Fabric
      fabric;  // of this root: bridges and endpoints of this project and of its external networks
  std::vector<std::string> networks;  // full names with a record
  std::vector<ActualVolume> volumes;
  std::vector<ActualContainer> containers;
  bool supervisor_alive = false;

  // What only a closer look tells; absent where nobody looked.
  std::optional<std::vector<netfab::TableFact>> tables;  // nft tables of ours
  std::vector<std::string> down;                         // devices of `fabric` that are down
  std::map<std::string, std::vector<netfab::Difference>> network_sysctls;  // by full name
  std::string ports_table;          // the nft table of this stack's published ports
  std::vector<std::string> unheld;  // published ports that any process could take
  std::optional<SupervisorLook> supervisor;

  [[nodiscard]] const ActualContainer* container(const std::string& name) const;
};

}  // namespace planner
