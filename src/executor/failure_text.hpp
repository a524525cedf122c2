// What the child reported, as text for people. Internal to launch.cpp and enter.cpp.
#pragma once

#include <string>

#include "executor/child_program.hpp"
#include "executor/launch.hpp"

namespace executor {

LaunchFailure describe_failure(const FailureRecord& record, const std::string& what);
// Reads the status pipe to its end: nothing when the program was executed. Blocks until known.
std::optional<LaunchFailure> read_failure(int status_fd);

}  // namespace executor
