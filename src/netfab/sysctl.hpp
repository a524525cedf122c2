// Kernel variables below /proc/sys of the calling thread's network namespace: written only where
// they differ, because some writes make the kernel visit every interface.
#pragma once

#include <string>

namespace netfab {

// `name` with slashes: "net/ipv4/ip_forward". Throws SysError.
void set_sysctl(const std::string& name, const std::string& value);
// Empty when there is none.
std::string sysctl(const std::string& name);
// False with ipv6.disable=1 on the kernel's command line.
bool has_ipv6();

}  // namespace netfab
