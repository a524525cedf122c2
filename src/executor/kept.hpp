// Kept: what is known of a stack's containers without their runtime files: after a reboot, or when
// somebody removed the runtime folder. One file a stack under the data root, written by its
// supervisor alone. A file that is truncated, of a newer version or not ours is as none.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/paths.hpp"
#include "planner/actual.hpp"

namespace executor {

struct KeptContainer {
  std::string service;
  unsigned index = 1;
  std::string record;    // hash of its fingerprint: its files belong to this and to no other
  bool running = false;  // or waiting for a restart
  bool created = false;  // and never started
  bool stopped_by_user = false;
  planner::ExitState exit;  // when it had ended
  std::chrono::system_clock::time_point created_at{};
};
using Kept = std::map<std::string, KeptContainer>;

std::string kept_file(const base::ProjectPaths& paths);
std::string encode_kept(const Kept& kept);
std::optional<Kept> decode_kept(const std::string& text);
KeptContainer keep(const planner::ActualContainer& container);

// The containers that have data and are among `kept`, but are not in `seen`: running still, found
// by their control group, or ended with what is kept of them.
std::vector<planner::ActualContainer> known_without_record(
    const base::ProjectPaths& paths, const std::vector<planner::ActualContainer>& seen);

}  // namespace executor
