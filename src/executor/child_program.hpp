// ChildProgram: everything the child does between clone3 and exec, as flat data made by the parent:
// a list of steps whose strings lie in one arena. The child (child_*.cpp) reads it, allocates
// nothing and makes only system calls. To add a step: an Op here, its case in child_run.cpp. Must
// not know planner::Container; launch.cpp and enter.cpp compile one into it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct sock_filter;

namespace executor {

// What the fields of Step mean is said at each; `what` is the object for the error text.
enum class Op : std::uint8_t {
  WriteFd,       // fd, text: a descriptor opened by the parent (cgroup.procs)
  Setns,         // fd, number = CLONE_NEW*
  Unshare,       // number = CLONE_NEW*
  Stdio,         // ChildProgram::stdio, tty
  MakePrivate,   // the whole mount tree
  OpenTree,      // slot, path, text = subpath or null, number = flags (kTree*)
  MountOverlay,  // path = where, data = options, text = what relative layers start from, or null
  MountLayers,   // path = where, layers: as above where the options exceed a page
  Pivot,         // path = the new root
  MountFs,       // path, text = type, data = options, number = MS_*; the target is made
  Attach,      // slot, path, number = flags (kTree*), high = MS_* propagation: hangs the tree there
  SeedVolume,  // slot, path: an empty volume takes owner and content of the folder it covers
  PlaceFile,   // slot, path: Attach over a file that may be a link (hosts, resolv.conf)
  Mkdir,       // path, number = mode
  Mknod,       // path, number = device, mode, uid, gid
  Symlink,     // path, text = where it points
  Mask,        // path: hidden
  ReadOnly,    // path: bound over itself, read-only
  RemountRead,  // path, number = MS_* kept
  WriteFile,    // path, text
  Sysctl,       // path, text
  Hostname,     // text
  Domainname,   // text
  Limit,        // slot = resource, number = soft, high = hard
  Workdir,      // path, number != 0: made when missing
  User,         // resolves ChildProgram::user
  Bounding,     // number = set of capabilities kept
  NoNewPrivs,
  Seccomp,
  Become,  // number = set of capabilities; takes on the user
  Fork,    // enter: the rest runs in a sibling inside the pid namespace
  Init,    // the rest runs in a child of a small reaper
  Exec,
};

constexpr std::uint64_t kTreeRecursive = 1, kTreeReadOnly = 2, kTreeCreate = 4, kTreeNoDev = 8,
                        kTreeNoSuid = 16, kTreeNoExec = 32;

struct Step {
  Op op = Op::Exec;
  int fd = -1;    // descriptor
  int slot = -1;  // index into ChildProgram::slots
  std::uint64_t number = 0, high = 0;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  const char* path = nullptr;
  const char* text = nullptr;
  const char* data = nullptr;
  const char* what = "";
};

// Strings that live as long as the program, at addresses that never move.
class Arena {
 public:
  const char* keep(std::string_view text);
  char* room(std::size_t size);
  // A null-terminated array of kept strings.
  const char** keep_all(const std::vector<std::string>& texts, std::size_t spare = 0);

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = 0, size_ = 0;
};

constexpr std::size_t kHomeRoom = 512;
constexpr std::size_t kMaxGroups = 256;

struct ChildProgram {
  Arena arena;
  std::vector<Step> steps;
  std::vector<int> slots;  // descriptors of mount trees, filled by the child

  int stdio[3] = {-1, -1, -1};
  bool tty = false;
  int status_fd = -1;
  int pid_fd = -1;  // Fork: where the new pid is written

  struct User {
    const char* name = "";         // "", name or number
    const char* group = nullptr;   // null: the user's own
    const char** extra = nullptr;  // group_add
  } user;
  // Found by Op::User.
  uid_t uid = 0;
  gid_t gid = 0;
  gid_t groups[kMaxGroups] = {};
  std::size_t group_count = 0;

  const char** layers = nullptr;  // MountLayers: lower directories, topmost first
  const char* upper = nullptr;
  const char* work = nullptr;

  const char** argv = nullptr;
  const char** envp = nullptr;
  char* home = nullptr;               // "HOME=" + kHomeRoom, in envp when the environment has none
  const char** candidates = nullptr;  // paths to try, in order of PATH
  const sock_filter* filter = nullptr;
  std::uint16_t filter_length = 0;

  Step& add(Op op, std::string_view what = {});
  int new_slot();
};

// What went wrong beyond errno.
enum class Detail : std::uint8_t {
  None,
  Interpreter,  // the program is there; its interpreter or loader is not
  NoSuchUser,
  NoSuchGroup,
  Directory,  // the program is a folder
};

// Written to the status pipe, followed by `length` bytes of text.
struct FailureRecord {
  std::int32_t errnum = 0;
  Op op = Op::Exec;
  Detail detail = Detail::None;
  std::uint16_t length = 0;
};

// Runs the program; never returns. Called in the child only.
[[noreturn]] void run_child(ChildProgram& program);

}  // namespace executor
