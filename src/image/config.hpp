// ImageConfig: what an image says about itself; defaults beneath what the stack file says.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"

namespace image {

// Zero durations and retries: the usual defaults apply.
struct Healthcheck {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...}, {"CMD-SHELL", text}
  base::Duration interval{}, timeout{}, start_period{}, start_interval{};
  unsigned retries = 0;
};

struct ImageConfig {
  std::vector<std::string> entrypoint, command, environment;
  std::string working_dir, user, stop_signal;
  std::vector<std::string> volumes;        // paths
  std::vector<std::string> exposed_ports;  // "80/tcp"
  std::optional<Healthcheck> healthcheck;
  std::map<std::string, std::string> labels;
};

}  // namespace image
