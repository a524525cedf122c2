#include "cli/image_text.hpp"

#include <algorithm>
#include <ctime>

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/ps_view.hpp"
#include "image/reference.hpp"

namespace cli {

namespace {

using nlohmann::json;

json health_json(const image::Healthcheck& check) {
  return {{"Test", check.test},
          {"Interval", check.interval},
          {"Timeout", check.timeout},
          {"StartPeriod", check.start_period},
          {"Retries", check.retries}};
}

json keys_json(const std::vector<std::string>& keys) {
  json out = json::object();
  for (const std::string& key : keys) out[key] = json::object();
  return out;
}

}  // namespace

ShownName shown_name(const std::string& name) {
  const std::string plain = name.substr(0, name.find('#'));
  try {
    const image::Reference reference = image::parse_reference(plain);
    if (!reference.is_registry()) return {plain, "<none>"};
    image::Reference bare = reference;
    bare.tag.clear();
    bare.digest.reset();
    return {bare.familiar(), reference.digest ? "<none>" : reference.tag};
  } catch (const base::Error&) {
    return {plain, "<none>"};
  }
}

std::string created_text(const std::string& created) {
  std::tm when{};
  if (::strptime(created.c_str(), "%Y-%m-%dT%H:%M:%S", &when) == nullptr) return "N/A";
  const auto then = Clock::from_time_t(::timegm(&when));
  if (then.time_since_epoch().count() <= 0) return "N/A";
  return age_text(Clock::now() - then) + " ago";
}

json describe_image(const image::StoredImage& image, const std::vector<image::StoredName>& names) {
  std::vector<std::string> tags, digests;
  for (const image::StoredName& name : names) {
    if (name.id != image.id) continue;
    const image::Reference reference =
        image::parse_reference(name.name.substr(0, name.name.find('#')));
    if (!reference.is_registry()) continue;
    if (!reference.digest) tags.push_back(reference.familiar());
    if (name.digest.empty()) continue;
    std::string digest = base::cat(shown_name(name.name).repository, "@", name.digest);
    if (std::find(digests.begin(), digests.end(), digest) == digests.end())
      digests.push_back(std::move(digest));
  }
  std::vector<std::string> diff_ids;
  for (const image::StoredLayer& layer : image.layers) diff_ids.push_back(layer.diff_id.str());
  const image::ImageConfig& config = image.config;
  json out = {{"Id", image.id.str()},
              {"RepoTags", tags},
              {"RepoDigests", digests},
              {"Created", image.created},
              {"Architecture", image.platform.architecture},
              {"Variant", image.platform.variant},
              {"Os", image.platform.os},
              {"Size", image.size()},
              {"RootFS", {{"Type", "layers"}, {"Layers", diff_ids}}},
              {"Config",
               {{"Entrypoint", config.entrypoint},
                {"Cmd", config.command},
                {"Env", config.environment},
                {"User", config.user},
                {"WorkingDir", config.working_dir},
                {"StopSignal", config.stop_signal},
                {"Volumes", keys_json(config.volumes)},
                {"ExposedPorts", keys_json(config.exposed_ports)},
                {"Labels", config.labels}}}};
  if (config.healthcheck) out["Config"]["Healthcheck"] = health_json(*config.healthcheck);
  return out;
}

}  // namespace cli
