#include "spec/image_reference.hpp"

#include <vector>

#include "base/text.hpp"

namespace spec {
namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_word(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

// Letters and digits, between them one dot, one or two underscores, or hyphens.
std::string component_fault(std::string_view part) {
  if (part.empty()) return "an empty part between slashes";
  for (const char c : part) {
    if (c >= 'A' && c <= 'Z') return "a repository is written in lower case";
    if (!is_lower_or_digit(c) && c != '.' && c != '_' && c != '-') {
      return base::cat("'", std::string(1, c), "' cannot be part of a name");
    }
  }
  if (!is_lower_or_digit(part.front()) || !is_lower_or_digit(part.back())) {
    return "each part of a name begins and ends with a letter or digit";
  }
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '.' && !is_lower_or_digit(part[i + 1])) return "two separators in a row";
  }
  return {};
}

std::string tag_fault(std::string_view tag) {
  if (tag.empty()) return "the tag after ':' is missing";
  if (tag.size() > 128) return "a tag has 128 characters at most";
  for (std::size_t i = 0; i < tag.size(); ++i) {
    if (!is_word(tag[i]) && (i == 0 || (tag[i] != '.' && tag[i] != '-'))) {
      return base::cat("'", tag, "' is not a tag");
    }
  }
  return {};
}

std::string digest_fault(std::string_view digest) {
  const std::size_t colon = digest.find(':');
  const std::string_view hex =
      colon == std::string_view::npos ? std::string_view() : digest.substr(colon + 1);
  if (hex.size() < 32 ||
      hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return base::cat("'", digest, "' is not a digest");
  }
  return {};
}

bool has_transport(std::string_view text) {
  for (const std::string_view transport :
       {"oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "dir:", "docker://"}) {
    if (base::starts_with(text, transport)) return true;
  }
  return false;
}

}  // namespace

std::string image_reference_fault(std::string_view text) {
  if (has_transport(text)) return {};
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (std::string fault = digest_fault(text.substr(at + 1)); !fault.empty()) return fault;
    text = text.substr(0, at);
  }
  const std::size_t slash = text.rfind('/');
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    if (std::string fault = tag_fault(text.substr(colon + 1)); !fault.empty()) return fault;
    text = text.substr(0, colon);
  }
  std::vector<std::string> parts = base::split(text, '/');
  // A registry has a dot or a port, or is localhost; its letters may be of any case.
  const bool registry = parts.size() > 1 && (parts[0].find_first_of(".:[") != std::string::npos ||
                                             parts[0] == "localhost");
  if (registry) parts.erase(parts.begin());
  for (const std::string& part : parts) {
    if (std::string fault = component_fault(part); !fault.empty()) return fault;
  }
  return {};
}

}  // namespace spec
