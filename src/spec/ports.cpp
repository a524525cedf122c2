#include "base/ip.hpp"
#include "base/text.hpp"
#include "spec/short_forms.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

constexpr const char* kForms =
    "a port reads [[ADDRESS:]HOST:]CONTAINER[/tcp|/udp], each number from 1 to 65535 or a range";

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

void expand_port(Node& node, const Path& path, Report& report) {
  const Place place = node.place;
  if (node.is_map()) {
    Node* target = node.find("target");
    if (target == nullptr) {
      report.error(place, base::cat(path.str(), ": a port without target"),
                   "target is the port inside the container");
      return;
    }
    const auto range = parse_port_range(target->text);
    if (!target->is_scalar() || !range || range->count != 1 || range->first == 0) {
      report.error(target->place,
                   base::cat(path.str(), ": '", target->text, "' is not a port of a container"),
                   "a port is a number from 1 to 65535");
      return;
    }
    target->kind = Kind::Int;
    target->text = std::to_string(range->first);
    if (const Node* published = node.find("published");
        published != nullptr && !published->text.empty() && !parse_port_range(published->text)) {
      report.error(published->place,
                   base::cat(path.str(), ": '", published->text, "' is not a port of the host"),
                   "a port is a number from 1 to 65535, or a range such as 8000-8010");
      return;
    }
    if (const Node* ip = node.find("host_ip"); ip != nullptr && !base::parse_ip(ip->text)) {
      report.error(ip->place, base::cat(path.str(), ": '", ip->text, "' is not an IP address"));
      return;
    }
    if (node.find("mode") == nullptr) node.set("mode", Node::string("ingress", place));
    if (Node* protocol = node.find("protocol")) {
      if (protocol->text != "tcp" && protocol->text != "udp") {
        report.error(protocol->place,
                     base::cat(path.str(), ": the protocol '", protocol->text, "' is not known"),
                     "tcp or udp");
      }
    } else {
      node.set("protocol", Node::string("tcp", place));
    }
    return;
  }
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
  if (port.protocol != "tcp" && port.protocol != "udp") {
    return bad(base::cat("the protocol '", port.protocol, "' is not known"), "tcp or udp");
  }
  const auto target = parse_port_range(port.target);
  if (!target || target->first == 0) {
    if (node.kind == Kind::Int && base::parse_int(text).value_or(0) > 65535) {
      return bad("not a port of a container",
                 "YAML may read digits with a colon as one number: put the port in quotes");
    }
    return bad(base::cat("'", port.target, "' is not a port of a container"), kForms);
  }
  if (!port.address.empty() && !base::parse_ip(port.address)) {
    return bad(base::cat("'", port.address, "' is not an IP address"), kForms);
  }
  if (!port.published.empty()) {
    const auto published = parse_port_range(port.published);
    if (!published)
      return bad(base::cat("'", port.published, "' is not a port of the host"), kForms);
    if (target->count > 1 && published->count != target->count) {
      return bad(base::cat("the ranges have different lengths, ", published->count, " and ",
                           target->count),
                 "make both ranges equally long");
    }
  }
  Node out = Node::map(place);
  out.tag = node.tag;
  out.set("mode", Node::string("ingress", place));
  if (!port.address.empty()) out.set("host_ip", Node::string(port.address, place));
  const std::string inside = target->count == 1
                                 ? std::to_string(target->first)
                                 : base::cat(target->first, "-", target->first + target->count - 1);
  out.set("target", port_number(inside, place));
  if (!port.published.empty()) out.set("published", Node::string(port.published, place));
  out.set("protocol", Node::string(port.protocol, place));
  node = std::move(out);
}

std::string port_identity(const Node& item) {
  return base::cat(item.text_of("host_ip"), "|", item.text_of("published"), "|",
                   item.text_of("target"), "/", item.text_of("protocol"));
}

}  // namespace spec
