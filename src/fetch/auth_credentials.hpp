// The passwords a person has for registries, where docker and podman keep them: auth.json and
// config.json with their credential helpers. Reads; never writes, never prints a value.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace fetch {

struct Credentials {
  std::string user, password;
  std::string identity_token;  // instead of a password: given to the token server (OAuth 2)
  std::string registry_token;  // given to the registry as it is
};

struct CredentialLookup {
  std::optional<Credentials> found;
  // What kept a file or a helper from being used: shown when the registry refuses.
  std::vector<std::string> notes;
};

// The files in the order they are asked, those that do not exist too: $REGISTRY_AUTH_FILE alone, or
// $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json and
// $DOCKER_CONFIG/config.json with their usual defaults below the home folder.
std::vector<std::string> credential_files();

// `registry` as in a reference ("docker.io", "localhost:5000"); `repository` picks among entries
// for a part of a registry (the longest that matches).
CredentialLookup find_credentials(const std::vector<std::string>& files,
                                  const std::string& registry, const std::string& repository);

}  // namespace fetch
