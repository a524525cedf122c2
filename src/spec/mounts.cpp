#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/short_forms.hpp"

namespace spec {
namespace {

bool is_host_path(std::string_view text) {
  if (text.empty()) return false;
  if (text[0] == '/' || text[0] == '.' || text[0] == '~') return true;
  return base::starts_with(text, "\\\\") || (text.size() > 1 && text[1] == ':');
}

void apply_option(std::string_view option, Node& mount, Node& bind, bool& nocopy) {
  const Place place = mount.place;
  if (option == "ro") {
    mount.set("read_only", Node::scalar(Kind::Bool, "true", place));
  } else if (option == "nocopy") {
    nocopy = true;
  } else if (option == "z" || option == "Z") {
    bind.set("selinux", Node::string(std::string(option), place));
  } else if (option == "shared" || option == "rshared" || option == "slave" || option == "rslave" ||
             option == "private" || option == "rprivate") {
    bind.set("propagation", Node::string(std::string(option), place));
  }
}

bool known_option(std::string_view option) {
  for (const std::string_view known :
       {"ro", "rw", "nocopy", "z", "Z", "shared", "rshared", "slave", "rslave", "private",
        "rprivate", "consistent", "cached", "delegated", "U"}) {
    if (option == known) return true;
  }
  return false;
}

// Parts between colons; the colon after a drive's letter (C:\\data) is none of them.
std::vector<std::string> colon_parts(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    const bool drive = c == ':' && parts.back().size() == 1 &&
                       ((parts.back()[0] >= 'a' && parts.back()[0] <= 'z') ||
                        (parts.back()[0] >= 'A' && parts.back()[0] <= 'Z'));
    if (c == ':' && !drive) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

void expand_mount(Node& node, const Path& path, Report& report) {
  const Place place = node.place;
  if (node.is_map()) {
    const Node* target = node.find("target");
    if (target == nullptr || !target->is_string()) {
      report.error(place, base::cat(path.str(), ": a volume without target"),
                   "target is the path inside the container");
    }
    return;
  }
  if (!node.is_string()) {
    report.error(
        place, base::cat(path.str(), " must be a list of volumes, this is ", kind_name(node.kind)),
        "a volume reads [SOURCE:]TARGET[:ro]");
    return;
  }
  const std::string text = node.text;
  // One or two letters are a target, even if one is a colon.
  const std::vector<std::string> parts =
      text.size() <= 2 ? std::vector<std::string>{text} : colon_parts(text);
  const auto bad = [&](const std::string& why) {
    report.error(place, base::cat(path.str(), ": '", text, "': ", why),
                 "a volume reads [SOURCE:]TARGET[:ro], TARGET is a path inside the container");
  };
  for (const std::string& part : parts) {
    if (part.empty()) return bad("an empty part between colons");
  }
  if (parts.size() > 3) return bad("too many colons");
  // "/data:ro": compose reads the second part as a target, always.
  const std::string& target = parts.size() == 1 ? parts[0] : parts[1];
  const std::string source = parts.size() == 1 ? std::string() : parts[0];
  Node out = Node::map(place);
  const bool host = is_host_path(source);
  out.set("type", Node::implied(Kind::String, host ? "bind" : "volume", place));
  if (!source.empty()) out.set("source", Node::string(source, place));
  out.set("target", Node::string(base::clean_path(target), place));
  Node bind = Node::map({});
  bool nocopy = false;
  if (parts.size() == 3) {
    for (const std::string& option : base::split(parts[2], ',')) {
      if (!known_option(option)) {
        report.warning(
            place,
            base::cat(path.str(), ": the option '", option, "' of '", text, "' has no effect"),
            suggestion(option, {"ro", "rw", "nocopy", "rshared", "rslave", "rprivate"}));
      }
      apply_option(option, out, bind, nocopy);
    }
  }
  if (host || !bind.children.empty()) {
    if (host) bind.set("create_host_path", Node::implied(Kind::Bool, "true", place));
    out.set("bind", std::move(bind));
  }
  if (!host) {
    Node volume = Node::map({});
    if (nocopy) volume.set("nocopy", Node::scalar(Kind::Bool, "true", place));
    out.set("volume", std::move(volume));
  }
  out.take_name_of(node);
  node = std::move(out);
}

void expand_device(Node& node, const Path& path, Report& report) {
  const Place place = node.place;
  if (node.is_map()) {
    if (node.find("target") == nullptr && node.find("source") != nullptr) {
      node.set("target", Node::implied(Kind::String, node.text_of("source"), place));
    }
    return;
  }
  if (!node.is_string() || node.text.empty()) {
    report.error(place, base::cat(path.str(), " must be a list of devices"),
                 "a device reads SOURCE[:TARGET[:rwm]]");
    return;
  }
  const std::vector<std::string> parts = base::split(node.text, ':');
  if (parts.size() > 3) {
    report.error(place, base::cat(path.str(), ": '", node.text, "': too many colons"),
                 "a device reads SOURCE[:TARGET[:rwm]]");
    return;
  }
  const bool own_target = parts.size() > 1 && !parts[1].empty();
  Node out = Node::map(place);
  out.set("source", Node::string(parts[0], place));
  out.set("target", own_target ? Node::string(parts[1], place)
                               : Node::implied(Kind::String, parts[0], place));
  out.set("permissions", parts.size() > 2 ? Node::string(parts[2], place)
                                          : Node::implied(Kind::String, "rwm", place));
  out.take_name_of(node);
  node = std::move(out);
}

std::string mount_identity(const Node& item) {
  return base::clean_path(item.text_of("target"));
}

}  // namespace spec
