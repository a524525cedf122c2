// Stack: the model of a stack file, total: defaults applied, references checked, paths absolute,
// no YAML types. To add a key of the Compose Specification: add the field here with its default
// in the comment, read it in resolve_*.cpp, set its row in schema_*.cpp, carry it to
// planner::Container in planner/desire.cpp where it has an effect.
// Source of every default: https://github.com/compose-spec/compose-spec (05-services.md ff.).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/text.hpp"
#include "spec/place.hpp"
#include "spec/stack_parts.hpp"

namespace spec {

struct Node;

enum class RestartMode : std::uint8_t { No, Always, OnFailure, UnlessStopped };
struct RestartPolicy {
  RestartMode mode = RestartMode::No;
  unsigned max_retries = 0;               // tries that failed, one after the other; 0: unlimited
  std::optional<Duration> delay, window;  // deploy.restart_policy; none: docker's back-off

  bool operator==(const RestartPolicy&) const = default;
};

// Of a service or an image, zero says nothing: the image's holds, else the default written here.
struct Healthcheck {
  bool disabled = false;
  std::vector<std::string> test;  // {"CMD", ...} or {"CMD-SHELL", text}; empty: the image's
  Duration interval = std::chrono::seconds(30);
  Duration timeout = std::chrono::seconds(30);
  Duration start_period{0};
  Duration start_interval = std::chrono::seconds(5);
  unsigned retries = 3;

  bool operator==(const Healthcheck&) const = default;
  // One that says nothing.
  static Healthcheck unsaid() {
    return {.interval = Duration(0),
            .timeout = Duration(0),
            .start_interval = Duration(0),
            .retries = 0};
  }
};

enum class Protocol : std::uint8_t { Tcp, Udp };
// An interval of ports, never a list: 1:1 when published_count == target_count; one free port out
// of the published interval when target_count is 1; published_first 0: the kernel's choice.
struct Port {
  std::optional<base::IpAddress> host_address;  // none: every address of the host, v4 and v6
  std::uint16_t published_first = 0;
  std::uint16_t published_count = 0;
  std::uint16_t target_first = 0;
  std::uint16_t target_count = 1;
  Protocol protocol = Protocol::Tcp;
  std::string name, app_protocol, mode = "ingress";
  Place place;
};

// Whether one number at both addresses is one port of the host; none: every address of both
// families.
inline bool share_ports(const std::optional<base::IpAddress>& a,
                        const std::optional<base::IpAddress>& b) {
  if (!a || !b) return true;
  return a->family == b->family && (a->is_unspecified() || b->is_unspecified() || *a == *b);
}
// One port of the host out of several: whichever is free.
inline bool is_choice(const Port& port) {
  return port.published_first != 0 && port.published_count > 1 && port.target_count == 1;
}

enum class MountType : std::uint8_t { Bind, Volume, Tmpfs };
struct Mount {
  MountType type = MountType::Volume;
  std::string source;  // bind: absolute host path; volume: key in Stack::volumes, empty: anonymous
  std::string target;  // absolute path inside
  bool read_only = false;
  bool create_host_path = true;          // bind; short syntax: true
  std::string propagation = "rprivate";  // bind
  bool nocopy = false;                   // volume
  std::string subpath;                   // volume
  std::uint64_t tmpfs_size = 0;          // bytes, 0: kernel default
  std::uint32_t tmpfs_mode = 0;          // 0: 01777
  std::string tmpfs_options;             // short `tmpfs: /run:size=64k,uid=1`: the raw rest
  Place place;
};
// /proc and what lies in it is the kernel's: nothing is mounted there. A clean path.
inline bool is_kernels_own(const std::string& target) {
  return target == "/proc" || base::starts_with(target, "/proc/");
}

struct Attachment {
  std::string network;  // key in Stack::networks
  std::vector<std::string> aliases;
  std::optional<base::IpAddress> ipv4_address, ipv6_address;
  std::string mac_address;
  int priority = 0;
  int gw_priority = 0;
  Place place;
};

enum class NetworkModeKind : std::uint8_t { Networks, None, Host, Service, Container };
struct NetworkMode {
  NetworkModeKind kind = NetworkModeKind::Networks;
  std::string name;  // of the service or container
};

enum class Condition : std::uint8_t { Started, Healthy, CompletedSuccessfully };
struct Dependency {
  std::string service;
  Condition condition = Condition::Started;
  bool required = true;
  bool restart = false;
  bool implicit = false;  // from links, network_mode, volumes_from, ...: not printed by config
  Place place;
};

struct Limits {
  std::optional<std::uint64_t> memory, memory_reservation;  // bytes
  std::optional<std::int64_t> memory_swap;                  // bytes, memory + swap; -1: unlimited
  std::optional<double> cpus;                               // of one CPU
  std::optional<std::uint64_t> cpu_shares;                  // v1 weight, 1024 is normal
  std::optional<std::int64_t> cpu_quota, cpu_period;        // microseconds
  std::string cpuset;                                       // "0-3,5"
  std::optional<std::int64_t> pids;                         // -1: unlimited

  bool operator==(const Limits&) const = default;
};

struct Ulimit {
  std::int64_t soft = 0, hard = 0;  // -1: unlimited

  bool operator==(const Ulimit&) const = default;
};

struct Device {
  std::string source, target, permissions = "rwm";

  bool operator==(const Device&) const = default;
};

struct Logging {
  std::string driver;  // empty: local
  StringMap options;   // max-size, max-file, mode, ...

  bool operator==(const Logging&) const = default;
};

struct Service {
  std::string name;
  Place place;
  Located<std::string> image;
  std::optional<std::vector<std::string>> command;  // set and empty: clears the image's
  std::optional<std::vector<std::string>> entrypoint;
  StringMap
      environment;  // env_file merged in; a name without a value takes the shell's or is absent
  std::string working_dir;
  Located<std::string> user;  // "", "1000", "name:group"
  std::vector<std::string> group_add;
  std::string hostname, domainname, container_name;
  std::vector<Port> ports;
  std::vector<std::string> expose;
  std::vector<Mount> mounts;  // volumes and tmpfs
  std::vector<Attachment> networks;
  NetworkMode network_mode;
  std::vector<Dependency> depends_on;
  std::optional<Healthcheck> healthcheck;
  RestartPolicy restart;           // deploy.restart_policy over restart, as docker compose has it
  bool restart_unhealthy = false;  // x-stack: {on-unhealthy: restart}
  std::string stop_signal;         // "": the image's, else SIGTERM
  Duration stop_grace_period = std::chrono::seconds(10);
  bool init = false, tty = false, stdin_open = false, read_only = false, privileged = false;
  bool attach = true;                          // a foreground `up` shows its logs
  std::vector<std::string> cap_add, cap_drop;  // without the prefix CAP_, upper case, or "ALL"
  std::vector<std::string> security_opt;       // as written
  std::map<std::string, Ulimit> ulimits;
  StringMap sysctls;
  std::uint64_t shm_size = 64U << 20U;
  std::vector<Device> devices;
  Limits limits;
  unsigned replicas = 1;
  StringMap labels;
  std::vector<std::string> extra_hosts;  // "name=address"; address may be "host-gateway"
  std::vector<std::string> dns, dns_search, dns_opt;
  Logging logging;
  std::string pid_mode, ipc_mode, uts_mode, cgroup_mode;
  std::string platform, pull_policy, runtime;
  std::optional<int> oom_score_adj;
  std::vector<std::string> profiles;
  ServiceExtras extras;  // read and checked, most without effect yet
};

struct Network {
  std::string key;
  std::string name;  // full: PROJECT_KEY unless `name:` says otherwise
  std::string driver = "bridge";
  bool internal = false, external = false, enable_ipv6 = false;
  std::vector<base::Cidr> subnets;        // ipam, at most one a family
  std::vector<base::IpAddress> gateways;  // ipam
  StringMap driver_opts, labels;
  std::optional<base::IpAddress> host_binding;  // of driver_opts: where ports without an address go
  Place place;
};

struct Volume {
  std::string key;
  std::string name;  // full
  bool external = false;
  std::string driver;
  StringMap driver_opts, labels;  // driver_opts: read_volume_options()
  Place place;
  Place device_place;  // of driver_opts.device
};

struct Stack {
  std::string name;                // the project
  std::string working_dir;         // project directory, absolute
  std::vector<std::string> files;  // as shown to people; Place::file indexes it
  std::vector<std::string>
      config_files;  // the stack files themselves, absolute; "-": standard input
  std::map<std::string, Service> services;
  std::map<std::string, Network> networks;  // only those in use, "default" included
  std::map<std::string, Volume> volumes;    // only those in use
  std::map<std::string, FileObject> configs, secrets;
  std::map<std::string, Model> models;

  // What the files say, merged and in long form, with only the defaults that docker compose adds:
  // what `config` prints. Not there in a Stack that load() did not make.
  std::shared_ptr<const Node> canonical;

  // "app.yaml:3:5", or empty when the place is not known.
  [[nodiscard]] std::string describe(const Place& place) const;
};

}  // namespace spec
