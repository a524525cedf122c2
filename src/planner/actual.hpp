// ActualState: what is there, read from the kernel by netfab and executor in a few dumps, completed
// from files where the kernel cannot know (exit codes, health, addresses given out).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "netfab/fabric.hpp"

namespace planner {

enum class ContainerStatus : std::uint8_t { Created, Running, Restarting, Paused, Exited };
enum class Health : std::uint8_t { None, Starting, Healthy, Unhealthy };

struct ExitState {
  bool known = false;  // false: nobody saw it end
  int code = 0;        // 0..255; 128+n by signal n
  int signal = 0;      // 0: ended by itself
  bool oom_killed = false;
  std::chrono::system_clock::time_point finished_at{};
};

struct ActualContainer {
  std::string name;
  std::string service;
  unsigned index = 1;
  std::string fingerprint;  // text of its record: what it was launched as
  ContainerStatus status = ContainerStatus::Created;
  base::ProcessId process;  // of its pid 1 while it runs
  std::chrono::system_clock::time_point created_at{}, started_at{};
  ExitState exit;
  Health health = Health::None;
  unsigned health_failures = 0;
  std::string health_output;     // what the last check that counted printed; at most 4 KiB
  unsigned restarts = 0;         // by policy, since it was made or started by hand
  unsigned recent_restarts = 0;  // of these, since it last ran long enough
  bool hooks_pending = false;    // post_start has not ended yet
  bool stopped_by_user = false;
  bool oneoff = false;  // made by `run`
  std::string error;    // why it could not start, or why it is not restarted any more
};

struct ActualVolume {
  std::string name;
};

struct ActualState {
  std::string project;
  netfab::Fabric
      fabric;  // of this root: bridges and endpoints of this project and of its external networks
  std::vector<std::string> networks;  // full names with a record
  std::vector<ActualVolume> volumes;
  std::vector<ActualContainer> containers;
  bool supervisor_alive = false;

  [[nodiscard]] const ActualContainer* container(const std::string& name) const;
};

}  // namespace planner
