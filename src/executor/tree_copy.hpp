// The two ends of `cp`: a tree of files out of a file system into a stream, and out of a stream
// into a file system. Each sees one file system only: a process that has entered a container's root
// (container_root.hpp) cannot be led out of it by any link.
#pragma once

#include <string>
#include <vector>

namespace executor {

struct SendTree {
  std::string source;
  bool follow = false;  // a link given as source: what it leads to
};
// Devices, pipes and sockets are left out and named; so is what could not be read. Throws
// base::Error when the source itself cannot be.
std::vector<std::string> send_tree(int stream, const SendTree& request);

struct ReceiveTree {
  std::string target;
  std::string name;          // of what is copied, when it goes into a folder
  bool contents = false;     // only what the folder holds
  bool keep_owners = false;  // otherwise ours; and then no set-user-id either
};
// docker's rules: into an existing folder, else as `target` itself. Below it no link is followed.
void receive_tree(int stream, const ReceiveTree& request);

}  // namespace executor
