// Network namespaces: made, pinned to a path by a bind mount, entered for a moment, unpinned.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/fd.hpp"

namespace netfab {

// A new network namespace pinned at `path` (a file of ours, created when absent): loopback up,
// accept_ra and IPv6 autoconfiguration off, ping and ports below 1024 free of capabilities as
// docker has it. Already pinned: only checked. Throws SysError; leaves nothing half-made behind.
void ensure_netns(const std::string& path);
// Pins the namespace of a running process at `path` when nothing is pinned there any more.
void pin_netns_of(pid_t pid, const std::string& path);
// Unpins and removes the file; absent is fine. The namespace goes with its last process.
void remove_netns(const std::string& path);
// True when `path` is a pinned network namespace (nsfs magic), not a plain file.
bool is_netns(const std::string& path);
base::Fd open_netns(const std::string& path);

// Runs `work` with the calling thread inside the namespace and comes back, also on exceptions. The
// process must be single-threaded (or the caller a helper thread). Failure to come back aborts.
void in_netns(const base::Fd& netns, const std::function<void()>& work);

}  // namespace netfab
