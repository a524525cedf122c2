#include "base/image_name.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace base {

namespace {

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

[[noreturn]] void refuse(const std::string& why, std::string hint = {}) {
  throw Error(why, std::move(hint));
}

// Runs of [a-z0-9] with one of ".", "_", "__" or hyphens between them (distribution's grammar).
bool is_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  for (std::size_t at = 0; at < text.size();) {
    if (is_lower_alnum(text[at])) {
      ++at;
      continue;
    }
    const std::size_t end = text.find_first_not_of(text[at], at);
    const std::size_t run = end - at;
    const char c = text[at];
    if (c != '-' && !(c == '.' && run == 1) && !(c == '_' && run <= 2)) return false;
    if (!is_lower_alnum(text[end])) return false;
    at = end;
  }
  return true;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > 128 || text.front() == '.' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_host_name(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const std::string_view inner = host.substr(1, host.size() - 2);
    return std::all_of(inner.begin(), inner.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
             c == ':' || c == '.';
    });
  }
  for (const std::string& label : split(host, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-'; })) {
      return false;
    }
  }
  return true;
}

// "host" or "host:port".
bool is_registry_name(std::string_view text) {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return is_host_name(text);
  const auto port = parse_uint(text.substr(colon + 1));
  return port && *port > 0 && *port < 65536 && is_host_name(text.substr(0, colon));
}

// What comes before the first slash is a registry when it cannot be a folder of docker.io's.
bool looks_like_registry(std::string_view text) {
  return text == "localhost" || text.find_first_of(".:[") != std::string_view::npos ||
         std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::size_t digits_of(std::string_view algorithm) {
  if (algorithm == "sha256") return 64;
  if (algorithm == "sha512") return 128;
  return 0;
}

bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Hostile text in a message: bounded and without control characters.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 100)) out += c < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > 100 ? out + "..." : out;
}

ImageName parse_registry(std::string_view text) {
  ImageName out;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    out.digest = rest.substr(at + 1);
    check_digest(out.digest);
    rest = rest.substr(0, at);
  }
  const std::size_t slash = rest.rfind('/');
  const std::size_t colon = rest.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) {
    out.tag = rest.substr(colon + 1);
    if (!is_tag(out.tag)) {
      refuse(cat("\"", out.tag, "\" is not a tag"),
             "letters, digits, dots, underscores and hyphens, at most 128");
    }
    rest = rest.substr(0, colon);
  }
  const std::size_t first = rest.find('/');
  if (first != std::string_view::npos && looks_like_registry(rest.substr(0, first))) {
    out.registry = rest.substr(0, first);
    rest = rest.substr(first + 1);
    if (!is_registry_name(out.registry)) {
      refuse(cat("\"", out.registry, "\" is not the name of a registry"));
    }
  } else {
    out.registry = "docker.io";
  }
  if (out.registry == "index.docker.io") out.registry = "docker.io";
  out.repository = rest;
  if (rest.empty()) refuse("a name is missing", "for example docker.io/library/redis:7");
  if (std::any_of(rest.begin(), rest.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    refuse("names of images are lower case");
  }
  for (const std::string& part : split(rest, '/')) {
    if (!is_component(part)) {
      refuse(cat("\"", part, "\" cannot be a part of a name"),
             "lower case letters and digits, with single dots, underscores or hyphens between");
    }
  }
  if (out.registry == "docker.io" && first == std::string_view::npos) {
    if (out.repository.size() == 64 &&
        out.repository.find_first_not_of("0123456789abcdef") == std::string::npos) {
      refuse("64 hexadecimal digits are an image's id, not a name");
    }
    out.repository = "library/" + out.repository;
  } else if (out.registry == "docker.io" && out.repository.find('/') == std::string::npos) {
    out.repository = "library/" + out.repository;
  }
  if (out.registry.size() + 1 + out.repository.size() > 255)
    refuse("the name is longer than 255 characters");
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  return out;
}

ImageName parse_path(std::string_view text, std::string_view scheme, ImageTransport transport) {
  ImageName out;
  out.transport = transport;
  std::string_view rest = text.substr(scheme.size());
  if (transport != ImageTransport::Dir) {
    // A path may hold no colon; everything behind the first is the name (docker-archive:
    // "name:tag").
    if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
      out.tag = rest.substr(colon + 1);
      rest = rest.substr(0, colon);
      if (out.tag.empty()) refuse("nothing follows the last colon");
    }
  }
  if (rest.empty()) refuse("a path must follow", cat(scheme, "./path"));
  out.path = rest;
  return out;
}

}  // namespace

bool is_digest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view algorithm = text.substr(0, colon), hex = text.substr(colon + 1);
  const std::size_t digits = digits_of(algorithm);
  return digits != 0 && hex.size() == digits && std::all_of(hex.begin(), hex.end(), is_lower_hex);
}

void check_digest(std::string_view text) {
  if (is_digest(text)) return;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && colon > 0 && digits_of(text.substr(0, colon)) == 0) {
    throw Error(cat("digest \"", shown(text), "\": unknown algorithm"),
                "sha256 and sha512 are known");
  }
  throw Error(cat("\"", shown(text), "\" is not a digest"), "sha256: and 64 digits 0-9a-f");
}

ImageName parse_image_name(std::string_view text) {
  if (text.empty()) throw Error("no image given", "a name such as redis:7, or host");
  if (text == "host") {
    ImageName out;
    out.transport = ImageTransport::Host;
    return out;
  }
  struct Scheme {
    std::string_view prefix;
    ImageTransport transport;
  };
  constexpr Scheme kSchemes[] = {{"dir:", ImageTransport::Dir},
                                 {"oci:", ImageTransport::Oci},
                                 {"oci-archive:", ImageTransport::OciArchive},
                                 {"docker-archive:", ImageTransport::DockerArchive}};
  for (const Scheme& scheme : kSchemes) {
    if (starts_with(text, scheme.prefix)) {
      return parse_path(text, scheme.prefix, scheme.transport);
    }
  }
  if (starts_with(text, "docker://")) text.remove_prefix(9);
  return parse_registry(text);
}

}  // namespace base
