#include "base/ip.hpp"
#include "base/text.hpp"
#include "spec/casts.hpp"
#include "spec/short_forms.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

constexpr const char* kForms =
    "a port reads [[ADDRESS:]HOST:]CONTAINER[/tcp|/udp|/sctp], each number from 1 to 65535 or a "
    "range";

struct ShortPort {
  std::string address, published, target, protocol = "tcp";
};

// From the right: the container's port, the host's, and what is left is the address, which may
// be an IPv6 one in brackets.
ShortPort take_apart(std::string_view text) {
  ShortPort out;
  if (const std::size_t slash = text.rfind('/'); slash != std::string_view::npos) {
    out.protocol = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    out.target = text;
    return out;
  }
  out.target = text.substr(colon + 1);
  text = text.substr(0, colon);
  const std::size_t second = text.rfind(':');
  const bool bare_v6 = !text.empty() && text.back() == ']';
  if (second == std::string_view::npos || bare_v6) {
    (bare_v6 ? out.address : out.published) = text;
  } else {
    out.published = text.substr(second + 1);
    out.address = text.substr(0, second);
  }
  if (out.address.size() > 2 && out.address.front() == '[' && out.address.back() == ']') {
    out.address = out.address.substr(1, out.address.size() - 2);
  }
  return out;
}

Node port_number(const std::string& text, Place place) {
  const bool range = text.find('-') != std::string::npos;
  return Node::scalar(range ? Kind::String : Kind::Int, text, place);
}

}  // namespace

namespace {

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

bool known_protocol(std::string_view name) {
  return name == "tcp" || name == "udp" || name == "sctp";
}

void check_long(Node& node, const Path& path, Report& report) {
  if (Node* target = node.find("target")) {
    const auto range = parse_port_range(target->text);
    if (!target->is_scalar() || (target->is_string() && !base::parse_int(target->text))) {
      wrong_type(*target, Path{&path, "target"}, "a port's number", report);
    } else if (!range || range->count != 1 || range->first == 0) {
      target->kind = Kind::Int;
      report.run_error(target->place,
                       base::cat(path.str(), ": '", target->text, "' is not a port of a container"),
                       "a port is a number from 1 to 65535");
    } else {
      target->kind = Kind::Int;
      target->text = std::to_string(range->first);
    }
  }
  if (const Node* published = node.find("published");
      published != nullptr && !published->text.empty() && !parse_port_range(published->text)) {
    report.run_error(published->place,
                     base::cat(path.str(), ": '", published->text, "' is not a port of the host"),
                     "a port is a number from 1 to 65535, or a range such as 8000-8010");
  }
  if (const Node* ip = node.find("host_ip"); ip != nullptr && !base::parse_ip(ip->text)) {
    report.error(ip->place, base::cat(path.str(), ": '", ip->text, "' is not an IP address"));
  }
  if (const Node* protocol = node.find("protocol");
      protocol != nullptr && !known_protocol(protocol->text)) {
    report.run_error(protocol->place,
                     base::cat(path.str(), ": the protocol '", protocol->text, "' is not known"),
                     "tcp, udp or sctp");
  }
}

}  // namespace

void expand_port(Node& node, const Path& path, Report& report) {
  const Place place = node.place;
  if (node.is_map()) return check_long(node, path, report);
  if (node.kind != Kind::Int && !node.is_string()) {
    report.error(place,
                 base::cat(path.str(), " must be a list of ports, this is ", kind_name(node.kind)),
                 kForms);
    return;
  }
  const std::string text = node.text;
  ShortPort port = take_apart(text);
  const auto bad = [&](const std::string& why, std::string hint) {
    report.error(place, base::cat(path.str(), ": '", text, "': ", why), std::move(hint));
  };
  const std::string protocol = lower(port.protocol);
  if (!known_protocol(protocol)) {
    return bad(base::cat("the protocol '", port.protocol, "' is not known"), "tcp, udp or sctp");
  }
  const auto target = parse_port_range(port.target);
  if (!target || target->first == 0) {
    if (node.kind == Kind::Int && base::parse_int(text).value_or(0) > 65535) {
      return bad("not a port of a container",
                 "YAML may read digits with a colon as one number: put the port in quotes");
    }
    return bad(port.target.empty() ? std::string("the port of the container is missing")
                                   : base::cat("'", port.target, "' is not a port of a container"),
               kForms);
  }
  if (!port.address.empty() && !base::parse_ip(port.address)) {
    return bad(base::cat("'", port.address, "' is not an IP address"), kForms);
  }
  if (!port.published.empty()) {
    const auto published = parse_port_range(port.published);
    if (!published) {
      return bad(base::cat("'", port.published, "' is not a port of the host"), kForms);
    }
    if (target->count > 1 && published->count != target->count) {
      return bad(base::cat("the ranges have different lengths, ", published->count, " and ",
                           target->count),
                 "make both ranges equally long");
    }
  }
  Node out = Node::map(place);
  out.set("mode", Node::implied(Kind::String, "ingress", place));
  if (!port.address.empty()) out.set("host_ip", Node::string(port.address, place));
  const std::string inside = target->count == 1
                                 ? std::to_string(target->first)
                                 : base::cat(target->first, "-", target->first + target->count - 1);
  out.set("target", port_number(inside, place));
  if (!port.published.empty()) out.set("published", Node::string(port.published, place));
  out.set("protocol", text.find('/') == std::string::npos
                          ? Node::implied(Kind::String, protocol, place)
                          : Node::string(protocol, place));
  out.take_name_of(node);
  node = std::move(out);
}

std::string port_identity(const Node& item) {
  const std::string host = item.text_of("host_ip");
  return base::cat(host.empty() ? "0.0.0.0" : host, "|", item.text_of("published"), "|",
                   item.text_of("target"), "/",
                   item.find("protocol") == nullptr ? "tcp" : item.text_of("protocol"));
}

}  // namespace spec
