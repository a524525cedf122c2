#include "fetch/auth_credentials.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "fetch/auth_challenge.hpp"
#include "fetch/auth_helper.hpp"

namespace fetch {
namespace {

using nlohmann::json;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string home_folder() {
  std::string home = variable("HOME");
  if (home.empty()) {
    const passwd* entry = ::getpwuid(::getuid());
    if (entry != nullptr && entry->pw_dir != nullptr) home = entry->pw_dir;
  }
  return home.empty() ? "/root" : home;
}

// "https://index.docker.io/v1/" and other old spellings as HOST[/PATH].
std::string normal_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (base::starts_with(key, scheme)) key.remove_prefix(scheme.size());
  }
  while (!key.empty() && key.back() == '/') key.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"}) {
    if (key.size() > version.size() && key.substr(key.size() - version.size()) == version) {
      key.remove_suffix(version.size());
    }
  }
  const std::string out(key);
  return out == "index.docker.io" || out == "registry-1.docker.io" ? "docker.io" : out;
}

// How well a key fits: 0 not at all, otherwise its length.
std::size_t fit(const std::string& key, const std::string& registry,
                const std::string& repository) {
  const std::string normal = normal_key(key);
  const std::string full = registry + "/" + repository;
  if (normal == registry || normal == full) return normal.size();
  return base::starts_with(full, normal + "/") && normal.size() > registry.size() ? normal.size()
                                                                                  : 0;
}

std::string text_in(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

// The best fitting member of an object, or nullptr.
const json* member(const json& top, const char* name, const std::string& registry,
                   const std::string& repository) {
  const auto object = top.find(name);
  if (object == top.end() || !object->is_object()) return nullptr;
  const json* best = nullptr;
  std::size_t most = 0;
  for (const auto& [key, value] : object->items()) {
    const std::size_t length = fit(key, registry, repository);
    if (length > most) {
      most = length;
      best = &value;
    }
  }
  return best;
}

std::optional<Credentials> from_entry(const json& entry) {
  if (!entry.is_object()) return std::nullopt;
  Credentials out;
  out.user = text_in(entry, "username");
  out.password = text_in(entry, "password");
  out.identity_token = text_in(entry, "identitytoken");
  out.registry_token = text_in(entry, "registrytoken");
  std::string pair;
  if (const std::string auth = text_in(entry, "auth");
      !auth.empty() && base::unbase64(auth, pair)) {
    const std::size_t colon = pair.find(':');
    if (colon != std::string::npos) {
      out.user = pair.substr(0, colon);
      out.password = pair.substr(colon + 1);
      // docker pads the password with NUL bytes.
      while (!out.password.empty() && out.password.back() == '\0') out.password.pop_back();
    }
  }
  const bool any = !out.user.empty() || !out.identity_token.empty() || !out.registry_token.empty();
  return any ? std::optional(out) : std::nullopt;
}

std::optional<Credentials> from_helper(const std::string& helper, const std::string& registry,
                                       std::vector<std::string>& notes) {
  const std::string server = registry == "docker.io" ? "https://index.docker.io/v1/" : registry;
  try {
    const auto answer = ask_helper(helper, server);
    if (!answer) return std::nullopt;
    Credentials out;
    if (answer->user == "<token>") {
      out.identity_token = answer->secret;
    } else {
      out.user = answer->user;
      out.password = answer->secret;
    }
    return out;
  } catch (const base::Error& error) {
    notes.emplace_back(error.what());
    return std::nullopt;
  }
}

std::optional<Credentials> from_file(const std::string& path, const std::string& registry,
                                     const std::string& repository,
                                     std::vector<std::string>& notes) {
  const auto text = base::try_read_file(path, 1U << 20U);
  if (!text) return std::nullopt;
  // The parser's own message would quote what stands there.
  const json top = json::parse(*text, nullptr, false);
  if (!top.is_object()) {
    notes.push_back(path + ": not valid JSON");
    return std::nullopt;
  }
  const json* helper = member(top, "credHelpers", registry, repository);
  if (helper != nullptr && helper->is_string()) {
    if (auto found = from_helper(helper->get<std::string>(), registry, notes)) return found;
  } else if (const std::string store = text_in(top, "credsStore"); !store.empty()) {
    if (auto found = from_helper(store, registry, notes)) return found;
  }
  const json* entry = member(top, "auths", registry, repository);
  return entry == nullptr ? std::nullopt : from_entry(*entry);
}

}  // namespace

std::vector<std::string> credential_files() {
  if (const std::string named = variable("REGISTRY_AUTH_FILE"); !named.empty()) return {named};
  const std::string home = home_folder();
  std::string runtime = variable("XDG_RUNTIME_DIR");
  runtime = runtime.empty() ? base::cat("/run/containers/", ::getuid()) : runtime + "/containers";
  std::string config = variable("XDG_CONFIG_HOME");
  if (config.empty()) config = home + "/.config";
  std::string docker = variable("DOCKER_CONFIG");
  if (docker.empty()) docker = home + "/.docker";
  return {runtime + "/auth.json", config + "/containers/auth.json", docker + "/config.json"};
}

CredentialLookup find_credentials(const std::vector<std::string>& files,
                                  const std::string& registry, const std::string& repository) {
  CredentialLookup out;
  for (const std::string& path : files) {
    try {
      out.found = from_file(path, registry, repository, out.notes);
    } catch (const base::SysError& error) {
      out.notes.emplace_back(error.what());
    }
    if (out.found) break;
  }
  return out;
}

}  // namespace fetch
