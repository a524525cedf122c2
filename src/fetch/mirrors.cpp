#include "fetch/mirrors.hpp"

#include <cstdlib>

#include "base/error.hpp"
#include "base/files.hpp"
#include "fetch/http_url.hpp"
#include "spec/units.hpp"
#include "spec/yaml_parse.hpp"

namespace fetch {
namespace {

constexpr const char* kDefaultPath = "/etc/stack/registries.yaml";

struct MirrorAddress {
  std::optional<Scheme> scheme;
  std::string host, prefix;
};

std::optional<MirrorAddress> parse_mirror(const std::string& text) {
  MirrorAddress out;
  std::string full = text;
  if (base::starts_with(text, "http://")) {
    out.scheme = Scheme::PlainHttp;
  } else if (base::starts_with(text, "https://")) {
    out.scheme = Scheme::Https;
  } else if (text.find("://") != std::string::npos) {
    return std::nullopt;
  } else {
    full = "https://" + text;
  }
  const auto url = parse_url(full);
  if (!url || !url->query.empty()) return std::nullopt;
  // As written, so that an explicit port stays part of the name that `registries` is asked for.
  const std::size_t start = full.find("://") + 3;
  const std::size_t slash = full.find('/', start);
  out.host = full.substr(start, slash == std::string::npos ? slash : slash - start);
  out.prefix = slash == std::string::npos ? "" : full.substr(slash + 1);
  while (!out.prefix.empty() && out.prefix.back() == '/') out.prefix.pop_back();
  return out;
}

class Reader {
 public:
  explicit Reader(spec::Report& report) : report_(report) {}

  void read(const spec::Node& top, RegistriesConfig& out) {
    if (!is_map(top, "the file")) return;
    for (const spec::Node& node : top.children) {
      if (node.key == "registries") {
        read_hosts(node, out);
      } else if (node.key == "parallel") {
        out.parallel = static_cast<unsigned>(number(node, 1, 16));
      } else if (node.key == "tries") {
        out.tries = static_cast<unsigned>(number(node, 1, 20));
      } else if (node.key == "timeouts") {
        read_timeouts(node, out.bounds);
      } else if (node.key == "upload_chunk") {
        read_chunk(node, out);
      } else {
        unknown(node, {"registries", "parallel", "tries", "timeouts", "upload_chunk"});
      }
    }
  }

 private:
  void read_hosts(const spec::Node& node, RegistriesConfig& out) {
    if (!is_map(node, node.key)) return;
    for (const spec::Node& host : node.children) {
      const auto url = parse_url("https://" + host.key);
      if (!url || host.key.find('/') != std::string::npos) {
        report_.error(host.key_place, base::cat("\"", host.key, "\" is no HOST[:PORT]"));
        continue;
      }
      if (is_map(host, host.key)) read_host(host, out.hosts[host.key]);
    }
  }

  void read_host(const spec::Node& host, HostRules& rules) {
    for (const spec::Node& node : host.children) {
      if (node.key == "plain_http") {
        rules.plain_http = truth(node);
      } else if (node.key == "insecure") {
        rules.tls.insecure = truth(node);
      } else if (node.key == "ca") {
        if (!node.is_string() || node.text.empty() || node.text.front() != '/') {
          report_.error(node.place, "ca: an absolute path of a PEM file is needed");
        } else {
          rules.tls.ca_file = node.text;
        }
      } else if (node.key == "mirrors") {
        read_mirrors(node, rules);
      } else {
        unknown(node, {"plain_http", "insecure", "ca", "mirrors"});
      }
    }
  }

  void read_mirrors(const spec::Node& node, HostRules& rules) {
    if (!node.is_sequence()) {
      report_.error(node.place, "mirrors: a list is needed");
      return;
    }
    for (const spec::Node& item : node.children) {
      if (!item.is_string() || !parse_mirror(item.text)) {
        report_.error(item.place, "a mirror is [http[s]://]HOST[:PORT][/PREFIX]");
      } else {
        rules.mirrors.push_back(item.text);
      }
    }
  }

  void read_timeouts(const spec::Node& node, HttpBounds& bounds) {
    if (!is_map(node, node.key)) return;
    for (const spec::Node& item : node.children) {
      const auto value = item.is_scalar() ? spec::parse_duration(item.text) : std::nullopt;
      if (!value || *value < std::chrono::seconds(1)) {
        report_.error(item.place, base::cat(item.key, ": a time of at least 1s is needed"));
      } else if (item.key == "connect") {
        bounds.connect = *value;
      } else if (item.key == "stall") {
        bounds.stall = *value;
      } else if (item.key == "total") {
        bounds.total = *value;
      } else {
        unknown(item, {"connect", "stall", "total"});
      }
    }
  }

  void read_chunk(const spec::Node& node, RegistriesConfig& out) {
    const auto value = node.is_scalar() ? spec::parse_bytes(node.text) : std::nullopt;
    if (!value || *value < (1 << 16)) {
      report_.error(node.place, "upload_chunk: a size of at least 64k is needed");
    } else {
      out.chunk = static_cast<std::uint64_t>(*value);
    }
  }

  bool is_map(const spec::Node& node, const std::string& what) {
    if (node.is_map() || node.is_null()) return true;
    report_.error(node.place,
                  base::cat(what, ": a mapping is needed, not ", spec::kind_name(node.kind)));
    return false;
  }

  bool truth(const spec::Node& node) {
    if (node.kind != spec::Kind::Bool) {
      report_.error(node.place, base::cat(node.key, ": true or false is needed"));
    }
    return node.is_true();
  }

  std::uint64_t number(const spec::Node& node, std::uint64_t least, std::uint64_t most) {
    const auto value = base::parse_uint(node.text);
    if (node.kind == spec::Kind::Int && value && *value >= least && *value <= most) return *value;
    report_.error(node.place,
                  base::cat(node.key, ": a number from ", least, " to ", most, " is needed"));
    return least;
  }

  void unknown(const spec::Node& node, const std::vector<std::string>& known) {
    report_.error(node.key_place, base::cat("unknown key \"", node.key, "\""),
                  spec::suggestion(node.key, known));
  }

  spec::Report& report_;
};

Scheme scheme_of(const RegistriesConfig& config, const std::string& host) {
  const auto rules = config.hosts.find(host);
  if (rules != config.hosts.end() && rules->second.plain_http) return Scheme::PlainHttp;
  const auto url = parse_url("https://" + host);
  return url && url->is_loopback() ? Scheme::Either : Scheme::Https;
}

}  // namespace

Tls RegistriesConfig::tls_of(const std::string& authority) const {
  const auto found = hosts.find(authority);
  return found == hosts.end() ? Tls{} : found->second.tls;
}

RegistriesConfig parse_registries(const std::string& text, const std::string& path) {
  spec::Report report;
  RegistriesConfig out;
  const std::vector<spec::Node> documents = spec::parse_yaml(text, 0, {}, report);
  if (documents.size() > 1) report.error(documents[1].place, "a second document");
  if (!documents.empty()) Reader(report).read(documents.front(), out);
  if (report.failed()) {
    const spec::Diagnostic first = report.sorted().front();
    throw base::Error(
        base::cat(path, ":", first.place.line, ":", first.place.column, ": ", first.text),
        first.hint);
  }
  return out;
}

RegistriesConfig load_registries() {
  const char* named = std::getenv("STACK_REGISTRIES");
  const std::string path = named != nullptr && *named != '\0' ? named : kDefaultPath;
  const auto text = base::try_read_file(path, 1U << 20U);
  if (!text && path != kDefaultPath) {
    throw base::Error(base::cat(path, ": no such file"), "STACK_REGISTRIES names it");
  }
  return text ? parse_registries(*text, path) : RegistriesConfig{};
}

std::vector<Endpoint> endpoints_of(const RegistriesConfig& config, const std::string& registry) {
  std::vector<Endpoint> out;
  const auto rules = config.hosts.find(registry);
  if (rules != config.hosts.end()) {
    for (const std::string& text : rules->second.mirrors) {
      const auto address = parse_mirror(text);
      if (!address) continue;  // refused when the file was read
      Endpoint mirror;
      mirror.host = address->host;
      mirror.prefix = address->prefix;
      mirror.scheme = address->scheme.value_or(scheme_of(config, address->host));
      mirror.tls = config.tls_of(address->host);
      mirror.mirror = true;
      mirror.registry = address->host;
      out.push_back(std::move(mirror));
    }
  }
  Endpoint own;
  own.host = registry == "docker.io" ? "registry-1.docker.io" : registry;
  own.scheme = scheme_of(config, registry);
  own.tls = config.tls_of(registry);
  own.registry = registry;
  out.push_back(std::move(own));
  return out;
}

}  // namespace fetch
