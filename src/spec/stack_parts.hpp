// The parts of a service, most without effect here yet, and configs, secrets and models: typed like
// the rest of the Stack, so that what honours them later finds them read and checked.
// Source: https://github.com/compose-spec/compose-spec (05-services.md, build.md, deploy.md,
// develop.md, 08-configs.md, 09-secrets.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "spec/place.hpp"

namespace spec {

using base::Duration;
using StringMap = std::map<std::string, std::string>;

// Of a config or secret by a service; `source` is its key in the Stack.
struct FileReference {
  std::string source, target;
  std::string uid, gid;
  std::optional<std::uint32_t> mode;  // nothing: 0444
  Place place;
};

// A config or secret; one of file, environment, content, unless it is external.
struct FileObject {
  std::string key, name;
  std::string file;  // absolute
  std::string environment;
  std::string content;    // of `content`, or the value of the variable
  bool is_unset = false;  // there is no such variable
  bool external = false;
  std::string driver, template_driver;
  StringMap driver_opts, labels;
  Place place, source_place;  // of its key; of its file, environment, content or external
};

struct Model {
  std::string key, name, model;
  std::int64_t context_size = 0;
  std::vector<std::string> runtime_flags;
  Place place;
};
struct ModelUse {
  std::string model;  // key in Stack::models
  std::string endpoint_variable, model_variable;
};

struct UlimitText {
  std::int64_t soft = 0, hard = 0;
};

struct Build {
  std::string context, dockerfile, dockerfile_inline, target, network, isolation;
  StringMap args, labels, additional_contexts;
  std::vector<std::string> cache_from, cache_to, entitlements, extra_hosts, no_cache_filter;
  std::vector<std::string> platforms, ssh, tags;
  std::vector<FileReference> secrets;
  std::map<std::string, UlimitText> ulimits;
  std::string provenance, sbom;
  std::uint64_t shm_size = 0;
  bool no_cache = false, privileged = false, pull = false;
  Place place;
};

// post_start, pre_stop; pre_start, whose steps may have an image of their own.
struct Hook {
  std::vector<std::string> command;
  std::string user, working_dir, image;
  StringMap environment;
  bool privileged = false, per_replica = false;
  Place place;
};

struct DeviceRequest {
  std::string driver;
  std::int64_t count = 0;  // -1: all
  std::vector<std::string> ids, capabilities;
  StringMap options;
};

struct UpdatePolicy {
  std::optional<std::uint64_t> parallelism;
  Duration delay{0}, monitor{0};
  std::string failure_action, order;
  double max_failure_ratio = 0;
};
struct DeployRestart {
  std::string condition;
  std::optional<Duration> delay, window;
  std::optional<std::uint64_t> max_attempts;
};
// Limits and replicas are in Service itself.
struct Deploy {
  std::string mode, endpoint_mode;
  StringMap labels;
  std::vector<std::string> constraints, spread;
  std::uint64_t max_replicas_per_node = 0;
  std::optional<double> reserved_cpus;
  std::vector<DeviceRequest> devices;
  std::map<std::string, std::int64_t> generic_resources;  // by kind
  std::optional<UpdatePolicy> update, rollback;
  std::optional<DeployRestart> restart;
};

struct WatchRule {
  std::string path, action, target;
  std::vector<std::string> include, ignore;
  bool initial_sync = false;
  std::optional<Hook> exec;
  Place place;
};

struct BlockLimits {
  unsigned weight = 0;  // 10 to 1000; 0: the kernel's
  std::map<std::string, std::uint64_t> device_weights;
  std::map<std::string, std::uint64_t> read_bps, write_bps, read_iops, write_iops;
};

struct Provider {
  std::string type;
  std::map<std::string, std::vector<std::string>> options;
};

struct CredentialSpec {
  std::string config, file, registry;
};

// The plain keys of a service that nothing honours yet.
struct ServiceExtras {
  StringMap annotations, storage_opt;
  std::string cgroup_parent, isolation, mac_address, pull_refresh_after, userns_mode;
  std::vector<std::string> device_cgroup_rules, external_links, links, volumes_from;
  std::int64_t cpu_count = 0, cpu_rt_period = 0, cpu_rt_runtime = 0, mem_swappiness = -1;
  double cpu_percent = 0;
  bool oom_kill_disable = false, use_api_socket = false;
  std::optional<Build> build;
  std::optional<Deploy> deploy;
  std::optional<BlockLimits> block_limits;
  std::optional<Provider> provider;
  std::optional<CredentialSpec> credential_spec;
  std::vector<FileReference> configs, secrets;
  std::vector<ModelUse> models;
  std::vector<DeviceRequest> gpus;
  std::vector<Hook> pre_start, post_start, pre_stop;
  std::vector<WatchRule> watch;
};

}  // namespace spec
