// codec: one list of fields a value type, from which JSON writing, JSON reading and the compact
// fingerprint are made. To add a field to a type: add it to its list here and nowhere else.
// Internal to planner/*.cpp (heavy); must not decide what a difference means (see changes.hpp).
#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/json.hpp"
#include "planner/desired.hpp"
#include "planner/plan.hpp"
#include "planner/plan_file.hpp"

namespace planner::codec {

using nlohmann::json;

// ---- names of enumerators: a stable part of the JSON format ------------------------------------

template <class E>
struct EnumName {
  E value;
  const char* name;
};

template <class E>
struct Names;
template <>
struct Names<spec::MountType> {
  static constexpr EnumName<spec::MountType> list[] = {{spec::MountType::Bind, "bind"},
                                                       {spec::MountType::Volume, "volume"},
                                                       {spec::MountType::Tmpfs, "tmpfs"}};
};
template <>
struct Names<NetworkKind> {
  static constexpr EnumName<NetworkKind> list[] = {{NetworkKind::Own, "own"},
                                                   {NetworkKind::None, "none"},
                                                   {NetworkKind::Host, "host"},
                                                   {NetworkKind::Container, "container"}};
};
template <>
struct Names<spec::Condition> {
  static constexpr EnumName<spec::Condition> list[] = {
      {spec::Condition::Started, "service_started"},
      {spec::Condition::Healthy, "service_healthy"},
      {spec::Condition::CompletedSuccessfully, "service_completed_successfully"}};
};
template <>
struct Names<spec::RestartMode> {
  static constexpr EnumName<spec::RestartMode> list[] = {
      {spec::RestartMode::No, "no"},
      {spec::RestartMode::Always, "always"},
      {spec::RestartMode::OnFailure, "on-failure"},
      {spec::RestartMode::UnlessStopped, "unless-stopped"}};
};
template <>
struct Names<netfab::Protocol> {
  static constexpr EnumName<netfab::Protocol> list[] = {{netfab::Protocol::Tcp, "tcp"},
                                                        {netfab::Protocol::Udp, "udp"}};
};
template <>
struct Names<Kind> {
  static constexpr EnumName<Kind> list[] = {
      {Kind::Supervisor, "supervisor"}, {Kind::Network, "network"}, {Kind::Volume, "volume"},
      {Kind::Endpoint, "endpoint"},     {Kind::Ports, "ports"},     {Kind::Container, "container"}};
};
template <>
struct Names<Action> {
  static constexpr EnumName<Action> list[] = {
      {Action::Create, "create"}, {Action::Prepare, "prepare"}, {Action::Start, "start"},
      {Action::Update, "update"}, {Action::Replace, "replace"}, {Action::Restart, "restart"},
      {Action::Signal, "signal"}, {Action::Pause, "pause"},     {Action::Unpause, "unpause"},
      {Action::Stop, "stop"},     {Action::Remove, "remove"}};
};

template <>
struct Names<Fate> {
  static constexpr EnumName<Fate> list[] = {
      {Fate::Created, "created"},     {Fate::Replaced, "replaced"},
      {Fate::Restarted, "restarted"}, {Fate::Started, "started"},
      {Fate::Stopped, "stopped"},     {Fate::Removed, "removed"},
      {Fate::Signalled, "signalled"}, {Fate::Paused, "paused"},
      {Fate::Unpaused, "unpaused"},   {Fate::Reconnected, "reconnected"},
      {Fate::InPlace, "in place"},    {Fate::Untouched, "untouched"}};
};

template <class E>
const char* name_of(E value) {
  for (const auto& entry : Names<E>::list) {
    if (entry.value == value) return entry.name;
  }
  return Names<E>::list[0].name;
}

// ---- the fields ---------------------------------------------------------------------------------

template <class T>
struct Fields;

#define STACK_FIELDS(TYPE, ...) \
  template <>                   \
  struct Fields<TYPE> {         \
    using Self = TYPE;          \
    template <class F>          \
    static void each(F&& f) {   \
      __VA_ARGS__               \
    }                           \
  };
#define FIELD(NAME) f(#NAME, &Self::NAME);

STACK_FIELDS(netfab::Bridge,
             FIELD(device) FIELD(label) FIELD(table) FIELD(addresses) FIELD(internal) FIELD(mtu))
STACK_FIELDS(netfab::Endpoint, FIELD(device) FIELD(label) FIELD(bridge) FIELD(netns)
                                   FIELD(inner_device) FIELD(addresses) FIELD(gateways) FIELD(mac))
STACK_FIELDS(netfab::PublishedPort,
             FIELD(protocol) FIELD(host_address) FIELD(host_port) FIELD(target) FIELD(target_port))
STACK_FIELDS(spec::Healthcheck, FIELD(disabled) FIELD(test) FIELD(interval) FIELD(timeout)
                                    FIELD(start_period) FIELD(start_interval) FIELD(retries))
STACK_FIELDS(spec::RestartPolicy, FIELD(mode) FIELD(max_retries) FIELD(delay) FIELD(window))
STACK_FIELDS(HookSpec, FIELD(command) FIELD(user) FIELD(working_dir) FIELD(environment)
                           FIELD(privileged) FIELD(image) FIELD(image_id) FIELD(per_replica))
STACK_FIELDS(spec::Limits,
             FIELD(memory) FIELD(memory_reservation) FIELD(memory_swap) FIELD(cpus)
                 FIELD(cpu_shares) FIELD(cpu_quota) FIELD(cpu_period) FIELD(cpuset) FIELD(pids))
STACK_FIELDS(spec::Ulimit, FIELD(soft) FIELD(hard))
STACK_FIELDS(spec::Device, FIELD(source) FIELD(target) FIELD(permissions))
STACK_FIELDS(spec::Logging, FIELD(driver) FIELD(options))
STACK_FIELDS(MountSpec,
             FIELD(type) FIELD(source) FIELD(target) FIELD(read_only) FIELD(create_host_path)
                 FIELD(propagation) FIELD(nocopy) FIELD(subpath) FIELD(device) FIELD(recursive)
                     FIELD(tmpfs_size) FIELD(tmpfs_mode) FIELD(tmpfs_options))
STACK_FIELDS(FileSpec, FIELD(source) FIELD(target) FIELD(file) FIELD(content) FIELD(mode) FIELD(uid)
                           FIELD(gid))
STACK_FIELDS(EndpointSpec, FIELD(network) FIELD(aliases) FIELD(link))
STACK_FIELDS(DependencySpec, FIELD(container) FIELD(condition) FIELD(required) FIELD(restart))
STACK_FIELDS(Network,
             FIELD(key) FIELD(name) FIELD(external) FIELD(enable_ipv6) FIELD(bridge) FIELD(labels))
STACK_FIELDS(Volume, FIELD(key) FIELD(name) FIELD(external) FIELD(driver_opts) FIELD(labels))
STACK_FIELDS(
    Container,
    FIELD(name) FIELD(service) FIELD(index) FIELD(image) FIELD(image_id) FIELD(argv)
        FIELD(environment) FIELD(working_dir) FIELD(user) FIELD(group_add) FIELD(hostname)
            FIELD(domainname) FIELD(mounts) FIELD(configs) FIELD(secrets) FIELD(network)
                FIELD(network_container) FIELD(endpoints) FIELD(ports) FIELD(depends_on)
                    FIELD(healthcheck) FIELD(restart) FIELD(restart_unhealthy) FIELD(pre_start)
                        FIELD(post_start) FIELD(pre_stop) FIELD(stop_signal)
                            FIELD(stop_grace_period) FIELD(init) FIELD(tty) FIELD(stdin_open)
                                FIELD(read_only) FIELD(privileged) FIELD(cap_add) FIELD(cap_drop)
                                    FIELD(no_new_privileges) FIELD(seccomp) FIELD(ulimits)
                                        FIELD(sysctls) FIELD(shm_size) FIELD(devices) FIELD(limits)
                                            FIELD(oom_score_adj) FIELD(labels) FIELD(extra_hosts)
                                                FIELD(dns) FIELD(dns_search) FIELD(dns_opt)
                                                    FIELD(logging) FIELD(oneoff) FIELD(auto_remove)
                                                        FIELD(step) FIELD(place))
STACK_FIELDS(DesiredState, FIELD(project) FIELD(working_dir) FIELD(config_files) FIELD(services)
                               FIELD(networks) FIELD(volumes) FIELD(containers))
STACK_FIELDS(Reason, FIELD(text) FIELD(field) FIELD(before) FIELD(after))
STACK_FIELDS(Wait, FIELD(container) FIELD(condition) FIELD(required))
STACK_FIELDS(Step, FIELD(id) FIELD(kind) FIELD(action) FIELD(target) FIELD(reasons) FIELD(after)
                       FIELD(waits) FIELD(renews))
STACK_FIELDS(Outcome, FIELD(container) FIELD(service) FIELD(fate) FIELD(fields))
STACK_FIELDS(Plan, FIELD(project) FIELD(steps) FIELD(outcomes) FIELD(ports) FIELD(orphans)
                       FIELD(notes) FIELD(unchanged) FIELD(basis) FIELD(forget) FIELD(signal)
                           FIELD(desired) FIELD(removed) FIELD(removed_networks))

STACK_FIELDS(PlanFile, FIELD(stack_plan) FIELD(made_by) FIELD(made_at) FIELD(root) FIELD(boot)
                           FIELD(intent) FIELD(services) FIELD(facts) FIELD(plan) FIELD(checksum))

#undef FIELD
#undef STACK_FIELDS

template <class T>
concept Described = requires {
  typename Fields<T>::Self;
};

// ---- to JSON ------------------------------------------------------------------------------------

template <class T>
json put(const T& value);
template <class T>
json put(const std::vector<T>& list);
template <class T>
json put(const std::map<std::string, T>& map);
template <class T>
json put(const std::optional<T>& value);

template <class T>
json put(const T& value) {
  if constexpr (Described<T>) {
    json out = json::object();
    Fields<T>::each([&](const char* key, auto member) { out[key] = put(value.*member); });
    return out;
  } else if constexpr (std::is_enum_v<T>) {
    return name_of(value);
  } else {
    return json(value);
  }
}
template <class T>
json put(const std::vector<T>& list) {
  json out = json::array();
  for (const auto& item : list) out.push_back(put(item));
  return out;
}
template <class T>
json put(const std::map<std::string, T>& map) {
  json out = json::object();
  for (const auto& [key, value] : map) out[key] = put(value);
  return out;
}
template <class T>
json put(const std::optional<T>& value) {
  return value ? put(*value) : json(nullptr);
}

// ---- from JSON: unknown keys and missing ones are fine -----------------------------------------

template <class T>
void get(const json& in, T& value);
template <class T>
void get(const json& in, std::vector<T>& list);
template <class T>
void get(const json& in, std::map<std::string, T>& map);
template <class T>
void get(const json& in, std::optional<T>& value);

template <class T>
void get(const json& in, T& value) {
  if constexpr (Described<T>) {
    Fields<T>::each([&](const char* key, auto member) {
      const auto at = in.find(key);
      if (at != in.end() && !at->is_null()) get(*at, value.*member);
    });
  } else if constexpr (std::is_enum_v<T>) {
    const auto& text = in.get_ref<const std::string&>();
    for (const auto& entry : Names<T>::list) {
      if (text == entry.name) value = entry.value;
    }
  } else {
    value = in.get<T>();
  }
}
template <class T>
void get(const json& in, std::vector<T>& list) {
  list.clear();
  for (const json& item : in) {
    T value{};
    get(item, value);
    list.push_back(std::move(value));
  }
}
template <class T>
void get(const json& in, std::map<std::string, T>& map) {
  map.clear();
  for (const auto& item : in.items()) get(item.value(), map[item.key()]);
}
template <class T>
void get(const json& in, std::optional<T>& value) {
  value.emplace();
  get(in, *value);
}

// ---- compact text: no tree, one string ----------------------------------------------------------

void write_string(std::string& out, std::string_view text);
void write_double(std::string& out, double value);

template <class T>
void write(std::string& out, const T& value);
template <class T>
void write(std::string& out, const std::vector<T>& list);
template <class T>
void write(std::string& out, const std::map<std::string, T>& map);

inline void write(std::string& out, const std::string& value) {
  write_string(out, value);
}
inline void write(std::string& out, const base::IpAddress& value) {
  write_string(out, value.str());
}
inline void write(std::string& out, const base::Cidr& value) {
  write_string(out, value.str());
}
inline void write(std::string& out, const base::Duration& value) {
  base::append_piece(out, value.count());
}

// Members that differ from a default-made T, as an object; `skip` names what never counts.
template <Described T, class Skip>
void write_changed(std::string& out, const T& value, Skip&& skip) {
  [[maybe_unused]] static const T usual{};
  out.push_back('{');
  bool first = true;
  Fields<T>::each([&](const char* key, auto member) {
    if (skip(key) || value.*member == usual.*member) return;
    if (!first) out.push_back(',');
    first = false;
    out.push_back('"');
    out.append(key);
    out.append("\":");
    using M = std::remove_cvref_t<decltype(value.*member)>;
    if constexpr (requires {
                    typename M::value_type;
                    (value.*member).has_value();
                  }) {
      // Set, or it would have equalled the default.
      if (value.*member) {
        write(out, *(value.*member));
      } else {
        out.append("null");
      }
    } else {
      write(out, value.*member);
    }
  });
  out.push_back('}');
}

template <class T>
void write(std::string& out, const T& value) {
  if constexpr (Described<T>) {
    write_changed(out, value, [](const char*) { return false; });
  } else if constexpr (std::is_enum_v<T>) {
    write_string(out, name_of(value));
  } else if constexpr (std::same_as<T, bool>) {
    out.append(value ? "true" : "false");
  } else if constexpr (std::is_floating_point_v<T>) {
    write_double(out, value);
  } else {
    base::append_piece(out, value);
  }
}
template <class T>
void write(std::string& out, const std::vector<T>& list) {
  out.push_back('[');
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i != 0) out.push_back(',');
    write(out, list[i]);
  }
  out.push_back(']');
}
template <class T>
void write(std::string& out, const std::map<std::string, T>& map) {
  out.push_back('{');
  bool first = true;
  for (const auto& [key, value] : map) {
    if (!first) out.push_back(',');
    first = false;
    write_string(out, key);
    out.push_back(':');
    write(out, value);
  }
  out.push_back('}');
}

}  // namespace planner::codec
