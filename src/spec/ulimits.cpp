#include "base/text.hpp"
#include "spec/casts.hpp"
#include "spec/short_forms.hpp"

namespace spec {
namespace {

const std::vector<std::string>& limit_names() {
  static const std::vector<std::string> names{
      "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
      "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
  return names;
}

bool limit_number(Node& value, const Path& path, Report& report) {
  if (value.is_string() && base::parse_int(value.text)) value.kind = Kind::Int;
  const auto read = value.kind == Kind::Int ? base::parse_int(value.text) : std::nullopt;
  if (read && *read >= -1) return true;
  if (read) {
    report.run_error(value.place, base::cat(path.str(), ": a limit is a number, or -1 for none"));
    return true;
  }
  report.error(value.place, base::cat(path.str(), ": a limit is a number, or -1 for none"));
  return false;
}

void soft_and_hard(Node& limit, const Path& path, Report& report) {
  bool fine = true;
  for (Node& part : limit.children) {
    if (part.key == "soft" || part.key == "hard") {
      fine = limit_number(part, path, report) && fine;
    } else if (!base::starts_with(part.key, "x-")) {
      report.error(part.key_place, base::cat(path.str(), ": unknown key '", part.key, "'"),
                   "soft and hard");
      fine = false;
    }
  }
  const Node* soft = limit.find("soft");
  const Node* hard = limit.find("hard");
  if (soft == nullptr || hard == nullptr) {
    report.error(limit.place, base::cat(path.str(), " needs soft and hard"));
    return;
  }
  if (!fine || hard->text == "-1") return;
  if (soft->text == "-1" || *base::parse_int(soft->text) > *base::parse_int(hard->text)) {
    report.run_error(soft->place, base::cat(path.str(), ": soft is above hard"), {},
                     {{hard->place, "hard is here"}});
  }
}

}  // namespace

void check_ulimits(Node& node, const Path& path, Report& report) {
  if (!node.is_map()) {
    report.error(node.place, base::cat(path.str(), " must be a mapping"),
                 "for example nofile: 1024, or nofile: {soft: 1024, hard: 4096}");
    return;
  }
  for (Node& child : node.children) {
    bool known = false;
    for (const std::string& name : limit_names()) known = known || name == child.key;
    if (!known) {
      report.run_error(child.key_place,
                       base::cat(path.str(), ": the limit '", child.key, "' is not known"),
                       suggestion(child.key, limit_names()));
    }
    const Path at{&path, child.key};
    if (child.is_map()) {
      soft_and_hard(child, at, report);
    } else {
      limit_number(child, path, report);
    }
  }
}

}  // namespace spec
