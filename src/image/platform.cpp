#include "image/platform.hpp"

#include <sys/utsname.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace image {

namespace {

struct Machine {
  const char* name;
  const char* architecture;
  const char* variant;
};
// uname's words and what people also write, as GOARCH.
constexpr Machine kMachines[] = {
    {"x86_64", "amd64", ""}, {"aarch64", "arm64", ""},   {"armv8l", "arm", "v8"},
    {"armv7l", "arm", "v7"}, {"armv6l", "arm", "v6"},    {"armv5tel", "arm", "v5"},
    {"armhf", "arm", "v7"},  {"armel", "arm", "v6"},     {"i386", "386", ""},
    {"i686", "386", ""},     {"riscv64", "riscv64", ""}, {"ppc64le", "ppc64le", ""},
    {"s390x", "s390x", ""},  {"mips64", "mips64le", ""}, {"loongarch64", "loong64", ""},
};

Platform normalised(Platform in) {
  for (const Machine& each : kMachines) {
    if (in.architecture != each.name) continue;
    in.architecture = each.architecture;
    if (in.variant.empty()) in.variant = each.variant;
  }
  if (in.architecture == "arm64" && (in.variant == "8" || in.variant == "v8")) in.variant.clear();
  if (in.architecture == "arm" && in.variant.size() == 1) in.variant = "v" + in.variant;
  if (in.architecture == "arm" && in.variant.empty()) in.variant = "v7";
  if (in.architecture == "amd64" && in.variant == "v1") in.variant.clear();
  return in;
}

// "v7" → 7; without one, 0.
unsigned level(const std::string& variant) {
  if (variant.size() < 2 || variant[0] != 'v') return 0;
  return static_cast<unsigned>(base::parse_uint(variant.substr(1, 2)).value_or(0));
}

}  // namespace

std::string Platform::str() const {
  return base::cat(os, "/", architecture, variant.empty() ? "" : "/", variant);
}

Platform host_platform() {
  struct utsname name {};
  if (::uname(&name) != 0) base::throw_errno("uname");
  return normalised({"linux", name.machine, ""});
}

Platform parse_platform(std::string_view text) {
  if (text == "linux") return host_platform();
  const auto parts = base::split(text, '/');
  Platform out;
  if (parts.size() == 1) {
    out = {"linux", parts[0], ""};
  } else if (parts.size() <= 3) {
    out = {parts[0], parts[1], parts.size() == 3 ? parts[2] : ""};
  }
  if (out.os.empty() || out.architecture.empty()) {
    throw base::Error(base::cat("\"", text, "\" is not a platform"),
                      "os/architecture[/variant], for example linux/arm64");
  }
  return normalised(out);
}

unsigned platform_rank(const Platform& wanted_as_written, const Platform& offered_as_written) {
  const Platform wanted = normalised(wanted_as_written), offered = normalised(offered_as_written);
  if (wanted.os != offered.os || wanted.architecture != offered.architecture) return 0;
  if (wanted.variant == offered.variant) return 100;
  const unsigned most = level(wanted.variant), needed = level(offered.variant);
  // An older variant runs on a newer machine; amd64 of an unknown level takes only the plain one.
  if (needed > most) return 0;
  return 50 + needed;
}

}  // namespace image
