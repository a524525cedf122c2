#include "image/reference.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace image {

namespace {

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

[[noreturn]] void refuse(std::string_view text, const std::string& why, std::string hint = {}) {
  std::string shown;
  for (const char c : text.substr(0, 300)) shown += c < 0x20 || c == 0x7f ? '?' : c;
  throw base::Error(base::cat("image \"", shown, "\": ", why), std::move(hint));
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
  for (const std::string& label : base::split(host, '.')) {
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
  const auto port = base::parse_uint(text.substr(colon + 1));
  return port && *port > 0 && *port < 65536 && is_host_name(text.substr(0, colon));
}

// What comes before the first slash is a registry when it cannot be a folder of docker.io's.
bool looks_like_registry(std::string_view text) {
  return text == "localhost" || text.find_first_of(".:[") != std::string_view::npos ||
         std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Reference parse_registry(std::string_view text) {
  Reference out;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    try {
      out.digest = parse_digest(rest.substr(at + 1));
    } catch (const base::Error& error) {
      refuse(text, error.what(), error.hint());
    }
    rest = rest.substr(0, at);
  }
  const std::size_t slash = rest.rfind('/');
  const std::size_t colon = rest.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) {
    out.tag = rest.substr(colon + 1);
    if (!is_tag(out.tag)) {
      refuse(text, base::cat("\"", out.tag, "\" is not a tag"),
             "letters, digits, dots, underscores and hyphens, at most 128");
    }
    rest = rest.substr(0, colon);
  }
  const std::size_t first = rest.find('/');
  if (first != std::string_view::npos && looks_like_registry(rest.substr(0, first))) {
    out.registry = rest.substr(0, first);
    rest = rest.substr(first + 1);
    if (!is_registry_name(out.registry)) {
      refuse(text, base::cat("\"", out.registry, "\" is not the name of a registry"));
    }
  } else {
    out.registry = "docker.io";
  }
  if (out.registry == "index.docker.io") out.registry = "docker.io";
  out.repository = rest;
  if (rest.empty()) refuse(text, "a name is missing", "for example docker.io/library/redis:7");
  if (std::any_of(rest.begin(), rest.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    refuse(text, "names of images are lower case");
  }
  for (const std::string& part : base::split(rest, '/')) {
    if (!is_component(part)) {
      refuse(text, base::cat("\"", part, "\" cannot be a part of a name"),
             "lower case letters and digits, with single dots, underscores or hyphens between");
    }
  }
  if (out.registry == "docker.io" && first == std::string_view::npos) {
    if (out.repository.size() == 64 &&
        out.repository.find_first_not_of("0123456789abcdef") == std::string::npos) {
      refuse(text, "64 hexadecimal digits are an image's id, not a name");
    }
    out.repository = "library/" + out.repository;
  } else if (out.registry == "docker.io" && out.repository.find('/') == std::string::npos) {
    out.repository = "library/" + out.repository;
  }
  if (out.repository_name().size() > 255) refuse(text, "the name is longer than 255 characters");
  if (out.tag.empty() && !out.digest) out.tag = "latest";
  return out;
}

Reference parse_path(std::string_view text, std::string_view scheme, Transport transport,
                     const std::string& working_dir) {
  Reference out;
  out.transport = transport;
  std::string_view rest = text.substr(scheme.size());
  if (transport != Transport::Dir) {
    // A path may hold no colon; everything behind the first is the name (docker-archive:
    // "name:tag").
    if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
      out.tag = rest.substr(colon + 1);
      rest = rest.substr(0, colon);
      if (out.tag.empty()) refuse(text, "nothing follows the last colon");
    }
  }
  if (rest.empty()) refuse(text, "a path must follow", base::cat(scheme, "./path"));
  out.path = working_dir.empty() ? std::string(rest) : base::absolute_path(working_dir, rest);
  return out;
}

}  // namespace

std::string Reference::name() const {
  const std::string suffix = tag.empty() ? "" : ":" + tag;
  switch (transport) {
    case Transport::Registry:
      return repository_name() + (digest ? "@" + digest->str() : suffix);
    case Transport::Host:
      return "host";
    case Transport::Dir:
      return "dir:" + path;
    case Transport::Oci:
      return "oci:" + path + suffix;
    case Transport::OciArchive:
      return "oci-archive:" + path + suffix;
    case Transport::DockerArchive:
      return "docker-archive:" + path + suffix;
  }
  return {};
}

std::string Reference::familiar() const {
  std::string out = name();
  if (!is_registry()) return out;
  // Not where the short form would mean something else: docker.io/library/oci:1 is no layout, and
  // docker.io/a.b/c is not on the registry a.b.
  for (const char* prefix : {"docker.io/library/", "docker.io/"}) {
    if (!base::starts_with(out, prefix)) continue;
    std::string shorter = out.substr(std::string_view(prefix).size());
    try {
      const Reference again = parse_reference(shorter);
      if (again.is_registry() && again.repository_name() == repository_name()) return shorter;
    } catch (const base::Error&) {
      // Means nothing at all.
    }
  }
  return out;
}

Reference parse_reference(std::string_view text, const std::string& working_dir) {
  if (text.empty()) throw base::Error("no image given", "a name such as redis:7, or host");
  if (text == "host") {
    Reference out;
    out.transport = Transport::Host;
    return out;
  }
  struct Scheme {
    std::string_view prefix;
    Transport transport;
  };
  constexpr Scheme kSchemes[] = {{"dir:", Transport::Dir},
                                 {"oci:", Transport::Oci},
                                 {"oci-archive:", Transport::OciArchive},
                                 {"docker-archive:", Transport::DockerArchive}};
  for (const Scheme& scheme : kSchemes) {
    if (base::starts_with(text, scheme.prefix)) {
      return parse_path(text, scheme.prefix, scheme.transport, working_dir);
    }
  }
  if (base::starts_with(text, "docker://")) text.remove_prefix(9);
  return parse_registry(text);
}

}  // namespace image
