// What has no effect yet, read into its types all the same; and configs, secrets and models.
#include "base/text.hpp"
#include "spec/resolve.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

class ExtrasReader {
 public:
  explicit ExtrasReader(const Node& node) : node_(node) {}

  [[nodiscard]] const Node& node() const { return node_; }
  [[nodiscard]] std::string text(std::string_view key) const { return node_.text_of(key); }
  [[nodiscard]] bool flag(std::string_view key) const {
    const Node* child = node_.find(key);
    return child != nullptr && child->is_true();
  }
  [[nodiscard]] std::int64_t number(std::string_view key, std::int64_t otherwise = 0) const {
    return base::parse_int(text(key)).value_or(otherwise);
  }
  [[nodiscard]] std::optional<std::uint64_t> count(std::string_view key) const {
    return base::parse_uint(text(key));
  }
  [[nodiscard]] double real(std::string_view key) const {
    return base::parse_double(text(key)).value_or(0);
  }
  [[nodiscard]] std::optional<Duration> duration(std::string_view key) const {
    const Node* child = node_.find(key);
    return child == nullptr ? std::nullopt : parse_duration(child->text);
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view key) const {
    std::vector<std::string> out;
    each(key, [&](const Node& item) { out.push_back(item.text); });
    return out;
  }
  [[nodiscard]] StringMap map(std::string_view key) const {
    StringMap out;
    read_map(node_, key, out);
    return out;
  }
  template <class Action>
  void each(std::string_view key, Action action) const {
    const Node* child = node_.find(key);
    if (child == nullptr) return;
    for (const Node& item : child->children) action(item);
  }

 private:
  const Node& node_;
};

FileReference reference(const Node& node) {
  const ExtrasReader read(node);
  FileReference out{
      read.text("source"), read.text("target"), read.text("uid"), read.text("gid"), {}, node.place};
  if (const Node* mode = node.find("mode")) {
    std::uint32_t value = 0;
    for (const char c : mode->text) value = value * 8 + static_cast<std::uint32_t>(c - '0');
    out.mode = value & 07777U;
  }
  return out;
}

Hook hook(const Node& node) {
  const ExtrasReader read(node);
  Hook out;
  out.command = read.list("command");
  out.user = read.text("user");
  out.working_dir = read.text("working_dir");
  out.image = read.text("image");
  out.environment = read.map("environment");
  out.privileged = read.flag("privileged");
  out.per_replica = read.flag("per_replica");
  out.place = node.place;
  return out;
}

DeviceRequest device_request(const Node& node) {
  const ExtrasReader read(node);
  return {read.text("driver"), read.number("count"), read.list("device_ids"),
          read.list("capabilities"), read.map("options")};
}

Build build(const Node& node) {
  const ExtrasReader read(node);
  Build out;
  out.context = read.text("context");
  out.dockerfile = read.text("dockerfile");
  out.dockerfile_inline = read.text("dockerfile_inline");
  out.target = read.text("target");
  out.network = read.text("network");
  out.isolation = read.text("isolation");
  out.args = read.map("args");
  out.labels = read.map("labels");
  out.additional_contexts = read.map("additional_contexts");
  out.cache_from = read.list("cache_from");
  out.cache_to = read.list("cache_to");
  out.entitlements = read.list("entitlements");
  out.extra_hosts = read.list("extra_hosts");
  out.no_cache_filter = read.list("no_cache_filter");
  out.platforms = read.list("platforms");
  out.ssh = read.list("ssh");
  out.tags = read.list("tags");
  read.each("secrets", [&](const Node& item) { out.secrets.push_back(reference(item)); });
  read.each("ulimits", [&](const Node& item) {
    const bool pair = item.is_map();
    out.ulimits[item.key] = {base::parse_int(pair ? item.text_of("soft") : item.text).value_or(-1),
                             base::parse_int(pair ? item.text_of("hard") : item.text).value_or(-1)};
  });
  out.provenance = read.text("provenance");
  out.sbom = read.text("sbom");
  out.shm_size = read.count("shm_size").value_or(0);
  out.no_cache = read.flag("no_cache");
  out.privileged = read.flag("privileged");
  out.pull = read.flag("pull");
  out.place = node.key_place;
  return out;
}

UpdatePolicy update_policy(const Node& node) {
  const ExtrasReader read(node);
  UpdatePolicy out;
  out.parallelism = read.count("parallelism");
  out.delay = read.duration("delay").value_or(Duration(0));
  out.monitor = read.duration("monitor").value_or(Duration(0));
  out.failure_action = read.text("failure_action");
  out.order = read.text("order");
  out.max_failure_ratio = read.real("max_failure_ratio");
  return out;
}

void placement(const Node& node, Deploy& out) {
  const ExtrasReader read(node);
  out.constraints = read.list("constraints");
  read.each("preferences", [&](const Node& item) { out.spread.push_back(item.text_of("spread")); });
  out.max_replicas_per_node = read.count("max_replicas_per_node").value_or(0);
}

void reservations(const Node& node, Deploy& out) {
  const ExtrasReader read(node);
  if (node.find("cpus") != nullptr) out.reserved_cpus = read.real("cpus");
  read.each("devices", [&](const Node& item) { out.devices.push_back(device_request(item)); });
  read.each("generic_resources", [&](const Node& item) {
    if (const Node* discrete = item.find("discrete_resource_spec")) {
      out.generic_resources[discrete->text_of("kind")] = ExtrasReader(*discrete).number("value");
    }
  });
}

Deploy deploy(const Node& node) {
  const ExtrasReader read(node);
  Deploy out;
  out.mode = read.text("mode");
  out.endpoint_mode = read.text("endpoint_mode");
  out.labels = read.map("labels");
  if (const Node* part = node.find("placement")) placement(*part, out);
  if (const Node* resources = node.find("resources")) {
    if (const Node* part = resources->find("reservations")) reservations(*part, out);
  }
  if (const Node* part = node.find("update_config")) out.update = update_policy(*part);
  if (const Node* part = node.find("rollback_config")) out.rollback = update_policy(*part);
  if (const Node* part = node.find("restart_policy")) {
    const ExtrasReader policy(*part);
    out.restart = DeployRestart{policy.text("condition"), policy.duration("delay"),
                                policy.duration("window"), policy.count("max_attempts")};
  }
  return out;
}

WatchRule watch_rule(const Node& node) {
  const ExtrasReader read(node);
  WatchRule out;
  out.path = read.text("path");
  out.action = read.text("action");
  out.target = read.text("target");
  out.include = read.list("include");
  out.ignore = read.list("ignore");
  out.initial_sync = read.flag("initial_sync");
  if (const Node* exec = node.find("exec")) out.exec = hook(*exec);
  out.place = node.place;
  return out;
}

BlockLimits block_limits(const Node& node) {
  const ExtrasReader read(node);
  BlockLimits out;
  out.weight = static_cast<unsigned>(read.count("weight").value_or(0));
  const auto devices = [&](std::string_view key, std::string_view value, auto& into) {
    read.each(key, [&](const Node& item) {
      into[item.text_of("path")] = base::parse_uint(item.text_of(value)).value_or(0);
    });
  };
  devices("weight_device", "weight", out.device_weights);
  devices("device_read_bps", "rate", out.read_bps);
  devices("device_write_bps", "rate", out.write_bps);
  devices("device_read_iops", "rate", out.read_iops);
  devices("device_write_iops", "rate", out.write_iops);
  return out;
}

Provider provider(const Node& node) {
  const ExtrasReader read(node);
  Provider out;
  out.type = read.text("type");
  read.each("options", [&](const Node& option) {
    for (const Node& item : option.children) out.options[option.key].push_back(item.text);
  });
  return out;
}

void plain_keys(const ExtrasReader& read, ServiceExtras& out) {
  out.annotations = read.map("annotations");
  out.storage_opt = read.map("storage_opt");
  out.cgroup_parent = read.text("cgroup_parent");
  out.isolation = read.text("isolation");
  out.mac_address = read.text("mac_address");
  out.pull_refresh_after = read.text("pull_refresh_after");
  out.userns_mode = read.text("userns_mode");
  out.device_cgroup_rules = read.list("device_cgroup_rules");
  out.external_links = read.list("external_links");
  out.links = read.list("links");
  out.volumes_from = read.list("volumes_from");
  out.cpu_count = read.number("cpu_count");
  out.cpu_rt_period = read.number("cpu_rt_period");
  out.cpu_rt_runtime = read.number("cpu_rt_runtime");
  out.mem_swappiness = read.number("mem_swappiness", -1);
  out.cpu_percent = read.real("cpu_percent");
  out.oom_kill_disable = read.flag("oom_kill_disable");
  out.use_api_socket = read.flag("use_api_socket");
}

FileObject file_object(const Node& node, const Environment& environment) {
  const ExtrasReader read(node);
  FileObject out;
  out.key = node.key;
  out.name = read.text("name");
  out.file = read.text("file");
  out.environment = read.text("environment");
  out.content = read.text("content");
  if (!out.environment.empty()) {
    const auto value = environment.find(out.environment);
    out.is_unset = !value;
    out.content = value.value_or("");
  }
  out.external = read.flag("external");
  out.driver = read.text("driver");
  out.template_driver = read.text("template_driver");
  out.driver_opts = read.map("driver_opts");
  out.labels = read.map("labels");
  out.place = node.key_place;
  out.source_place = node.key_place;
  for (const char* key : {"file", "environment", "content", "external"}) {
    if (const Node* source = node.find(key)) out.source_place = source->place;
  }
  return out;
}

}  // namespace

void resolve_extras(const Node& node, ServiceExtras& out) {
  const ExtrasReader read(node);
  plain_keys(read, out);
  if (const Node* part = node.find("build")) out.build = build(*part);
  if (const Node* part = node.find("deploy"); part && part->is_map()) out.deploy = deploy(*part);
  if (const Node* part = node.find("blkio_config")) out.block_limits = block_limits(*part);
  if (const Node* part = node.find("provider")) out.provider = provider(*part);
  if (const Node* part = node.find("credential_spec")) {
    out.credential_spec =
        CredentialSpec{part->text_of("config"), part->text_of("file"), part->text_of("registry")};
  }
  read.each("configs", [&](const Node& item) { out.configs.push_back(reference(item)); });
  read.each("secrets", [&](const Node& item) { out.secrets.push_back(reference(item)); });
  read.each("models", [&](const Node& item) {
    out.models.push_back({item.key, item.text_of("endpoint_var"), item.text_of("model_var")});
  });
  read.each("gpus", [&](const Node& item) { out.gpus.push_back(device_request(item)); });
  read.each("pre_start", [&](const Node& item) { out.pre_start.push_back(hook(item)); });
  read.each("post_start", [&](const Node& item) { out.post_start.push_back(hook(item)); });
  read.each("pre_stop", [&](const Node& item) { out.pre_stop.push_back(hook(item)); });
  if (const Node* develop = node.find("develop")) {
    ExtrasReader(*develop).each("watch",
                                [&](const Node& item) { out.watch.push_back(watch_rule(item)); });
  }
}

void resolve_file_objects(Resolving& in) {
  const ExtrasReader read(in.document);
  read.each("configs", [&](const Node& item) {
    in.stack.configs[item.key] = file_object(item, in.environment);
  });
  read.each("secrets", [&](const Node& item) {
    in.stack.secrets[item.key] = file_object(item, in.environment);
  });
  read.each("models", [&](const Node& item) {
    const ExtrasReader model(item);
    in.stack.models[item.key] = {item.key,
                                 model.text("name"),
                                 model.text("model"),
                                 model.number("context_size"),
                                 model.list("runtime_flags"),
                                 item.key_place};
  });
}

}  // namespace spec
