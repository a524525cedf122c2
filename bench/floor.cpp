// The floor: what N containers on one network cost when nothing but the system calls is done, one
// container after the other. Prints {"up_ms": ..., "down_ms": ...}. Must run inside namespaces of
// its own (tests/run-isolated); makes the same kinds of kernel objects as `stack up -d` and takes
// them away again.
//
//   floor COUNT ROOTFS WORKDIR CGROUP      ROOTFS has /pause, static; CGROUP below every
//   hierarchy's mount
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "floor: %s: %s\n", what.c_str(), std::strerror(errno));
  _exit(1);
}

int check(int result, const std::string& what) {
  if (result < 0) fail(what);
  return result;
}

void write_file(const std::string& path, const std::string& text, bool must = true) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 && !must) return;
  check(fd, path);
  if (write(fd, text.data(), text.size()) < 0 && must) fail(path);
  close(fd);
}

// ---- rtnetlink, one request at a time
// ------------------------------------------------------------

class Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags) {
    bytes_.resize(sizeof(nlmsghdr));
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  }
  template <class T>
  void body(const T& value) {
    append(&value, sizeof value);
  }
  void attribute(std::uint16_t type, const void* data, std::size_t size) {
    const rtattr head{static_cast<std::uint16_t>(RTA_LENGTH(size)), type};
    append(&head, sizeof head);
    append(data, size);
  }
  void attribute(std::uint16_t type, const std::string& text) {
    attribute(type, text.c_str(), text.size() + 1);
  }
  void attribute(std::uint16_t type, std::uint32_t value) { attribute(type, &value, sizeof value); }
  std::size_t begin(std::uint16_t type) {
    const std::size_t at = bytes_.size();
    const rtattr head{0, type};
    append(&head, sizeof head);
    return at;
  }
  void end(std::size_t at) {
    const auto size = static_cast<std::uint16_t>(bytes_.size() - at);
    std::memcpy(&bytes_[at], &size, sizeof size);
  }
  void send(int socket, const std::string& what) {
    header()->nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    if (::send(socket, bytes_.data(), bytes_.size(), 0) < 0) fail(what);
    alignas(nlmsghdr) char answer[8192];
    if (recv(socket, answer, sizeof answer, 0) < 0) fail(what);
    const auto* head = reinterpret_cast<const nlmsghdr*>(answer);
    const auto* error = reinterpret_cast<const nlmsgerr*>(answer + NLMSG_HDRLEN);
    if (head->nlmsg_type == NLMSG_ERROR && error->error != 0) {
      errno = -error->error;
      fail(what);
    }
  }

 private:
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  void append(const void* data, std::size_t size) {
    const auto* from = static_cast<const char*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  std::vector<char> bytes_;
};

int route_socket() {
  const int fd =
      check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "netlink socket");
  return fd;
}

// With a name, no v6 address is configured by the kernel: its multicast joins would flood every
// port of the bridge.
void link_up(int socket, int index, const std::string& name = {}) {
  Request request(RTM_NEWLINK, 0);
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  request.body(info);
  if (!name.empty()) {
    request.attribute(IFLA_IFNAME, name);
    const std::size_t spec = request.begin(IFLA_AF_SPEC);
    const std::size_t inet6 = request.begin(AF_INET6);
    const std::uint8_t none = IN6_ADDR_GEN_MODE_NONE;
    request.attribute(IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
    request.end(inet6);
    request.end(spec);
  }
  request.send(socket, "link up");
}

void add_address(int socket, int index, const std::string& text, std::uint8_t prefix) {
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg info{};
  info.ifa_family = AF_INET;
  info.ifa_prefixlen = prefix;
  info.ifa_index = static_cast<unsigned>(index);
  request.body(info);
  in_addr address{};
  inet_pton(AF_INET, text.c_str(), &address);
  request.attribute(IFA_LOCAL, &address, sizeof address);
  request.attribute(IFA_ADDRESS, &address, sizeof address);
  request.send(socket, "address " + text);
}

void add_default_route(int socket, const std::string& gateway) {
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg info{};
  info.rtm_family = AF_INET;
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_type = RTN_UNICAST;
  request.body(info);
  in_addr address{};
  inet_pton(AF_INET, gateway.c_str(), &address);
  request.attribute(RTA_GATEWAY, &address, sizeof address);
  request.send(socket, "default route");
}

int make_bridge(int socket, const std::string& name) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.body(ifinfomsg{});
  request.attribute(IFLA_IFNAME, name);
  const std::size_t info = request.begin(IFLA_LINKINFO);
  request.attribute(IFLA_INFO_KIND, "bridge");
  request.end(info);
  request.send(socket, "bridge " + name);
  const int index = static_cast<int>(if_nametoindex(name.c_str()));
  add_address(socket, index, "10.230.0.1", 16);
  link_up(socket, index, name);
  return index;
}

void make_veth(int socket, const std::string& name, int bridge, int netns) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.body(ifinfomsg{});
  request.attribute(IFLA_IFNAME, name);
  request.attribute(IFLA_MASTER, static_cast<std::uint32_t>(bridge));
  const std::size_t info = request.begin(IFLA_LINKINFO);
  request.attribute(IFLA_INFO_KIND, "veth");
  const std::size_t data = request.begin(IFLA_INFO_DATA);
  const std::size_t peer = request.begin(VETH_INFO_PEER);
  request.body(ifinfomsg{});
  request.attribute(IFLA_IFNAME, "eth0");
  request.attribute(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  request.end(peer);
  request.end(data);
  request.end(info);
  request.send(socket, "veth " + name);
  link_up(socket, 0, name);
}

void remove_link(int socket, const std::string& name) {
  Request request(RTM_DELLINK, 0);
  request.body(ifinfomsg{});
  request.attribute(IFLA_IFNAME, name);
  request.send(socket, "remove " + name);
}

// ---- one container
// ---------------------------------------------------------------------------------------

struct Hierarchy {
  std::string mount;
  bool v2 = false, devices = false, cpuset = false;
};

std::vector<Hierarchy> hierarchies() {
  std::vector<Hierarchy> found;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t split = line.find(" - cgroup");
    if (split == std::string::npos) continue;
    std::istringstream left(line);
    std::string word;
    Hierarchy one;
    for (int i = 0; i < 5; ++i) left >> word;
    one.mount = word;
    one.v2 = line.compare(split + 3, 8, "cgroup2 ") == 0;
    one.devices = access((one.mount + "/devices.allow").c_str(), F_OK) == 0 ||
                  line.find("devices", split) != std::string::npos;
    one.cpuset = line.find("cpuset", split) != std::string::npos;
    found.push_back(one);
  }
  return found;
}

struct Container {
  std::string name, dir, address;
  pid_t pid = 0;
  int pidfd = -1;
};

struct World {
  std::string rootfs, work, cgroup;
  std::vector<Hierarchy> groups;
  int socket = -1;
  int own_netns = -1;
  int bridge = 0;
};

void make_group(const World& world, const std::string& name) {
  for (const Hierarchy& group : world.groups) {
    const std::string dir = group.mount + world.cgroup + "/" + name;
    check(mkdir(dir.c_str(), 0755), dir);
    if (group.v2) continue;
    if (group.cpuset) {
      for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
        std::ifstream parent(group.mount + world.cgroup + file);
        std::string value;
        std::getline(parent, value);
        write_file(dir + file, value);
      }
    }
    if (group.devices) {
      write_file(dir + "/devices.deny", "a");
      for (const char* rule : {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",
                               "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"}) {
        write_file(dir + "/devices.allow", rule);
      }
    }
  }
}

void make_network(const World& world, const Container& container) {
  const std::string pin = container.dir + "/netns";
  write_file(pin, "");
  check(unshare(CLONE_NEWNET), "unshare net");
  check(mount("/proc/self/ns/net", pin.c_str(), nullptr, MS_BIND, nullptr), "pin " + pin);
  const int inside = route_socket();
  link_up(inside, 1);
  write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
  write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
  write_file("/proc/sys/net/ipv6/conf/default/accept_ra", "0", false);
  write_file("/proc/sys/net/ipv6/conf/all/accept_ra", "0", false);
  const int netns = check(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "own net");
  check(setns(world.own_netns, CLONE_NEWNET), "back");
  // The last run's links may still be on their way out: names are never used twice.
  make_veth(world.socket, "f" + std::to_string(getpid()) + "-" + container.name, world.bridge,
            netns);
  // The first link after lo in a new namespace always has the next index.
  const int eth0 = 2;
  add_address(inside, eth0, container.address, 16);
  link_up(inside, eth0);
  add_default_route(inside, "10.230.0.1");
  close(inside);
  close(netns);
}

void bind_over(const char* source, const std::string& target, unsigned long more = 0) {
  if (mount(source, target.c_str(), nullptr, MS_BIND, nullptr) != 0) return;
  if (more != 0) mount(nullptr, target.c_str(), nullptr, MS_REMOUNT | MS_BIND | more, nullptr);
}

[[noreturn]] void child(const World& world, const Container& container, int status) {
  // `tasks`, not `cgroup.procs`: a thread that moves itself alone spares the kernel's global lock,
  // whose first writer waits for an RCU grace period (cgroup_attach_lock in
  // kernel/cgroup/cgroup.c).
  for (const Hierarchy& group : world.groups) {
    if (!group.v2) write_file(group.mount + world.cgroup + "/" + container.name + "/tasks", "0");
  }
  check(unshare(CLONE_NEWCGROUP), "unshare cgroup");
  const int netns = check(open((container.dir + "/netns").c_str(), O_RDONLY | O_CLOEXEC), "netns");
  check(setns(netns, CLONE_NEWNET), "setns net");
  check(sethostname(container.name.data(), container.name.size()), "sethostname");
  check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private");
  const std::string root = container.dir + "/root";
  const std::string layers = "lowerdir=" + world.rootfs + ",upperdir=" + container.dir +
                             "/upper,workdir=" + container.dir + "/work";
  check(mount("overlay", root.c_str(), "overlay", 0, layers.c_str()), "overlay");
  const unsigned long tight = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  check(mount("proc", (root + "/proc").c_str(), "proc", tight, nullptr), "proc");
  check(mount("sysfs", (root + "/sys").c_str(), "sysfs", tight | MS_RDONLY, nullptr), "sysfs");
  const std::string dev = root + "/dev";
  check(mount("tmpfs", dev.c_str(), "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"),
        "dev");
  for (const char* name : {"/pts", "/shm", "/mqueue"})
    check(mkdir((dev + name).c_str(), 0755), name);
  check(mount("devpts", (dev + "/pts").c_str(), "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620"),
        "devpts");
  check(mount("tmpfs", (dev + "/shm").c_str(), "tmpfs", tight, "mode=1777,size=64m"), "shm");
  check(mount("mqueue", (dev + "/mqueue").c_str(), "mqueue", tight, nullptr), "mqueue");
  const struct {
    const char* name;
    unsigned major, minor;
  } nodes[] = {{"/null", 1, 3},   {"/zero", 1, 5},    {"/full", 1, 7},
               {"/random", 1, 8}, {"/urandom", 1, 9}, {"/tty", 5, 0}};
  for (const auto& node : nodes) {
    check(mknod((dev + node.name).c_str(), S_IFCHR | 0666, makedev(node.major, node.minor)),
          node.name);
  }
  check(symlink("pts/ptmx", (dev + "/ptmx").c_str()), "ptmx");
  check(symlink("/proc/self/fd", (dev + "/fd").c_str()), "fd");
  check(symlink("/proc/self/fd/0", (dev + "/stdin").c_str()), "stdin");
  check(symlink("/proc/self/fd/1", (dev + "/stdout").c_str()), "stdout");
  check(symlink("/proc/self/fd/2", (dev + "/stderr").c_str()), "stderr");
  for (const char* name : {"hosts", "hostname", "resolv.conf"}) {
    bind_over((container.dir + "/etc/" + name).c_str(), root + "/etc/" + name);
  }
  for (const char* name : {"/proc/kcore", "/proc/keys", "/proc/timer_list"}) {
    bind_over("/dev/null", root + name);
  }
  for (const char* name : {"/proc/acpi", "/proc/scsi", "/sys/firmware"}) {
    mount("tmpfs", (root + name).c_str(), "tmpfs", tight | MS_RDONLY, "size=0");
  }
  for (const char* name :
       {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}) {
    bind_over((root + name).c_str(), root + name, MS_RDONLY | tight);
  }
  check(chdir(root.c_str()), "chdir");
  check(static_cast<int>(syscall(SYS_pivot_root, ".", ".")), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount old root");
  check(chdir("/"), "chdir /");
  setsid();
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  char program[] = "/pause";
  char* argv[] = {program, nullptr};
  char* envp[] = {nullptr};
  execve(program, argv, envp);
  const int error = errno;
  if (write(status, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

void launch(const World& world, Container& container) {
  for (const char* part : {"", "/upper", "/work", "/root", "/etc"}) {
    check(mkdir((container.dir + part).c_str(), 0755), container.dir + part);
  }
  write_file(container.dir + "/etc/hosts",
             "127.0.0.1 localhost\n" + container.address + " " + container.name + "\n");
  write_file(container.dir + "/etc/hostname", container.name + "\n");
  write_file(container.dir + "/etc/resolv.conf", "nameserver 127.0.0.11\n");
  make_group(world, container.name);
  make_network(world, container);
  int status[2];
  check(pipe2(status, O_CLOEXEC), "pipe");
  int group_fd = -1;
  for (const Hierarchy& group : world.groups) {
    if (group.v2) {
      group_fd = open((group.mount + world.cgroup + "/" + container.name).c_str(),
                      O_DIRECTORY | O_CLOEXEC);
    }
  }
  clone_args args{};
  args.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD |
               (group_fd >= 0 ? CLONE_INTO_CGROUP : 0ULL);
  args.pidfd = reinterpret_cast<std::uintptr_t>(&container.pidfd);
  args.exit_signal = SIGCHLD;
  args.cgroup = group_fd >= 0 ? static_cast<std::uint64_t>(group_fd) : 0;
  container.pid = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
  check(container.pid, "clone3");
  if (container.pid == 0) child(world, container, status[1]);
  close(status[1]);
  if (group_fd >= 0) close(group_fd);
  int error = 0;
  if (read(status[0], &error, sizeof error) > 0) {
    errno = error;
    fail("exec in " + container.name);
  }
  close(status[0]);
  // The pipe closes at exec and at death alike.
  int ended = 0;
  if (waitpid(container.pid, &ended, WNOHANG) == container.pid) {
    errno = ECHILD;
    fail("container " + container.name + " ended at once");
  }
}

void take_down(const World& world, const Container& container) {
  check(static_cast<int>(syscall(SYS_pidfd_send_signal, container.pidfd, SIGKILL, nullptr, 0)),
        "kill");
  check(waitpid(container.pid, nullptr, 0), "wait");
  close(container.pidfd);
  // The veth pair goes with the last user of the namespace; removing it by request would wait for
  // the kernel.
  const std::string pin = container.dir + "/netns";
  check(umount2(pin.c_str(), MNT_DETACH), "unpin");
  check(unlink(pin.c_str()), pin);
  for (const Hierarchy& group : world.groups) {
    const std::string dir = group.mount + world.cgroup + "/" + container.name;
    check(rmdir(dir.c_str()), dir);
  }
  for (const char* name : {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"})
    unlink((container.dir + name).c_str());
  for (const char* name : {"/work/work", "/work", "/upper", "/root", "/etc", ""}) {
    const std::string dir = container.dir + name;
    if (rmdir(dir.c_str()) != 0 && errno != ENOENT) fail(dir);
  }
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "floor COUNT ROOTFS WORKDIR CGROUP\n");
    return 2;
  }
  const int count = std::atoi(argv[1]);
  World world;
  world.rootfs = argv[2];
  world.work = argv[3];
  world.cgroup = argv[4];
  world.groups = hierarchies();
  world.socket = route_socket();
  world.own_netns = check(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "own net");
  std::vector<Container> containers(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    Container& one = containers[static_cast<std::size_t>(i)];
    one.name = std::to_string(i);
    one.dir = world.work + "/" + one.name;
    one.address =
        "10.230." + std::to_string((i + 2) / 250) + "." + std::to_string((i + 2) % 250 + 2);
  }

  const auto up = std::chrono::steady_clock::now();
  for (const Hierarchy& group : world.groups) {
    const std::string dir = group.mount + world.cgroup;
    check(mkdir(dir.c_str(), 0755), dir);
    if (group.cpuset && !group.v2) {
      for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
        std::ifstream parent(group.mount + file);
        std::string value;
        std::getline(parent, value);
        write_file(dir + file, value);
      }
    }
  }
  world.bridge = make_bridge(world.socket, "floor0");
  for (Container& one : containers) launch(world, one);
  const double up_ms = since(up);

  const auto down = std::chrono::steady_clock::now();
  for (const Container& one : containers) take_down(world, one);
  remove_link(world.socket, "floor0");
  for (const Hierarchy& group : world.groups) {
    const std::string dir = group.mount + world.cgroup;
    check(rmdir(dir.c_str()), dir);
  }
  std::printf("{\"up_ms\": %.3f, \"down_ms\": %.3f}\n", up_ms, since(down));
  return 0;
}
