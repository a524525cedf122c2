#include "image/store_codec.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"

namespace image {

namespace {

using nlohmann::json;

json config_json(const ImageConfig& config) {
  json out = {{"entrypoint", config.entrypoint},
              {"command", config.command},
              {"environment", config.environment},
              {"working_dir", config.working_dir},
              {"user", config.user},
              {"stop_signal", config.stop_signal},
              {"volumes", config.volumes},
              {"exposed_ports", config.exposed_ports},
              {"labels", config.labels}};
  if (config.healthcheck) {
    const Healthcheck& check = *config.healthcheck;
    out["healthcheck"] = {{"test", check.test},
                          {"interval", check.interval},
                          {"timeout", check.timeout},
                          {"start_period", check.start_period},
                          {"start_interval", check.start_interval},
                          {"retries", check.retries}};
  }
  return out;
}

ImageConfig config_from(const json& in) {
  ImageConfig out;
  base::read_field(in, "entrypoint", out.entrypoint);
  base::read_field(in, "command", out.command);
  base::read_field(in, "environment", out.environment);
  base::read_field(in, "working_dir", out.working_dir);
  base::read_field(in, "user", out.user);
  base::read_field(in, "stop_signal", out.stop_signal);
  base::read_field(in, "volumes", out.volumes);
  base::read_field(in, "exposed_ports", out.exposed_ports);
  base::read_field(in, "labels", out.labels);
  if (const auto at = in.find("healthcheck"); at != in.end()) {
    Healthcheck check;
    base::read_field(*at, "test", check.test);
    base::read_field(*at, "interval", check.interval);
    base::read_field(*at, "timeout", check.timeout);
    base::read_field(*at, "start_period", check.start_period);
    base::read_field(*at, "start_interval", check.start_interval);
    base::read_field(*at, "retries", check.retries);
    out.healthcheck = check;
  }
  return out;
}

Digest digest_from(const json& in, const char* key) {
  return parse_digest(in.at(key).get<std::string>());
}

// One text a layer: an image with many is read as fast as one with few.
StoredLayer layer_from(std::string_view text) {
  const auto next = [&text] {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
  };
  StoredLayer out;
  out.blob = parse_digest(next());
  out.diff_id = parse_digest(next());
  out.chain_id = parse_digest(next());
  out.blob_size = base::parse_uint(next()).value_or(0);
  out.size = base::parse_uint(next()).value_or(0);
  out.media_type = text;
  return out;
}

// What `make` gives, or nothing when the text is not what was written.
template <class T, class Make>
std::optional<T> guarded(const std::string& text, Make make) {
  try {
    return make(json::parse(text));
  } catch (const json::exception&) {
  } catch (const base::Error&) {
  }
  return {};
}

}  // namespace

std::string to_text(const StoredImage& image) {
  json layers = json::array();
  for (const StoredLayer& layer : image.layers) {
    layers.push_back(base::cat(layer.blob.str(), " ", layer.diff_id.str(), " ",
                               layer.chain_id.str(), " ", layer.blob_size, " ", layer.size, " ",
                               layer.media_type));
  }
  return json{{"id", image.id.str()},
              {"manifest", image.manifest.str()},
              {"manifest_type", image.manifest_type},
              {"manifest_size", image.manifest_size},
              {"config_size", image.config_size},
              {"os", image.platform.os},
              {"architecture", image.platform.architecture},
              {"variant", image.platform.variant},
              {"created", image.created},
              {"layers", layers},
              {"config", config_json(image.config)}}
      .dump();
}

std::optional<StoredImage> parse_image(const std::string& text) {
  return guarded<StoredImage>(text, [](const json& in) {
    StoredImage out;
    out.id = digest_from(in, "id");
    out.manifest = digest_from(in, "manifest");
    base::read_field(in, "manifest_type", out.manifest_type);
    base::read_field(in, "manifest_size", out.manifest_size);
    base::read_field(in, "config_size", out.config_size);
    base::read_field(in, "os", out.platform.os);
    base::read_field(in, "architecture", out.platform.architecture);
    base::read_field(in, "variant", out.platform.variant);
    base::read_field(in, "created", out.created);
    for (const json& each : in.at("layers")) {
      out.layers.push_back(layer_from(each.get_ref<const std::string&>()));
    }
    out.config = config_from(in.at("config"));
    return out;
  });
}

std::string to_text(const StoredName& name) {
  return json{{"name", name.name},           {"id", name.id.str()},       {"digest", name.digest},
              {"signature", name.signature}, {"platform", name.platform}, {"at", name.at}}
      .dump();
}

std::optional<StoredName> parse_name(const std::string& text) {
  return guarded<StoredName>(text, [](const json& in) {
    StoredName out;
    out.name = in.at("name").get<std::string>();
    out.id = digest_from(in, "id");
    base::read_field(in, "digest", out.digest);
    base::read_field(in, "signature", out.signature);
    base::read_field(in, "platform", out.platform);
    base::read_field(in, "at", out.at);
    return out;
  });
}

std::string to_text(const LayerMeta& meta) {
  return json{{"boot", meta.boot}, {"size", meta.size}, {"entries", meta.entries}}.dump();
}

std::optional<LayerMeta> parse_layer_meta(const std::string& text) {
  return guarded<LayerMeta>(text, [](const json& in) {
    LayerMeta out;
    out.boot = in.at("boot").get<std::string>();
    base::read_field(in, "size", out.size);
    base::read_field(in, "entries", out.entries);
    return out;
  });
}

}  // namespace image
