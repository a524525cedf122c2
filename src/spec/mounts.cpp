#include "base/text.hpp"
#include "spec/short_forms.hpp"

namespace spec {
namespace {

bool is_host_path(std::string_view text) {
  return !text.empty() && (text[0] == '/' || text[0] == '.' || text[0] == '~');
}

// The parts between colons; a colon inside ${} is gone by now.
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

void check_long(Node& node, const Path& path, Report& report) {
  const Node* type = node.find("type");
  if (type == nullptr) {
    report.error(node.place, base::cat(path.str(), ": a volume in long form needs its type"),
                 "type: bind, volume or tmpfs");
    return;
  }
  if (node.find("target") == nullptr) {
    report.error(node.place, base::cat(path.str(), ": a volume without target"),
                 "target is the path inside the container");
    return;
  }
  const std::string& name = type->text;
  if (name != "bind" && name != "volume" && name != "tmpfs" && name != "image" && name != "npipe" &&
      name != "cluster") {
    report.error(type->place, base::cat(path.str(), ": the type '", name, "' is not known"),
                 suggestion(name, {"bind", "volume", "tmpfs", "image"}));
    return;
  }
  if (name == "bind") {
    if (node.text_of("source").empty()) {
      report.error(node.place, base::cat(path.str(), ": a bind without source"),
                   "source is the path on the host");
      return;
    }
    if (node.find("bind") == nullptr || node.find("bind")->is_null()) {
      node.set("bind", Node::map(node.place));
    }
  }
  for (const char* part : {"volume", "tmpfs"}) {
    if (name == part && node.find(part) == nullptr) node.set(part, Node::map({}));
  }
}

}  // namespace

void expand_mount(Node& node, const Path& path, Report& report) {
  if (node.is_map()) return check_long(node, path, report);
  const Place place = node.place;
  if (!node.is_string()) {
    report.error(
        place, base::cat(path.str(), " must be a list of volumes, this is ", kind_name(node.kind)),
        "a volume reads [SOURCE:]TARGET[:ro]");
    return;
  }
  const std::string text = node.text;
  std::vector<std::string> parts = base::split(text, ':');
  const auto bad = [&](const std::string& why) {
    report.error(place, base::cat(path.str(), ": '", text, "': ", why),
                 "a volume reads [SOURCE:]TARGET[:ro], TARGET is a path inside the container");
  };
  if (parts.size() > 3) return bad("too many colons");
  for (const std::string& part : parts) {
    if (part.empty()) return bad("an empty part between colons");
  }
  // "/data:ro": compose reads the second part as a target, always.
  const std::string target = parts.size() == 1 ? parts[0] : parts[1];
  const std::string source = parts.size() == 1 ? std::string() : parts[0];
  Node out = Node::map(place);
  out.tag = node.tag;
  const bool host = is_host_path(source);
  out.set("type", Node::string(host ? "bind" : "volume", place));
  if (!source.empty()) out.set("source", Node::string(source, place));
  out.set("target", Node::string(target, place));
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
  if (host) {
    bind.set("create_host_path", Node::scalar(Kind::Bool, "true", {}));
    out.set("bind", std::move(bind));
  } else {
    Node volume = Node::map({});
    if (nocopy) volume.set("nocopy", Node::scalar(Kind::Bool, "true", {}));
    out.set("volume", std::move(volume));
  }
  node = std::move(out);
}

void expand_device(Node& node, const Path& path, Report& report) {
  const Place place = node.place;
  if (node.is_map()) {
    if (node.text_of("source").empty()) {
      report.error(place, base::cat(path.str(), ": a device without source"));
      return;
    }
    if (node.find("target") == nullptr) {
      node.set("target", Node::string(node.text_of("source"), place));
    }
    if (node.find("permissions") == nullptr) node.set("permissions", Node::string("rwm", place));
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
  Node out = Node::map(place);
  out.set("source", Node::string(parts[0], place));
  out.set("target", Node::string(parts.size() > 1 ? parts[1] : parts[0], place));
  out.set("permissions", Node::string(parts.size() > 2 ? parts[2] : "rwm", place));
  node = std::move(out);
}

std::string target_identity(const Node& item) {
  return item.text_of("target");
}

}  // namespace spec
