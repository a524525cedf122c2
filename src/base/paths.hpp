// Where things of ours lie: the two roots, a project's folders, and the names of kernel objects,
// which are hashed from root + name so that two roots never collide. Pure; creates nothing.
#pragma once

#include <string>

namespace base {

struct Roots {
  std::string data = "/var/lib/stack";  // intent, addresses, images, volumes, logs; survives reboot
  std::string run = "/run/stack";       // what describes live kernel objects; gone after a reboot
  std::string cgroup_parent = "/stack";  // below every hierarchy's mount; STACK_CGROUP_PARENT

  // `root` non-empty: data = root/lib, run = root/run.
  static Roots from(const std::string& root);

  [[nodiscard]] std::string volumes() const { return data + "/volumes"; }
  [[nodiscard]] std::string networks() const { return data + "/networks"; }
  [[nodiscard]] std::string images() const { return data + "/images"; }
  [[nodiscard]] std::string stacks() const { return data + "/stacks"; }
  // Hash of data root + kind + name, 8 hex digits: "br" and a full network name, for example.
  [[nodiscard]] std::string tag(const std::string& kind, const std::string& name) const;
};

// Every folder and kernel name of one stack (project).
struct ProjectPaths {
  ProjectPaths(Roots roots_, std::string project_);

  Roots roots;
  std::string project;
  std::string data;            // DATA/stacks/PROJECT
  std::string run;             // RUN/stacks/PROJECT
  std::string lock;            // data/lock
  std::string desired;         // data/desired.json: what was last brought up
  std::string exits;           // run/exits: written by the keeper
  std::string control_socket;  // abstract name, without the leading NUL
  std::string cgroup;          // relative to each hierarchy: PARENT/PROJECT-HASH
  std::string ports_table;     // nft table of the stack's published ports

  [[nodiscard]] std::string container_data(const std::string& name) const;  // data/containers/NAME
  [[nodiscard]] std::string container_run(const std::string& name) const;   // run/containers/NAME
  [[nodiscard]] std::string container_cgroup(const std::string& name) const;
  [[nodiscard]] std::string log_dir(const std::string& name) const;  // container_data/log
  [[nodiscard]] std::string netns(const std::string& name) const;    // container_run/netns
  [[nodiscard]] std::string record(const std::string& name) const;   // container_run/record.json
  [[nodiscard]] std::string state(const std::string& name) const;    // container_run/state.json
};

}  // namespace base
