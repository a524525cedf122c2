// stack-image: the helper program beside `stack` for everything that handles bytes of images: curl,
// TLS, archives and hashes are linked here and nowhere else. `stack` runs it and reads Progress'
// lines.
//   stack-image COMMAND [--option value]... [NAME]...
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "fetch/progress.hpp"

namespace fetch {

struct Options {
  base::Roots roots;
  std::string working_dir;                    // for relative paths in references
  std::string platform;                       // "": this machine's
  std::string output;                         // save: the file
  std::map<std::string, std::string> others;  // what one command alone knows: policy, format, ...
  std::vector<std::string> names;
  Progress* progress = nullptr;  // never null in a command
};

// A command each; they throw base::Error. Return the exit status.
int load(const Options& options);
int save(const Options& options);
int verify(const Options& options);
// `stack cp` with -: between our own stream of a tree and a tar stream, standard input to standard
// output. What is wrong is said on standard error.
int tar_pack(const std::string& name);  // of the top
int tar_unpack();
int pull(const Options& options);  // registry_pull.cpp
int push(const Options& options);  // registry_push.cpp

int run(int argc, char** argv);

}  // namespace fetch
