// Who the program runs as: looked up in the image's own passwd and group with a bounded, streaming
// reader, since neither file can be trusted, and taken on with the capabilities that remain.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "executor/child_parts.hpp"

namespace executor::child {

namespace {

constexpr std::size_t kFileLimit = 8U << 20U;

// Cuts a colon-separated file into tokens; commas part the members of a group's last field. A token
// longer than the buffer is cut short and so matches nothing useful.
struct Token {
  unsigned field = 0;
  char text[kHomeRoom] = "";
  std::size_t length = 0;
};

// visit(token) for each token, end_line() after each line; either returns false to stop.
// False only for an unreadable file; a missing one is empty.
template <class Visit, class EndLine>
bool each_token(const char* path, Visit visit, EndLine end_line) {
  const int fd = ::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR;
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    errno = EINVAL;
    return false;
  }
  char buffer[4096];
  Token token;
  std::size_t total = 0;
  bool go_on = true;
  bool at_start = true;
  ssize_t got = 0;
  while (go_on && total < kFileLimit && (got = ::read(fd, buffer, sizeof(buffer))) > 0) {
    total += static_cast<std::size_t>(got);
    for (ssize_t i = 0; go_on && i < got; ++i) {
      const char c = buffer[i];
      if (c != ':' && c != ',' && c != '\n') {
        if (token.length + 1 < sizeof(token.text)) token.text[token.length++] = c;
        at_start = false;
        continue;
      }
      // A comma inside passwd's comment field parts nothing that we look at.
      token.text[token.length] = 0;
      if (!(c == '\n' && at_start)) go_on = visit(token);
      token.length = 0;
      at_start = false;
      if (c == ':') ++token.field;
      if (c == '\n') {
        go_on = go_on && end_line();
        token.field = 0;
        at_start = true;
      }
    }
  }
  if (go_on && !at_start) {
    token.text[token.length] = 0;
    if (visit(token)) end_line();
  }
  ::close(fd);
  return got >= 0;
}

bool parse_id(const char* text, std::uint32_t& out) {
  if (*text == 0) return false;
  std::uint64_t value = 0;
  for (; *text != 0; ++text) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + static_cast<unsigned>(*text - '0');
    if (value >= 0xffffffffU) return false;
  }
  out = static_cast<std::uint32_t>(value);
  return true;
}

void add_group(ChildProgram& program, gid_t gid) {
  for (std::size_t i = 0; i < program.group_count; ++i) {
    if (program.groups[i] == gid) return;
  }
  if (program.group_count < kMaxGroups) program.groups[program.group_count++] = gid;
}

struct Account {
  char name[kHomeRoom] = "";
  char home[kHomeRoom] = "";
  uid_t uid = 0;
  gid_t gid = 0;
  bool found = false;
};

bool find_account(const char* wanted, bool numeric, std::uint32_t id, Account& out) {
  Account line;
  bool good_uid = false;
  bool good_gid = false;
  return each_token(
      "/etc/passwd",
      [&](const Token& token) {
        if (token.field == 0) std::memcpy(line.name, token.text, token.length + 1);
        if (token.field == 2) good_uid = parse_id(token.text, line.uid);
        if (token.field == 3) good_gid = parse_id(token.text, line.gid);
        if (token.field == 5) std::memcpy(line.home, token.text, token.length + 1);
        return true;
      },
      [&] {
        const bool match = numeric ? line.uid == id : ::strcmp(line.name, wanted) == 0;
        if (good_uid && good_gid && match) {
          out = line;
          out.found = true;
          return false;
        }
        line = Account{};
        good_uid = good_gid = false;
        return true;
      });
}

// The number of the group `wanted`.
bool find_group(const char* wanted, gid_t& out, bool& found) {
  bool match = false;
  found = false;
  return each_token(
      "/etc/group",
      [&](const Token& token) {
        if (token.field == 0) match = ::strcmp(token.text, wanted) == 0;
        if (token.field == 2 && match) found = parse_id(token.text, out);
        return !found;
      },
      [] { return true; });
}

bool add_memberships(ChildProgram& program, const char* name) {
  gid_t gid = 0;
  bool good = false;
  return each_token(
      "/etc/group",
      [&](const Token& token) {
        if (token.field == 0) good = false;
        if (token.field == 2) good = parse_id(token.text, gid);
        if (token.field == 3 && good && ::strcmp(token.text, name) == 0) add_group(program, gid);
        return true;
      },
      [] { return true; });
}

bool resolve_group(const char* text, gid_t& out, Detail& detail) {
  if (parse_id(text, out)) return true;
  bool found = false;
  if (!find_group(text, out, found)) return false;
  if (found) return true;
  detail = Detail::NoSuchGroup;
  errno = ENOENT;
  return false;
}

}  // namespace

bool find_user(ChildProgram& program, Detail& detail) {
  const ChildProgram::User& user = program.user;
  std::uint32_t id = 0;
  const bool numeric = *user.name == 0 || parse_id(user.name, id);
  Account account;
  if (!find_account(user.name, numeric, id, account)) return false;
  if (!numeric && !account.found) {
    detail = Detail::NoSuchUser;
    errno = ENOENT;
    return false;
  }
  program.uid = account.found ? account.uid : id;
  program.gid = account.found ? account.gid : 0;
  program.group_count = 0;
  if (user.group != nullptr) {
    if (!resolve_group(user.group, program.gid, detail)) return false;
  } else if (account.found && !add_memberships(program, account.name)) {
    return false;
  }
  add_group(program, program.gid);
  for (const char** extra = user.extra; extra != nullptr && *extra != nullptr; ++extra) {
    gid_t gid = 0;
    if (!resolve_group(*extra, gid, detail)) return false;
    add_group(program, gid);
  }
  if (program.home != nullptr) {
    const char* home = account.found && account.home[0] == '/' ? account.home : "/";
    constexpr std::size_t kPrefix = 5;  // HOME=
    std::memcpy(program.home + kPrefix, home, ::strlen(home) + 1);
  }
  return true;
}

bool drop_bounding(std::uint64_t keep) {
  for (unsigned long number = 0; number < 64; ++number) {
    if ((keep >> number & 1U) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) {
      if (errno == EINVAL) break;  // above the kernel's last capability
      return false;
    }
  }
  return true;
}

bool become(const ChildProgram& program, std::uint64_t capabilities) {
  if (::syscall(SYS_setgroups, program.group_count, program.groups) != 0) return false;
  // Raw calls: the C library's would signal threads that do not exist here.
  if (::syscall(SYS_setresgid, program.gid, program.gid, program.gid) != 0) return false;
  if (::syscall(SYS_setresuid, program.uid, program.uid, program.uid) != 0) return false;
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  __user_cap_data_struct data[2] = {};
  if (program.uid == 0) {
    data[0].effective = data[0].permitted = static_cast<std::uint32_t>(capabilities);
    data[1].effective = data[1].permitted = static_cast<std::uint32_t>(capabilities >> 32U);
  }
  if (::syscall(SYS_capset, &header, data) != 0) return false;
  return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 || errno == EINVAL;
}

}  // namespace executor::child
