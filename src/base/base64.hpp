// Base64 (RFC 4648, section 4): bytes of any kind as text, for JSON and HTTP headers. Pure.
#pragma once

#include <string>
#include <string_view>

namespace base {

std::string base64(std::string_view bytes);
// With or without padding at the end; false when a character is none of the alphabet.
bool unbase64(std::string_view text, std::string& out);

}  // namespace base
