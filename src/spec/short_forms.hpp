// Short forms of the Compose Specification, turned into their long forms: ports, volumes,
// devices, depends_on, networks and the like. Each takes the value in place.
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
void expand_test(Node& node, const Path& path, Report& report);      // healthcheck.test
void expand_external(Node& node, const Path& path, Report& report);  // external: {name: X}
void expand_gpus(Node& node, const Path& path, Report& report);
void check_ulimits(Node& node, const Path& path, Report& report);

std::string port_identity(const Node& item);
std::string target_identity(const Node& item);
std::string source_identity(const Node& item);
std::string text_identity(const Node& item);

// Words as a shell takes them apart: quotes and backslashes, no variables. False: a quote is open.
bool split_words(std::string_view text, std::vector<std::string>& out);

}  // namespace spec
