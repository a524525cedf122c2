// Arguments: what was asked for on the command line, as plain values. parse_arguments() is pure: it
// reads no file, no environment and ends no process; CLI11 stays behind it.
// To add an option: a field here, one line in arguments_*.cpp, its use in the command's file, and a
// line in docs/stack.1 and docs/commands.md, which cli_docs_test looks for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cli {

enum class Ansi : std::uint8_t { Auto, Always, Never };
enum class ProgressMode : std::uint8_t { Auto, Tty, Plain, Json, Quiet };

// Accepted before and after the command.
struct GlobalArgs {
  std::vector<std::string> files, env_files, profiles;
  std::string project_name, project_directory, root;
  Ansi ansi = Ansi::Auto;
  ProgressMode progress = ProgressMode::Auto;
  bool dry_run = false;
};

struct UpArgs {
  bool detach = false, wait = false;
  bool force_recreate = false, no_deps = false, remove_orphans = false;
  std::optional<unsigned> wait_timeout;   // seconds
  std::map<std::string, unsigned> scale;  // service → replicas
  std::string pull;                       // --pull: a policy for every service
  bool quiet_pull = false;
  bool no_start = false, no_recreate = false;
  bool recreate_dependencies = false, renew_volumes = false;
  bool build = false, no_build = false;
  // In the foreground: whose end stops the stack, whose logs are shown.
  bool abort_on_exit = false, abort_on_failure = false;
  std::string exit_code_from;                  // service
  std::vector<std::string> attach, no_attach;  // services
  bool attach_dependencies = false;
};
struct DownArgs {
  bool volumes = false, remove_orphans = false;
  std::string images;       // --rmi: "", "local", "all"
  bool after_wait = false;  // wait --down-project
};
struct PlanArgs {
  bool detailed_exitcode = false;
  std::string out;  // -o: a file for `apply`; "-": standard output
};
struct ListArgs {  // ps, ls, network ls, volume ls
  bool all = false, quiet = false, services = false, no_trunc = false, orphans = true;
  std::vector<std::string> statuses, filters;  // filters: as written, KEY=VALUE
};
struct LogArgs {  // logs, and what `up` shows
  bool follow = false, timestamps = false, no_prefix = false, no_colour = false;
  std::optional<std::size_t> tail;  // nothing: all
  std::string since, until;         // as parse_when() takes them
};
struct ExecArgs {
  bool no_tty = false, detach = false, privileged = false;
  std::string user, working_dir;
  std::vector<std::string> environment;  // NAME=value or NAME
  std::vector<std::string> argv;
};
struct RunArgs {
  bool detach = false, remove = false, no_tty = false, interactive = true, no_deps = false;
  bool service_ports = false, use_aliases = false, quiet = false;
  std::string name, user, working_dir;
  std::optional<std::string> entrypoint;
  std::vector<std::string> environment;  // NAME=value or NAME
  std::vector<std::string> env_files, volumes, publish, labels, cap_add, cap_drop;
  std::vector<std::string> argv;  // empty: the service's command
};
struct AttachArgs {
  bool no_stdin = false, sig_proxy = true;
  std::string detach_keys = "ctrl-p,ctrl-q";
};
struct EventsArgs {
  bool json = false;
  std::string since, until;
};
struct StatsArgs {
  bool no_stream = false;
};
struct CopyArgs {  // cp
  bool archive = false, follow_link = false, all = false;
};
struct ConfigArgs {
  // What is printed instead of the model; one at most.
  bool quiet = false, services = false, volumes = false, networks = false, images = false;
  bool profiles = false, models = false, environment = false, variables = false, schema = false;
  std::string hash, explain;
  // Stages that are left out.
  bool no_interpolate = false, no_normalize = false, no_path_resolution = false;
  bool no_consistency = false, no_env_resolution = false;
  bool strict = false, image_digests = false;
  std::string output;
};
struct PortArgs {
  std::string protocol = "tcp";
  std::uint16_t port = 0;
};
struct RemoveArgs {  // rm
  bool force = false, stop = false, volumes = false;
};
struct RestartArgs {
  bool no_deps = false;
};
struct ReconcileArgs {
  bool all = false;
  unsigned timeout = 300;  // seconds
};
struct EnableArgs {  // enable, disable; --all is reconcile's
  bool print = false, cron = false;
  std::string unit_dir, cron_dir;
};
struct ObjectArgs {  // network and volume
  std::vector<std::string> subnets, gateways, labels;
  bool internal = false, ipv6 = false, force = false;
};

struct ImageArgs {  // image, pull, push
  std::string input, output, platform, policy, as;
  bool ignore_failures = false, ignore_buildable = false, dependencies = false, mend = false;
};

struct Arguments {
  GlobalArgs globals;
  std::string command;                   // "up", "network create"
  std::vector<std::string> names;        // services; names of networks or volumes
  std::string format;                    // "": the command's default
  unsigned index = 0;                    // 0: the first that runs
  std::optional<unsigned> stop_timeout;  // -t of up and down, seconds
  bool short_version = false;
  int kill_signal = 9;  // SIGKILL
  UpArgs up;
  DownArgs down;
  PlanArgs plan;
  ListArgs list;
  LogArgs logs;
  ExecArgs exec;
  RunArgs run;
  AttachArgs attach;
  EventsArgs events;
  StatsArgs stats;
  CopyArgs copy;
  ConfigArgs config;
  PortArgs port;
  ObjectArgs object;
  RemoveArgs remove;
  RestartArgs restart;
  ReconcileArgs reconcile;
  EnableArgs enable;
  ImageArgs image;
};

struct Parsed {
  Arguments arguments;
  std::optional<int> exit;  // set: print `out` and `err`, end with this status
  std::string out, err;
};
// `words` without the program's name.
Parsed parse_arguments(const std::vector<std::string>& words);

// A command as its --help has it.
struct KnownCommand {
  std::string name;                               // "image ls"; "" for what stands before one
  std::vector<std::vector<std::string>> options;  // the names of each: {"-d", "--detach"}
};
// Every command with every option that it takes, those of every command left out but for "". For
// tests that look for them in the manual.
std::vector<KnownCommand> known_commands();

}  // namespace cli
