// Short forms of the Compose Specification, turned into their long forms: ports, volumes,
// devices, depends_on, networks and the like. Each takes the value in place and sets no default
// that a later file could not tell from a wish.
#pragma once

#include "spec/schema.hpp"

namespace spec {

void expand_port(Node& node, const Path& path, Report& report);
void expand_mount(Node& node, const Path& path, Report& report);
void expand_device(Node& node, const Path& path, Report& report);
void expand_depends_on(Node& node, const Path& path, Report& report);
void expand_names(Node& node, const Path& path, Report& report);     // list → mapping to nothing
void expand_context(Node& node, const Path& path, Report& report);   // build: DIR
void expand_source(Node& node, const Path& path, Report& report);    // secrets, configs
void expand_env_file(Node& node, const Path& path, Report& report);  // FILE
void expand_env_files(Node& node, const Path& path, Report& report);
void expand_extends(Node& node, const Path& path, Report& report);
void expand_include(Node& node, const Path& path, Report& report);
void expand_test(Node& node, const Path& path, Report& report);      // healthcheck.test
void expand_external(Node& node, const Path& path, Report& report);  // external: {name: X}
void expand_gpus(Node& node, const Path& path, Report& report);
void expand_count(Node& node, const Path& path, Report& report);    // of devices: a number or all
void expand_options(Node& node, const Path& path, Report& report);  // of a provider: lists
void check_ulimits(Node& node, const Path& path, Report& report);
void check_pull_policy(Node& node, const Path& path, Report& report);
void check_pairs(Node& node, const Path& path, Report& report);  // a list must be KEY=VALUE
void check_ssh(Node& node, const Path& path, Report& report);
void only_text(Node& node, const Path& path, Report& report);

std::string port_identity(const Node& item);
std::string target_identity(const Node& item);
std::string mount_identity(const Node& item);
std::string config_identity(const Node& item);
std::string secret_identity(const Node& item);
std::string path_identity(const Node& item);
std::string text_identity(const Node& item);
std::string key_identity(const Node& item);

// Words as docker compose takes a command apart: quotes and backslashes, no variables; what
// follows a shell's operator outside of quotes goes to `dropped`. False: something is not closed.
bool split_words(std::string_view text, std::vector<std::string>& out,
                 std::string* dropped = nullptr);

}  // namespace spec
