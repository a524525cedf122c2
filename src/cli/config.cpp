#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/output_file.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "spec/explain.hpp"
#include "spec/json_schema.hpp"
#include "spec/node.hpp"
#include "spec/variables.hpp"

namespace cli {
namespace {

using spec::Node;

void put_line(std::string& out, const std::string& text) {
  out += text + "\n";
}

const Node* top(const spec::Loaded& loaded, std::string_view kind) {
  return loaded.stack.canonical->find(kind);
}

std::string keys_of(const Node* map) {
  std::set<std::string> names;
  if (map != nullptr) {
    for (const Node& each : map->children) names.insert(each.key);
  }
  std::string out;
  for (const std::string& name : names) put_line(out, name);
  return out;
}

// As docker compose has it: one line a service; what is built has a name made from the service's;
// then those that steps of pre_start name besides.
std::string images(const spec::Loaded& loaded) {
  std::map<std::string, std::string> by_service;
  if (const Node* services = top(loaded, "services")) {
    for (const Node& service : services->children) {
      const std::string image = service.text_of("image");
      by_service[service.key] =
          image.empty() ? base::cat(loaded.stack.name, "-", service.key) : image;
    }
  }
  std::string out;
  for (const auto& [service, image] : by_service) put_line(out, image);
  for (const auto& [name, service] : loaded.stack.services) {
    for (const spec::Hook& step : service.extras.pre_start) {
      if (!step.image.empty()) put_line(out, step.image);
    }
  }
  return out;
}

std::string profiles(const spec::Loaded& loaded) {
  std::set<std::string> names;
  if (const Node* services = top(loaded, "services")) {
    for (const Node& service : services->children) {
      const Node* own = service.find("profiles");
      if (own == nullptr) continue;
      for (const Node& profile : own->children) names.insert(profile.text);
    }
  }
  for (const auto& [service, own] : loaded.inactive) {
    for (const std::string& profile : base::split(own, ',')) {
      names.emplace(base::trim(profile));
    }
  }
  std::string out;
  for (const std::string& name : names) put_line(out, name);
  return out;
}

std::string environment(const spec::Loaded& loaded) {
  std::string out;
  for (const auto& [name, value] : loaded.environment.all())
    put_line(out, base::cat(name, "=", value));
  return out;
}

// FNV-1a: tells one configuration from another, and is no secret's keeper.
std::string hash_of(const std::string& text) {
  std::uint64_t value = 14695981039346656037ULL;
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) {
    out += kHex[(value >> static_cast<unsigned>(shift)) & 15U];
  }
  return out;
}

std::string hashes(const spec::Loaded& loaded, const std::string& wanted) {
  std::vector<std::string> names;
  if (const Node* services = top(loaded, "services")) {
    for (const Node& service : services->children) names.push_back(service.key);
  }
  if (wanted != "*") {
    const std::vector<std::string> chosen = base::split(wanted, ',');
    check_services(chosen, names, loaded.stack.name);
    names = chosen;
  }
  std::sort(names.begin(), names.end());
  std::string out;
  for (const std::string& name : names) {
    // How many, and from where, changes no container.
    Node service = *top(loaded, "services")->find(name);
    for (const char* key : {"build", "pull_policy", "scale", "depends_on", "profiles"}) {
      service.erase(key);
    }
    if (Node* deploy = service.find("deploy")) deploy->erase("replicas");
    Node document = Node::map({});
    document.set(name, std::move(service));
    spec::Stack alone;
    alone.canonical = std::make_shared<const Node>(std::move(document));
    put_line(out, base::cat(name, " ", hash_of(spec::to_json(alone))));
  }
  return out;
}

std::string variables(const spec::Loaded& loaded, bool json) {
  const auto found = spec::variables_below(*loaded.stack.canonical);
  if (json) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& [name, use] : found) {
      out[name] = {{"Name", name},
                   {"DefaultValue", use.default_value},
                   {"PresenceValue", use.presence_value},
                   {"Required", use.required}};
    }
    return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  Table table({"NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"});
  for (const auto& [name, use] : found) {
    table.add({name, use.required ? "true" : "false", use.default_value, use.presence_value});
  }
  return table.str();
}

nlohmann::json place_json(const spec::Place& place, const spec::Sources& sources) {
  nlohmann::json out = nlohmann::json::object();
  if (!place.known() || place.file >= sources.size()) return out;
  out["file"] = sources[place.file].name;
  out["line"] = place.line;
  out["column"] = place.column;
  return out;
}

// For editors: an array of {severity, file, line, column, message, hint, related}.
std::string diagnostics_json(const std::vector<spec::Diagnostic>& all,
                             const spec::Sources& sources) {
  nlohmann::json out = nlohmann::json::array();
  for (const spec::Diagnostic& each : all) {
    nlohmann::json one = place_json(each.place, sources);
    one["severity"] = each.severity == spec::Severity::Error     ? "error"
                      : each.severity == spec::Severity::Warning ? "warning"
                                                                 : "note";
    one["message"] = each.text;
    if (!each.hint.empty()) one["hint"] = each.hint;
    for (const spec::Related& related : each.related) {
      nlohmann::json other = place_json(related.place, sources);
      other["message"] = related.text;
      one["related"].push_back(std::move(other));
    }
    out.push_back(std::move(one));
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

spec::LoadOptions options_of(const Context& context, const Arguments& args) {
  spec::LoadOptions out = context.load_options();
  const ConfigArgs& config = args.config;
  out.to_run = false;
  out.strict = config.strict;
  out.services = args.names;
  out.stages.interpolate = !config.no_interpolate && !config.variables;
  out.stages.normalise = !config.no_normalize && !config.variables;
  out.stages.resolve_paths = !config.no_path_resolution && !config.variables;
  out.stages.consistency = !config.no_consistency;
  out.stages.env_files = !config.no_env_resolution;
  return out;
}

int check_for_editor(const spec::LoadOptions& options) {
  try {
    const spec::Loaded loaded = spec::load(options);
    write_text(STDOUT_FILENO, diagnostics_json(loaded.warnings, loaded.sources));
    return kDone;
  } catch (const spec::SpecError& error) {
    write_text(STDOUT_FILENO, diagnostics_json(error.diagnostics(), error.sources()));
    return kFailed;
  }
}

std::string answer(const spec::Loaded& loaded, const Arguments& args) {
  const ConfigArgs& config = args.config;
  const bool json = args.format == "json";
  if (!config.explain.empty()) return spec::explain(loaded, config.explain);
  if (config.services) return keys_of(top(loaded, "services"));
  if (config.volumes) return keys_of(top(loaded, "volumes"));
  if (config.networks) return keys_of(top(loaded, "networks"));
  if (config.models) return keys_of(top(loaded, "models"));
  if (!config.hash.empty()) return hashes(loaded, config.hash);
  if (config.profiles) return profiles(loaded);
  if (config.images) return images(loaded);
  if (config.variables) return variables(loaded, json);
  if (config.environment) return environment(loaded);
  const auto dollars = config.no_interpolate ? spec::Dollars::AsTheyAre : spec::Dollars::Doubled;
  return json ? spec::to_json(loaded.stack, dollars) : spec::to_yaml(loaded.stack, dollars);
}

}  // namespace

int config(const Context& context, const Arguments& args) {
  if (args.config.image_digests) {
    throw base::Error("image digests are not resolved here",
                      "pin an image in the file: NAME@sha256:...");
  }
  if (args.config.schema) {
    write_text(STDOUT_FILENO, spec::json_schema());
    return kDone;
  }
  const spec::LoadOptions options = options_of(context, args);
  if (args.config.quiet && args.format == "json") return check_for_editor(options);
  const spec::Loaded loaded = context.load_and_warn(options);
  if (args.config.quiet) return kDone;
  const std::string out = answer(loaded, args);
  if (args.config.output.empty()) {
    write_text(STDOUT_FILENO, out);
  } else {
    write_output(context, args.config.output, out, {0644, false});
  }
  return kDone;
}

}  // namespace cli
