#include "image/host_skeleton.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace image {

namespace {

// Raised when the skeleton's content changes: another number, another folder.
constexpr const char* kVersion = "1";

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "bin:x:2:2:bin:/bin:/usr/sbin/nologin\n"
    "sys:x:3:3:sys:/dev:/usr/sbin/nologin\n"
    "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n"
    "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
constexpr const char* kGroup =
    "root:x:0:\n"
    "daemon:x:1:\n"
    "bin:x:2:\n"
    "sys:x:3:\n"
    "adm:x:4:\n"
    "tty:x:5:\n"
    "disk:x:6:\n"
    "mail:x:8:\n"
    "www-data:x:33:\n"
    "utmp:x:43:\n"
    "staff:x:50:\n"
    "users:x:100:\n"
    "nogroup:x:65534:\n";
constexpr const char* kNsswitch =
    "passwd: files\n"
    "group: files\n"
    "shadow: files\n"
    "hosts: files dns\n"
    "networks: files\n"
    "protocols: files\n"
    "services: files\n";

// Folders at the top that are links into /usr on merged systems, real ones elsewhere.
constexpr std::array kTop = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
// Copied: small, public, and the same until the machine's administrator changes them.
constexpr std::array kCopied = {"mime.types", "services", "protocols", "timezone", "ld.so.conf",
                                "host.conf",  "gai.conf", "rpc",       "shells",   "inputrc"};
// Shown as they are: package managers change them while stacks run.
constexpr std::array kShownFolders = {"/etc/alternatives",  "/etc/ld.so.conf.d",
                                      "/etc/ssl/certs",     "/etc/ca-certificates",
                                      "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted"};
constexpr std::array kShownFiles = {"/etc/ld.so.cache", "/etc/ssl/openssl.cnf",
                                    "/etc/ca-certificates.conf"};

std::optional<std::string> link_target(const std::string& path) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t size = ::readlink(path.c_str(), buffer.data(), buffer.size());
  if (size < 0) return {};
  return std::string(buffer.data(), static_cast<std::size_t>(size));
}

void make_link(const std::string& target, const std::string& path) {
  if (::symlink(target.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    base::throw_errno("symlink", path);
  }
}

void put(const std::string& path, std::string_view content, mode_t mode = 0644) {
  const base::Fd fd = base::sys::open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (::fchmod(fd.get(), mode) != 0) base::throw_errno("chmod", path);
  base::sys::write_all(fd.get(), content, path);
}

void make_folder(const std::string& path, mode_t mode = 0755) {
  base::sys::make_dirs(path, 0755);
  // The caller's umask took bits away.
  if (::chmod(path.c_str(), mode) != 0) base::throw_errno("chmod", path);
}

bool is_public_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & S_IROTH) != 0;
}

std::vector<HostBind> host_binds() {
  std::vector<HostBind> out = {{"/usr", "/usr"}};
  for (const char* name : kTop) {
    const std::string path = base::cat("/", name);
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) out.push_back({path, path});
  }
  for (const char* path : kShownFolders) {
    if (base::is_directory(path)) out.push_back({path, path});
  }
  for (const char* path : kShownFiles) {
    if (is_public_file(path)) out.push_back({path, path});
  }
  return out;
}

// Everything the skeleton depends on: another text, another folder.
std::string identity(const std::vector<HostBind>& binds) {
  std::string out = kVersion;
  for (const HostBind& bind : binds) out += base::cat("|", bind.source);
  for (const char* name : kTop) {
    out += base::cat("|", name, "=", link_target(base::cat("/", name)).value_or(""));
  }
  out += "|" + link_target("/etc/localtime").value_or("");
  for (const char* name : kCopied) {
    struct stat info {};
    const std::string path = base::cat("/etc/", name);
    if (::stat(path.c_str(), &info) != 0) continue;
    out += base::cat("|", name, ":", info.st_size, ":", info.st_mtim.tv_sec, ":",
                     info.st_mtim.tv_nsec);
  }
  return base::short_hash(out, 12);
}

void fill_etc(const std::string& etc) {
  make_folder(etc);
  put(etc + "/passwd", kPasswd);
  put(etc + "/group", kGroup);
  put(etc + "/nsswitch.conf", kNsswitch);
  for (const char* name : {"hosts", "hostname", "resolv.conf"}) put(base::cat(etc, "/", name), "");
  for (const char* name : kCopied) {
    const std::string source = base::cat("/etc/", name);
    if (is_public_file(source)) put(base::cat(etc, "/", name), base::read_file(source, 4U << 20U));
  }
  if (base::exists("/usr/lib/os-release")) make_link("../usr/lib/os-release", etc + "/os-release");
  make_link("/proc/mounts", etc + "/mtab");
  const auto zone = link_target("/etc/localtime");
  if (zone && base::starts_with(base::absolute_path("/etc", *zone), "/usr/")) {
    make_link(*zone, etc + "/localtime");
  } else if (is_public_file("/etc/localtime")) {
    put(etc + "/localtime", base::read_file("/etc/localtime", 1U << 20U));
  }
}

void fill(const std::string& root, const std::vector<HostBind>& binds) {
  make_folder(root);
  for (const char* name : kTop) {
    const auto target = link_target(base::cat("/", name));
    if (target) make_link(*target, base::cat(root, "/", name));
  }
  fill_etc(root + "/etc");
  for (const char* name :
       {"usr", "run", "home", "opt", "srv", "mnt", "media", "proc", "sys", "dev", "var", "var/log",
        "var/lib", "var/cache", "var/spool", "var/mail", "var/www"}) {
    make_folder(base::cat(root, "/", name));
  }
  make_folder(root + "/root", 0700);
  make_folder(root + "/tmp", 01777);
  make_folder(root + "/var/tmp", 01777);
  make_link("/run", root + "/var/run");
  make_link("/run/lock", root + "/var/lock");
  make_folder(root + "/run/lock", 01777);
  // What is shown needs something to be shown on.
  for (const HostBind& bind : binds) {
    if (base::is_directory(bind.source)) {
      base::sys::make_dirs(root + bind.target, 0755);
    } else {
      base::sys::make_dirs(base::parent_dir(root + bind.target), 0755);
      if (!base::exists(root + bind.target)) put(root + bind.target, "");
    }
  }
}

}  // namespace

Rootfs resolve_host(const base::Roots& roots) {
  Rootfs out;
  out.binds = host_binds();
  out.id = "host-" + identity(out.binds);
  const std::string dir = base::cat(roots.images(), "/", out.id);
  out.lower = {dir};
  out.config.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  if (base::is_directory(dir)) return out;

  base::sys::make_dirs(roots.images(), 0700);
  static std::atomic<unsigned> counter{0};
  const std::string temporary = base::cat(roots.images(), "/.tmp-", ::getpid(), "-", counter++);
  base::remove_tree(temporary);  // of an earlier process with our pid that was killed
  try {
    fill(temporary, out.binds);
    // The name appears complete or not at all; somebody else's is as good as ours.
    if (::rename(temporary.c_str(), dir.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST) {
      base::throw_errno("rename", dir);
    }
  } catch (...) {
    base::remove_tree(temporary);
    throw;
  }
  base::remove_tree(temporary);
  return out;
}

}  // namespace image
