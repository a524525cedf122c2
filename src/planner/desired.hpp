// DesiredState: what shall run, fixed in every detail: names, addresses, ports, argv. Plain
// values that survive a round trip through JSON; the executor needs nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "netfab/fabric.hpp"
#include "spec/stack.hpp"

namespace planner {

struct Network {
  std::string key;   // in the stack file
  std::string name;  // full
  bool external = false;
  bool enable_ipv6 = false;
  netfab::Bridge bridge;
  std::map<std::string, std::string> labels;

  bool operator==(const Network&) const = default;
};

struct Volume {
  std::string key, name;
  bool external = false;
  std::map<std::string, std::string> driver_opts, labels;

  bool operator==(const Volume&) const = default;
};

struct MountSpec {
  spec::MountType type = spec::MountType::Bind;
  std::string source;  // bind: host path; volume: full name
  std::string target;
  bool read_only = false;
  bool create_host_path = true;
  std::string propagation = "rprivate";
  bool nocopy = false;
  std::string subpath;
  // volume: what its driver_opts make of it, spec::VolumePlace.
  std::string device;
  bool recursive = false;
  std::uint64_t tmpfs_size = 0;
  std::uint32_t tmpfs_mode = 0;
  std::string tmpfs_options;

  bool operator==(const MountSpec&) const = default;
};

// A config or secret inside: a read-only file. What it holds is nobody's to see: it stays out of
// plans that are shown (file_objects.hpp).
struct FileSpec {
  std::string source;   // its key in the stack file
  std::string target;   // absolute, clean
  std::string file;     // absolute: bound from the host as it is; "": made of `content`
  std::string content;  // base64
  std::uint32_t mode = 0444, uid = 0, gid = 0;  // of one that is made

  bool operator==(const FileSpec&) const = default;
};

// A container's place on one network; `netfab::Endpoint` has the kernel's side.
struct EndpointSpec {
  std::string network;               // full name
  std::vector<std::string> aliases;  // names it answers to there: service, container, aliases
  netfab::Endpoint link;

  bool operator==(const EndpointSpec&) const = default;
};

enum class NetworkKind : std::uint8_t { Own, None, Host, Container };

struct DependencySpec {
  std::string container;  // every replica of the service is listed
  spec::Condition condition = spec::Condition::Started;
  bool required = true;
  bool restart = false;

  bool operator==(const DependencySpec&) const = default;
};

// A program run inside the container, like `exec`: after its start, before its stop. Or a step
// before its start, in a container of its own: then with an image, where it has another one.
struct HookSpec {
  std::vector<std::string> command;
  std::string user, working_dir;         // "": the container's
  std::vector<std::string> environment;  // "NAME=value", over the container's
  bool privileged = false;
  std::string image, image_id;
  bool per_replica = false;

  bool operator==(const HookSpec&) const = default;
};

struct Container {
  std::string name;  // PROJECT-SERVICE-INDEX or container_name
  std::string service;
  unsigned index = 1;
  std::string image;              // reference as written
  std::string image_id;           // what it resolved to: a changed image is a change
  std::vector<std::string> argv;  // entrypoint + command, image's defaults applied; never empty
  std::vector<std::string> environment;  // "NAME=value", sorted
  std::string working_dir = "/";
  std::string user;  // "", "uid[:gid]", "name[:group]"; resolved inside the container's root
  std::vector<std::string> group_add;
  std::string hostname, domainname;
  std::vector<MountSpec> mounts;
  std::vector<FileSpec> configs, secrets;
  NetworkKind network = NetworkKind::Own;
  std::string network_container;  // NetworkKind::Container: whose namespace is shared
  std::vector<EndpointSpec> endpoints;
  std::vector<netfab::PublishedPort> ports;
  std::vector<DependencySpec> depends_on;
  std::optional<spec::Healthcheck> healthcheck;
  spec::RestartPolicy restart;
  // pre_start: what its steps were when it was started; another list makes another container.
  std::vector<HookSpec> pre_start, post_start, pre_stop;
  base::Duration stop_grace_period = std::chrono::seconds(10);
  int stop_signal = 15;
  bool init = false, tty = false, stdin_open = false, read_only = false, privileged = false;
  bool no_new_privileges = true, restart_unhealthy = false;
  bool oneoff = false;       // made by `run`: no replica of its service, never started again
  bool auto_remove = false;  // `run --rm`: goes when it has ended
  unsigned step = 0;         // n: the n-th of its service's `pre_start`, no replica; 0: none
  std::vector<std::string> cap_add, cap_drop;
  std::string seccomp;  // "": ours; "unconfined"; else the absolute path of a profile
  std::map<std::string, spec::Ulimit> ulimits;
  std::map<std::string, std::string> sysctls;
  std::uint64_t shm_size = 64U << 20U;
  std::vector<spec::Device> devices;
  spec::Limits limits;
  std::optional<int> oom_score_adj;
  std::map<std::string, std::string> labels;
  std::vector<std::string> extra_hosts;  // "name=address"
  std::vector<std::string> dns, dns_search, dns_opt;
  spec::Logging logging;
  std::string place;  // "app.yaml:3:5" of the service, for errors at run time; never a difference

  bool operator==(const Container&) const = default;
};

struct DesiredState {
  std::string project;
  std::string working_dir;
  std::vector<std::string> config_files;
  std::vector<std::string> services;  // every service of the file, also those with no replica
  std::vector<Network> networks;
  std::vector<Volume> volumes;
  std::vector<Container> containers;

  bool operator==(const DesiredState&) const = default;
  [[nodiscard]] const Container* container(const std::string& name) const;
  [[nodiscard]] const Network* network(const std::string& name) const;
  [[nodiscard]] const Volume* volume(const std::string& name) const;
};

void to_json(nlohmann::json& out, const Container& value);
void from_json(const nlohmann::json& in, Container& value);
void to_json(nlohmann::json& out, const DesiredState& value);
void from_json(const nlohmann::json& in, DesiredState& value);
// The same, short, fields at their default left out, with `version`: for files that are read often.
std::string compact_json(const DesiredState& state, int version);

// The text a container's record file holds and that the next plan compares: equal text, no change.
// Compact JSON in a fixed order, fields at their default left out (so that a newer program with
// more fields sees no change), without `place` and `ports` (published ports belong to the stack).
std::string fingerprint(const Container& container);
// The container of a fingerprint; throws base::Error when the text is not one.
Container parse_fingerprint(const std::string& text);

// ---- desire(): Stack → DesiredState -------------------------------------------------------------

// What an image says about itself; defaults under what the stack file says.
struct ImageFacts {
  std::string id;
  std::vector<std::string> entrypoint, command, environment;
  std::string working_dir, user, stop_signal;
  std::vector<std::string> volumes;  // paths
  std::optional<spec::Healthcheck> healthcheck;
  std::map<std::string, std::string> labels;
};

// Addresses given out before, of one network: kept stable.
struct NetworkLeases {
  // One a family. Host bits set: that address is the gateway (a bridge's addresses serve as they
  // are).
  std::vector<base::Cidr> subnets;
  bool internal = false;                                          // of an external network
  std::map<std::string, std::vector<base::IpAddress>> addresses;  // "project/container" → v4, v6
};

// Everything `desire` must know of the world besides the stack; gathered by the caller.
struct World {
  std::map<std::string, ImageFacts> images;       // by image_key()
  std::set<std::string> absent_images;            // of services that are not asked for: not here
  std::map<std::string, NetworkLeases> networks;  // by full name
  std::map<std::string, spec::StringMap>
      volume_options;                               // driver_opts of external volumes, by name
  std::vector<base::Cidr> routes;                   // every prefix the host routes or holds
  std::vector<base::Cidr> taken;                    // subnets of other networks of ours
  std::map<std::string, std::uint16_t> host_ports;  // by host_port_key(): earlier choice, kept
  // Host sides (the target is not set) that somebody else holds, of intervals to choose from.
  std::set<netfab::PublishedPort> held_ports;
  // "container|network" → its place there as it is, kept where the file says nothing about order: a
  // network that comes or goes leaves the interfaces of the others alone.
  std::map<std::string, netfab::Endpoint> links;
  // By absolute path, of configs and secrets that have a `file`.
  struct FileFact {
    std::string problem;  // why it cannot serve, or empty
    std::string content;  // base64; only of those that are copied
  };
  std::map<std::string, FileFact> files;
  // Services that are not asked for: what their files lack is no error, they stay as recorded.
  struct RecordedFiles {
    std::vector<FileSpec> configs, secrets;
  };
  std::map<std::string, RecordedFiles> aside;
};

// The reference as written, with the platform when one is asked for.
inline std::string image_key(const spec::Service& service) {
  return service.platform.empty() ? service.image.value
                                  : service.image.value + "#" + service.platform;
}

struct KernelNames {
  // Hashes root + kind + name: base::Roots::tag, passed in to keep this pure.
  virtual ~KernelNames() = default;
  [[nodiscard]] virtual std::string tag(const std::string& kind, const std::string& name) const = 0;
  [[nodiscard]] virtual std::string netns(const std::string& container) const = 0;
};

// Throws spec::SpecError or base::Error (pool exhausted, address taken). Deterministic.
DesiredState desire(const spec::Stack& stack, const World& world, const KernelNames& names);

// A published port whose host side is the kernel's choice and not chosen yet (host_port 0): the
// caller sets it in all `entries` (v4 and v6 of one port) before planning. Pointers live as long as
// `desired`.
struct UnassignedPort {
  std::string key;  // as in World::host_ports
  std::vector<netfab::PublishedPort*> entries;
};
std::vector<UnassignedPort> unassigned_ports(DesiredState& desired);
// "container|tcp|8080", and "|127.0.0.1" behind it where the port is published at one address.
std::string host_port_key(const Container& container, const netfab::PublishedPort& port);
// What World::host_ports should be for the next desire() of `stack`: without the numbers that the
// file itself gives to a container.
std::map<std::string, std::uint16_t> assigned_ports(const DesiredState& desired,
                                                    const spec::Stack& stack);

}  // namespace planner
