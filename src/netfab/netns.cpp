#include "netfab/netns.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/magic.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "netfab/netlink.hpp"
#include "netfab/sysctl.hpp"

namespace netfab {

namespace {

const char* const kOwn = "/proc/thread-self/ns/net";

// Comes back to the namespace the thread was in, whatever happens in between.
class Return {
 public:
  Return() : home_(base::sys::open(kOwn, O_RDONLY)) {}
  ~Return() {
    if (::setns(home_.get(), CLONE_NEWNET) == 0) return;
    // To go on in somebody else's network would be worse than to die.
    std::perror("stack: return to the own network namespace");
    std::abort();
  }
  Return(const Return&) = delete;
  Return& operator=(const Return&) = delete;

 private:
  base::Fd home_;
};

// Runs inside the new namespace; /proc/sys/net shows that of the task that opens it.
void furnish() {
  // As docker has it: ports below 1024 and ping without capabilities.
  set_sysctl("net/ipv4/ip_unprivileged_port_start", "0");
  set_sysctl("net/ipv4/ping_group_range", "0 2147483647");
  if (has_ipv6()) {
    // For the interfaces still to come: addresses are given out by us alone. Router solicitations
    // and multicast joins of each would flood every port of the bridge.
    set_sysctl("net/ipv6/conf/default/accept_ra", "0");
    set_sysctl("net/ipv6/conf/default/autoconf", "0");
    set_sysctl("net/ipv6/conf/default/addr_gen_mode", "1");
  }
  NetlinkSocket socket(NETLINK_ROUTE);
  ifinfomsg link{};
  link.ifi_index = 1;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  Message up(RTM_NEWLINK, 0, 128);
  up.header(link);
  socket.request_one(std::move(up), "set up", "lo");
}

}  // namespace

bool is_netns(const std::string& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 &&
         static_cast<unsigned long>(info.f_type) == NSFS_MAGIC;
}

void ensure_netns(const std::string& path) {
  if (is_netns(path)) return;
  // Only the file's existence counts; one left by a process that died here is taken over.
  CRASH_POINT("netns/before");
  base::sys::open(path, O_RDONLY | O_CREAT, 0600);
  CRASH_POINT("netns/file");
  try {
    const Return home;
    if (::unshare(CLONE_NEWNET) < 0) {
      throw base::SysError(errno, "unshare network namespace", path,
                           errno == EPERM ? "this needs root" : "");
    }
    CRASH_POINT("netns/unshared");
    furnish();
    CRASH_POINT("netns/furnished");
    base::sys::mount(kOwn, path, nullptr, MS_BIND);
    CRASH_POINT("netns/pinned");
  } catch (...) {
    (void)::unlink(path.c_str());
    throw;
  }
}

void pin_netns_of(pid_t pid, const std::string& path) {
  if (is_netns(path)) return;
  base::sys::open(path, O_RDONLY | O_CREAT, 0600);
  base::sys::mount(base::cat("/proc/", pid, "/ns/net"), path, nullptr, MS_BIND);
}

void remove_netns(const std::string& path) {
  CRASH_POINT("netns/unpin");
  // More than once: two processes that pinned at the same moment stacked their mounts.
  while (is_netns(path)) {
    if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
      if (errno == EINVAL || errno == ENOENT) break;
      throw base::SysError(errno, "unpin network namespace", path);
    }
  }
  base::remove_file(path);
}

base::Fd open_netns(const std::string& path) {
  base::Fd fd = base::sys::open(path, O_RDONLY);
  struct statfs info {};
  if (::fstatfs(fd.get(), &info) < 0 || static_cast<unsigned long>(info.f_type) != NSFS_MAGIC) {
    throw base::Error(base::cat(path, " is not a network namespace"),
                      "it may be left from before a reboot; bring the stack up again");
  }
  return fd;
}

void in_netns(const base::Fd& netns, const std::function<void()>& work) {
  const Return home;
  if (::setns(netns.get(), CLONE_NEWNET) < 0) base::throw_errno("setns", "network namespace");
  work();
}

}  // namespace netfab
