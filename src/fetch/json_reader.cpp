#include "fetch/json_reader.hpp"

#include <chrono>

#include "base/error.hpp"
#include "base/json.hpp"

namespace fetch {

namespace {

using nlohmann::json;

constexpr unsigned kMaxDepth = 32;
constexpr std::size_t kMaxText = 1U << 20U, kMaxList = 10000;

// Nested brackets cost the parser memory and the destructor stack long before they cost bytes.
void check_depth(std::string_view bytes, const std::string& what) {
  unsigned depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && depth > 0) --depth;
    if (depth > kMaxDepth) {
      throw base::Error(base::cat(what, ": nested deeper than ", kMaxDepth, " levels"));
    }
  }
}

std::vector<std::string> texts_of(const json& in, const char* key) {
  std::vector<std::string> out;
  const auto at = in.find(key);
  if (at == in.end() || at->is_null()) return out;
  if (!at->is_array() || at->size() > kMaxList) {
    throw base::Error(base::cat("configuration: `", key, "` is not a list of texts"));
  }
  for (const json& each : *at) {
    if (!each.is_string()) {
      throw base::Error(base::cat("configuration: `", key, "` is not a list of texts"));
    }
    out.push_back(each.get<std::string>());
    if (out.back().find('\0') != std::string::npos) {
      throw base::Error(base::cat("configuration: a NUL in `", key, "`"));
    }
  }
  return out;
}

// {"80/tcp": {}, ...}
std::vector<std::string> keys_of(const json& in, const char* key) {
  std::vector<std::string> out;
  const auto at = in.find(key);
  if (at == in.end() || at->is_null()) return out;
  if (!at->is_object() || at->size() > kMaxList) {
    throw base::Error(base::cat("configuration: `", key, "` is not an object"));
  }
  for (const auto& entry : at->items()) out.push_back(entry.key());
  return out;
}

base::Duration duration_of(const json& in, const char* key) {
  const auto at = in.find(key);
  if (at == in.end() || at->is_null()) return {};
  if (!at->is_number_integer()) {
    throw base::Error(base::cat("configuration: `", key, "` of Healthcheck is not a number"));
  }
  return base::Duration(std::max<std::int64_t>(at->get<std::int64_t>(), 0));
}

std::optional<image::Healthcheck> health_of(const json& in) {
  const auto at = in.find("Healthcheck");
  if (at == in.end() || !at->is_object()) return {};
  image::Healthcheck out;
  out.test = texts_of(*at, "Test");
  if (out.test.empty()) return {};
  out.interval = duration_of(*at, "Interval");
  out.timeout = duration_of(*at, "Timeout");
  out.start_period = duration_of(*at, "StartPeriod");
  out.start_interval = duration_of(*at, "StartInterval");
  if (const auto retries = at->find("Retries");
      retries != at->end() && retries->is_number_unsigned()) {
    out.retries =
        static_cast<unsigned>(std::min<std::uint64_t>(retries->get<std::uint64_t>(), 1000));
  }
  return out;
}

}  // namespace

json parse_bounded(std::string_view bytes, const std::string& what, std::size_t most) {
  if (bytes.size() > most) {
    throw base::Error(
        base::cat(what, ": ", bytes.size(), " bytes, more than ", most, " are refused"));
  }
  check_depth(bytes, what);
  json out = json::parse(bytes, nullptr, false);
  if (out.is_discarded()) throw base::Error(base::cat(what, ": it is not JSON"));
  if (!out.is_object()) throw base::Error(base::cat(what, ": it is not an object"));
  return out;
}

std::string text_of(const json& in, const char* key, std::size_t most) {
  const auto at = in.find(key);
  if (at == in.end() || at->is_null()) return {};
  if (!at->is_string()) throw base::Error(base::cat("`", key, "` is not a text"));
  auto out = at->get<std::string>();
  if (out.size() > most)
    throw base::Error(base::cat("`", key, "` is longer than ", most, " bytes"));
  if (out.find('\0') != std::string::npos) throw base::Error(base::cat("a NUL in `", key, "`"));
  return out;
}

image::ImageConfig image_config_from(const json& in) {
  image::ImageConfig out;
  out.entrypoint = texts_of(in, "Entrypoint");
  out.command = texts_of(in, "Cmd");
  out.environment = texts_of(in, "Env");
  out.working_dir = text_of(in, "WorkingDir", 4096);
  out.user = text_of(in, "User", 1024);
  out.stop_signal = text_of(in, "StopSignal", 64);
  out.volumes = keys_of(in, "Volumes");
  out.exposed_ports = keys_of(in, "ExposedPorts");
  out.healthcheck = health_of(in);
  if (const auto at = in.find("Labels"); at != in.end() && at->is_object()) {
    for (const auto& entry : at->items()) {
      if (entry.value().is_string() &&
          entry.value().get_ref<const std::string&>().size() <= kMaxText) {
        out.labels.emplace(entry.key(), entry.value().get<std::string>());
      }
    }
  }
  return out;
}

}  // namespace fetch
