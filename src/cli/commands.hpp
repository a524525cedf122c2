// One function a command, each in its own file; run.cpp chooses. They return the exit status and
// throw base::Error or spec::SpecError for what run() prints.
#pragma once

#include "cli/arguments.hpp"
#include "cli/context.hpp"

namespace cli {

int up(const Context& context, const Arguments& args);
int create_containers(const Context& context, const Arguments& args);  // create
int down(const Context& context, const Arguments& args);
int plan(const Context& context, const Arguments& args);
int apply(const Context& context, const Arguments& args);
int ps(const Context& context, const Arguments& args);
int logs(const Context& context, const Arguments& args);
int exec(const Context& context, const Arguments& args);
int run_service(const Context& context, const Arguments& args);  // run
int config(const Context& context, const Arguments& args);
int ls(const Context& context, const Arguments& args);
int port(const Context& context, const Arguments& args);
int version(const Context& context, const Arguments& args);
int doctor(const Context& context, const Arguments& args);
int network(const Context& context, const Arguments& args);  // create, ls, inspect, rm, prune
int volume(const Context& context, const Arguments& args);
int start(const Context& context, const Arguments& args);
int stop(const Context& context, const Arguments& args);
int restart(const Context& context, const Arguments& args);
int kill(const Context& context, const Arguments& args);
int pause(const Context& context, const Arguments& args);
int unpause(const Context& context, const Arguments& args);
int rm(const Context& context, const Arguments& args);
int scale(const Context& context, const Arguments& args);
int wait(const Context& context, const Arguments& args);
int attach_service(const Context& context, const Arguments& args);  // attach
int cp(const Context& context, const Arguments& args);
int events(const Context& context, const Arguments& args);
int stats(const Context& context, const Arguments& args);
int volumes(const Context& context, const Arguments& args);
int top(const Context& context, const Arguments& args);
int reconcile(const Context& context, const Arguments& args);
int enable(const Context& context, const Arguments& args);
int disable(const Context& context, const Arguments& args);
int image(const Context& context,
          const Arguments& args);  // ls, inspect, rm, prune, load, save, ...
int images(const Context& context, const Arguments& args);
int pull(const Context& context, const Arguments& args);
int push(const Context& context, const Arguments& args);
int df(const Context& context, const Arguments& args);

}  // namespace cli
