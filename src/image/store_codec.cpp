#include "image/store_codec.hpp"

#include "base/json.hpp"

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
    layers.push_back({{"blob", layer.blob.str()},
                      {"diff_id", layer.diff_id.str()},
                      {"chain_id", layer.chain_id.str()},
                      {"media_type", layer.media_type},
                      {"blob_size", layer.blob_size},
                      {"size", layer.size}});
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
      StoredLayer layer;
      layer.blob = digest_from(each, "blob");
      layer.diff_id = digest_from(each, "diff_id");
      layer.chain_id = digest_from(each, "chain_id");
      base::read_field(each, "media_type", layer.media_type);
      base::read_field(each, "blob_size", layer.blob_size);
      base::read_field(each, "size", layer.size);
      out.layers.push_back(std::move(layer));
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
