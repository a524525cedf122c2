#include "fetch/run.hpp"

#include <unistd.h>

#include <csignal>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "fetch/unpack_server.hpp"

namespace fetch {

namespace {

using Command = int (*)(const Options&);
struct Entry {
  std::string_view name;
  Command run;
};
constexpr Entry kCommands[] = {
    {"load", load}, {"save", save}, {"verify", verify}, {"pull", pull}, {"push", push}};

std::string current_folder() {
  char* name = ::get_current_dir_name();
  std::string out = name != nullptr ? name : "/";
  std::free(name);  // NOLINT: from get_current_dir_name
  return out;
}

// `--name value` or `--name=value`; everything else is a name.
Options parse_options(int argc, char** argv) {
  Options out;
  out.working_dir = current_folder();
  std::string root;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (!base::starts_with(word, "--") || word == "--") {
      if (word != "--") out.names.push_back(word);
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    std::string value;
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      throw base::Error(base::cat("option ", word, " needs a value"));
    }
    if (key == "root") {
      root = value;
    } else if (key == "directory") {
      out.working_dir = value;
    } else if (key == "platform") {
      out.platform = value;
    } else if (key == "output") {
      out.output = value;
    } else {
      out.others[key] = value;
    }
  }
  out.roots = base::Roots::from(root);
  return out;
}

}  // namespace

int run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "tar-pack") return tar_pack(argc > 2 ? argv[2] : "");
  if (name == "tar-unpack") return tar_unpack();
  Progress progress(STDOUT_FILENO);
  try {
    UnpackServer::start();
    for (const Entry& each : kCommands) {
      if (each.name != name) continue;
      Options options = parse_options(argc, argv);
      options.progress = &progress;
      return each.run(options);
    }
    throw base::Error(base::cat("stack-image: no such command: ", name),
                      "it is run by stack; see stack image --help");
  } catch (const base::Error& error) {
    progress.error(error);
  } catch (const std::exception& error) {
    progress.error(base::Error(error.what()));
  }
  return 1;
}

}  // namespace fetch
