// launch(): one container from its description to a running pid 1. The parent compiles everything
// (seccomp program, mount list, environment) into one flat ChildProgram; the child after clone3
// only makes system calls, and a failure comes back as step, object and errno over a close-on-exec
// pipe.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/paths.hpp"
#include "base/process.hpp"
#include "image/rootfs.hpp"
#include "planner/desired.hpp"

namespace executor {

struct LaunchRequest {
  const planner::Container& container;
  const image::Rootfs& rootfs;
  const base::ProjectPaths& paths;
  // Network namespace to join: pinned path, "" for the host's own (network_mode: host).
  std::string netns;
  // Standard descriptors of the container; for a tty all three are the pty's slave (controlling
  // terminal).
  int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1;  // stdin -1: /dev/null
  // True in the supervisor: the new process becomes a child of our parent, the keeper.
  bool clone_parent = false;
};

struct Launched {
  pid_t pid = 0;
  base::PidFd pidfd;
  base::Fd status;  // readable at once when the outcome is known; see launch_outcome
};

// Cgroup must exist (ensure_cgroup); container_run(name) and container_data(name) folders and
// hosts, hostname, resolv.conf under container_run(name)/etc must exist. Returns after clone3; does
// not wait.
Launched launch(const LaunchRequest& request);

// To be called when `status` is readable. Nothing: the program runs (exec succeeded).
// Otherwise the error for people: `exec "ngimx": no such program in the image (PATH=...)`.
struct LaunchFailure {
  std::string text;
  std::string hint;
  int errnum = 0;
  bool no_such_program = false;  // rather than anything else that is not there
};
std::optional<LaunchFailure> launch_outcome(const Launched& launched);

// Writes hosts, hostname and resolv.conf of the container under container_run(name)/etc. `hosts`:
// "address name name..." lines besides localhost and the container's own.
void write_etc(const planner::Container& container, const base::ProjectPaths& paths,
               const std::vector<std::string>& hosts);
// What a container on a network of ours takes of the machine's resolv.conf, as docker has it: its
// search list and its options, each where the stack file gives none.
std::string inherited_resolv_lines(const planner::Container& container,
                                   const std::string& host_resolv_conf);
// The folders a container needs (run, data, upper, work, etc), with modes; idempotent.
void make_container_dirs(const planner::Container& container, const base::ProjectPaths& paths);
// Everything a removed container leaves: upper directory, records, logs. The cgroup must be gone.
void remove_container_dirs(const std::string& name, const base::ProjectPaths& paths);
// Its folder DATA/volumes/NAME; throws base::Error for what is no volume's name.
std::string volume_dir(const std::string& name, const base::Roots& roots);
// Where its content lies: DATA/volumes/NAME/_data, or the folder of the host that it is.
std::string volume_content(const planner::MountSpec& mount, const base::Roots& roots);
std::string volume_content(const std::string& name,
                           const base::Roots& roots);  // as it is described
// Creates the volume's folder DATA/volumes/NAME/_data when absent.
void ensure_volume(const planner::Volume& volume, const base::Roots& roots);
// Writes down labels and driver_opts of a volume that is there.
void describe_volume(const planner::Volume& volume, const base::Roots& roots);
void remove_volume(const std::string& name, const base::Roots& roots);
std::vector<std::string> list_volumes(const base::Roots& roots);
// Those it was made with; none when nothing is known of it.
std::map<std::string, std::string> volume_labels(const std::string& name, const base::Roots& roots);
std::map<std::string, std::string> volume_options(const std::string& name,
                                                  const base::Roots& roots);

}  // namespace executor
