#include "netfab/legacy_tables.hpp"

#include <netinet/in.h>  // before the kernel's, which gives way to it

#include <linux/netfilter_ipv4/ip_tables.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/files.hpp"

namespace netfab {

namespace {

constexpr std::string_view kLinkPrefix = "st-";
constexpr int kAcceptVerdict = -NF_ACCEPT - 1;  // as standard targets carry it
constexpr int kDropVerdict = -NF_DROP - 1;

int standard_verdict(const char* entry_bytes, const ipt_entry& entry) {
  xt_standard_target target{};
  if (entry.target_offset + sizeof target > entry.next_offset) return 0;
  std::memcpy(&target, entry_bytes + entry.target_offset, sizeof target);
  return target.target.u.user.name[0] == '\0' ? target.verdict : 0;
}

bool is_our_prefix(const char* name, const unsigned char* mask) {
  if (std::memcmp(name, kLinkPrefix.data(), kLinkPrefix.size()) != 0 ||
      mask[kLinkPrefix.size()] != 0) {
    return false;
  }
  return std::all_of(mask, mask + kLinkPrefix.size(),
                     [](unsigned char byte) { return byte == 0xff; });
}

struct Accepts {
  bool from = false;
  bool to = false;
};

void read_entry(const char* bytes, const ipt_entry& entry, bool in_forward, Accepts& accepts) {
  const ipt_ip& ip = entry.ip;
  const bool plain = entry.target_offset == sizeof(ipt_entry) && ip.proto == 0 && ip.flags == 0 &&
                     ip.invflags == 0 && ip.smsk.s_addr == 0 && ip.dmsk.s_addr == 0;
  if (!plain || standard_verdict(bytes, entry) != kAcceptVerdict) return;
  const bool any_in = ip.iniface_mask[0] == 0;
  const bool any_out = ip.outiface_mask[0] == 0;
  if (any_in && any_out && in_forward) accepts = {true, true};
  if (any_out && is_our_prefix(ip.iniface, ip.iniface_mask)) accepts.from = true;
  if (any_in && is_our_prefix(ip.outiface, ip.outiface_mask)) accepts.to = true;
}

}  // namespace

bool legacy_forward_drops(base::Family family) {
  if (family != base::Family::V4) return false;
  // Asking for a table that is not there would make it.
  const std::string names =
      base::try_read_file("/proc/thread-self/net/ip_tables_names").value_or("");
  if (("\n" + names).find("\nfilter\n") == std::string::npos) return false;
  const base::Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  ipt_getinfo info{};
  std::strcpy(info.name, "filter");
  socklen_t size = sizeof info;
  if (::getsockopt(socket.get(), IPPROTO_IP, IPT_SO_GET_INFO, &info, &size) < 0) return false;
  std::vector<char> blob(sizeof(ipt_get_entries) + info.size);
  ipt_get_entries request{};
  std::strcpy(request.name, "filter");
  request.size = info.size;
  std::memcpy(blob.data(), &request, sizeof request);
  size = static_cast<socklen_t>(blob.size());
  if (::getsockopt(socket.get(), IPPROTO_IP, IPT_SO_GET_ENTRIES, blob.data(), &size) < 0) {
    return false;
  }
  const char* table = blob.data() + sizeof(ipt_get_entries);
  const unsigned first = info.hook_entry[NF_INET_FORWARD];
  const unsigned policy = info.underflow[NF_INET_FORWARD];
  // Chains of people's own lie behind the built-in ones.
  const unsigned own =
      std::max({info.underflow[NF_INET_LOCAL_IN], policy, info.underflow[NF_INET_LOCAL_OUT]});
  Accepts accepts;
  bool drops = false;
  for (unsigned at = 0; at + sizeof(ipt_entry) <= info.size;) {
    ipt_entry entry{};
    std::memcpy(&entry, table + at, sizeof(ipt_entry));
    if (entry.next_offset == 0 || at + entry.next_offset > info.size) break;
    if (at == policy) drops = standard_verdict(table + at, entry) == kDropVerdict;
    const bool in_forward = at >= first && at < policy;
    if (in_forward || at > own) read_entry(table + at, entry, in_forward, accepts);
    at += entry.next_offset;
  }
  return drops && !(accepts.from && accepts.to);
}

}  // namespace netfab
