// The system call filter of a container: our allow-list, or a profile file in docker's format,
// compiled with libseccomp (used in seccomp.cpp only) into BPF. Must not know containers; the child
// installs the result.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "executor/capabilities.hpp"

namespace executor {

// A rule for some calls, in the terms of docker's JSON format.
struct SyscallRule {
  std::vector<std::string> names;
  enum class Action : std::uint8_t {
    Allow,
    Errno,
    Kill,
    KillProcess,
    Trap,
    Log
  } action = Action::Allow;
  std::optional<unsigned> errnum;  // Action::Errno; nothing: EPERM
  struct Argument {
    unsigned index = 0;
    std::uint64_t value = 0, value_two = 0;
    enum class Compare : std::uint8_t { Ne, Lt, Le, Eq, Ge, Gt, Masked } compare = Compare::Eq;
  };
  std::vector<Argument> arguments;        // all must hold
  std::vector<std::string> with_caps;     // applies only when the container has all of them
  std::vector<std::string> without_caps;  // ... has none of them
  std::vector<std::string> with_arches, without_arches;  // "amd64", "arm64"
  std::string min_kernel;                                // "4.8"
};

struct SeccompProfile {
  SyscallRule::Action fallback = SyscallRule::Action::Errno;
  std::optional<unsigned> fallback_errnum;
  std::vector<SyscallRule> rules;
};

// Ours: the well-known container allow-list; refused calls that the list knows give EPERM, numbers
// unknown to everybody ENOSYS, so that a C library newer than the list falls back.
SeccompProfile default_profile();
// Throws base::Error naming file and fault.
SeccompProfile parse_profile(const std::string& text, const std::string& file);

// The compiled filter for a container with these capabilities; null for "unconfined". Kept for the
// life of the process: compiling takes milliseconds. `profile`: "" ours, "unconfined", or the path
// of a file.
const std::vector<sock_filter>* seccomp_filter(const std::string& profile,
                                               CapabilitySet capabilities);

}  // namespace executor
