// The options of the commands on what containers are made of: network, volume, image, pull, push,
// images, df.
#include "base/text.hpp"
#include "cli/options.hpp"

namespace cli {

namespace {

// `network` and `volume`: create, ls, inspect, rm, prune.
void add_objects(CLI::App& top, Arguments& to, const std::string& noun, const std::string& plural) {
  top.require_subcommand(0, 1);
  top.footer(base::cat("Example:\n  stack ", noun, " create shared"));
  const auto sub = [&](const char* verb, const std::string& help) -> CLI::App& {
    CLI::App& made = *top.add_subcommand(verb, help);
    made.footer(
        base::cat("Example:\n  stack ", noun, " ", verb,
                  std::string(verb) == "ls" || std::string(verb) == "prune" ? "" : " shared"));
    return made;
  };
  CLI::App& create = sub("create", base::cat("Make a ", noun));
  if (noun == "network") {
    add_list(create, "--subnet", to.object.subnets, "Its subnet; one a family", "CIDR");
    add_list(create, "--gateway", to.object.gateways, "Our address on it", "ADDRESS");
    add_switch(create, "--internal", to.object.internal, "Nothing leaves, nothing enters");
    add_switch(create, "--ipv6", to.object.ipv6, "Also IPv6 addresses");
  }
  add_list(create, "--label", to.object.labels, "Set a label", "NAME=VALUE");
  create
      .add_option_function<std::string>(
          "NAME", [&to](const std::string& name) { to.names = {name}; }, "Its name")
      ->required()
      ->type_name(" ");
  CLI::App& ls = sub("ls", base::cat("List ", plural));
  add_switch(ls, "-q,--quiet", to.list.quiet, "Names only");
  add_format(ls, "--format", to.format, {"table", "json"});
  CLI::App& inspect = sub("inspect", "Show everything about them, as JSON");
  inspect.add_option("NAME", to.names, "Names")->required()->type_name(" ");
  CLI::App& rm = sub("rm", base::cat("Remove ", plural, "; refused while in use"));
  add_switch(rm, "-f,--force", to.object.force, "One that does not exist is no error");
  rm.add_option("NAME", to.names, "Names")->required()->type_name(" ");
  CLI::App& prune = sub("prune", base::cat("Remove ", plural, " that nothing uses"));
  add_switch(prune, "-f,--force", to.object.force, "Do not ask");
  for (CLI::App* each : {&top, &create, &ls, &inspect, &rm, &prune}) {
    add_globals(*each, to.globals, FileLetter::Other);
  }
}

}  // namespace

void add_pull(CLI::App& pull, Arguments& to) {
  add_format(pull, "--policy", to.image.policy, {"always", "missing"})
      ->description("missing: only those that are not here");
  add_switch(pull, "--ignore-pull-failures", to.image.ignore_failures, "Go on with the others");
  add_switch(pull, "--ignore-buildable", to.image.ignore_buildable,
             "Leave out services with a build: section");
  add_switch(pull, "--include-deps", to.image.dependencies, "Also what the services depend on");
  add_switch(pull, "-q,--quiet", to.list.quiet, "No progress");
  add_names(pull, to.names, "SERVICE", "Only these services");
  add_globals(pull, to.globals, FileLetter::File);
  pull.footer("Example:\n  stack pull --policy missing");
}

void add_push(CLI::App& push, Arguments& to) {
  add_switch(push, "--ignore-push-failures", to.image.ignore_failures, "Go on with the others");
  add_switch(push, "--include-deps", to.image.dependencies, "Also what the services depend on");
  add_switch(push, "-q,--quiet", to.list.quiet, "No progress");
  add_names(push, to.names, "SERVICE", "Only these services");
  add_globals(push, to.globals, FileLetter::File);
  push.footer("Example:\n  stack push web");
}

void add_images(CLI::App& images, Arguments& to) {
  add_switch(images, "-q,--quiet", to.list.quiet, "Ids only");
  add_format(images, "--format", to.format, {"table", "json"});
  add_names(images, to.names, "SERVICE", "Only these services");
  add_globals(images, to.globals, FileLetter::File);
  images.footer("Example:\n  stack images");
}

void add_df(CLI::App& df, Arguments& to) {
  add_format(df, "--format", to.format, {"table", "json"});
  add_globals(df, to.globals, FileLetter::File);
  df.footer("Example:\n  stack df");
}

// `image`: what belongs to the machine, not to a stack.
void add_image(CLI::App& top, Arguments& to) {
  top.require_subcommand(0, 1);
  top.footer("Example:\n  stack image ls");
  const auto sub = [&](const char* verb, const std::string& help,
                       const char* example) -> CLI::App& {
    CLI::App& made = *top.add_subcommand(verb, help);
    made.footer(base::cat("Example:\n  stack image ", verb, *example == 0 ? "" : " ", example));
    return made;
  };
  const auto operands = [&](CLI::App& each, const char* what) {
    return each.add_option("IMAGE", to.names, what)->type_name(" ");
  };
  CLI::App& ls = sub("ls", "List images", "");
  add_switch(ls, "-q,--quiet", to.list.quiet, "Ids only");
  add_switch(ls, "--no-trunc", to.list.no_trunc, "Whole ids");
  add_format(ls, "--format", to.format, {"table", "json"});
  CLI::App& inspect = sub("inspect", "Show everything about them, as JSON", "redis:7");
  operands(inspect, "Names or ids")->required();
  CLI::App& rm = sub("rm", "Remove images; refused while in use", "redis:7");
  add_switch(rm, "-f,--force", to.object.force, "Of one in use: take the name away");
  add_text(rm, "--platform", to.image.platform, "Only this platform's", "OS/ARCH");
  operands(rm, "Names or ids")->required();
  CLI::App& prune = sub("prune", "Remove images without a name that no stack uses", "-a -f");
  add_switch(prune, "-a,--all", to.list.all, "Also those with a name");
  add_switch(prune, "-f,--force", to.object.force, "Do not ask");
  CLI::App& load = sub("load", "Load images from archives or layouts", "-i images.tar");
  add_text(load, "-i,--input", to.image.input, "The archive, instead of standard input", "FILE");
  add_text(load, "--platform", to.image.platform, "Of several, this platform's", "OS/ARCH");
  add_switch(load, "-q,--quiet", to.list.quiet, "No progress");
  load.add_option("SOURCE", to.names, "FILE, oci:DIR, oci-archive:FILE, docker-archive:FILE")
      ->type_name(" ");
  CLI::App& save = sub("save", "Write images into one archive", "-o redis.tar redis:7");
  add_text(save, "-o,--output", to.image.output, "Write to FILE instead of standard output",
           "FILE");
  add_format(save, "--format", to.format, {"oci-archive", "docker-archive"})
      ->description("oci-archive also has what docker load reads");
  operands(save, "Names or ids")->required();
  CLI::App& verify = sub("verify", "Check that images are what they say", "");
  add_switch(verify, "-q,--quiet", to.list.quiet, "Only the exit status");
  add_switch(verify, "--mend", to.image.mend,
             "Unpack again what suffered when the machine stopped");
  operands(verify, "Names or ids; all when none is given");
  CLI::App& pull = sub("pull", "Pull images from registries", "redis:7");
  add_text(pull, "--platform", to.image.platform, "Another platform's than this machine's",
           "OS/ARCH");
  add_switch(pull, "-q,--quiet", to.list.quiet, "No progress");
  operands(pull, "Names")->required();
  CLI::App& push = sub("push", "Push images to registries", "localhost:5000/app:1");
  add_text(push, "--as", to.image.as, "Under another name than its own", "NAME");
  add_text(push, "--platform", to.image.platform, "Only this platform's", "OS/ARCH");
  add_switch(push, "-q,--quiet", to.list.quiet, "No progress");
  operands(push, "Names")->required();
  for (CLI::App* each : {&top, &ls, &inspect, &rm, &prune, &load, &save, &verify, &pull, &push}) {
    add_globals(*each, to.globals, FileLetter::Other);
  }
}

void add_network(CLI::App& network, Arguments& to) {
  add_objects(network, to, "network", "networks");
}

void add_volume(CLI::App& volume, Arguments& to) {
  add_objects(volume, to, "volume", "volumes");
}

}  // namespace cli
