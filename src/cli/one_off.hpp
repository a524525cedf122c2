// The service that `run` makes of another: what the command line says over what the file says.
// Pure but for env files and the name.
#pragma once

#include <string>

#include "cli/context.hpp"
#include "planner/plan.hpp"
#include "spec/stack.hpp"

namespace cli {

// PROJECT-SERVICE-run-HASH, or what --name says (checked).
std::string one_off_name(const std::string& project, const Arguments& args);
// `tty`: our terminal is to be the command's. Throws base::Error for what the options say wrong.
struct OneOffRequest {
  const Context& context;
  const Arguments& args;
  const spec::Loaded& loaded;
  std::string name;
  bool tty = false;
};
spec::Service one_off_service(const OneOffRequest& request);

}  // namespace cli
