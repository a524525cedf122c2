#include "supervisor/keeper_state.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "supervisor/keeper_link.hpp"

namespace supervisor {

base::Fd write_keeper_state(const KeeperState& state) {
  base::Fd out(::memfd_create("stack-keeper", MFD_CLOEXEC));
  if (!out) base::throw_errno("memfd_create");
  std::string text = base::cat("supervisor ", state.supervisor, "\n");
  for (const auto& [key, fds] : state.held) {
    text += "held";
    for (const base::Fd& fd : fds) text += base::cat(" ", fd.get());
    text += base::cat(" = ", key, "\n");
  }
  for (const executor::ExitRecord& record : state.exits) {
    text += base::cat("exit ", encode_exit(record), "\n");
  }
  base::sys::write_all(out.get(), text, "the keeper's state");
  if (::lseek(out.get(), 0, SEEK_SET) != 0) base::throw_errno("lseek", "the keeper's state");
  return out;
}

KeeperInheritance read_keeper_state(const base::Fd& file) {
  KeeperInheritance out;
  for (const std::string& line :
       base::split(base::sys::read_all(file.get(), "the keeper's state"), '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    const std::string kind = line.substr(0, space);
    const std::string rest = line.substr(space + 1);
    if (kind == "supervisor") {
      out.supervisor = static_cast<pid_t>(base::parse_int(rest).value_or(0));
    } else if (kind == "exit") {
      executor::ExitRecord record;
      if (decode_exit(rest, record)) out.exits.push_back(record);
    } else if (const std::size_t at = rest.find("= "); kind == "held" && at != std::string::npos) {
      std::vector<base::Fd>& fds = out.held[rest.substr(at + 2)];
      for (const std::string& word : base::split(rest.substr(0, at), ' ')) {
        const auto number = base::parse_int(word);
        if (!number || ::fcntl(static_cast<int>(*number), F_SETFD, FD_CLOEXEC) != 0) continue;
        fds.emplace_back(static_cast<int>(*number));
      }
    }
  }
  return out;
}

}  // namespace supervisor
