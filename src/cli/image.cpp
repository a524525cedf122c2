#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/image_text.hpp"
#include "cli/image_use.hpp"
#include "cli/objects.hpp"
#include "cli/stack_image.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "image/reference.hpp"
#include "image/store.hpp"

namespace cli {

namespace {

struct ListedImage {
  ShownName name;
  const image::StoredImage* image;
};

int list_images(const Context& context, const Arguments& args) {
  const image::Store store(context.roots);
  const auto images = store.images();
  const auto names = store.names();
  std::vector<ListedImage> rows;
  for (const image::StoredImage& image : images) {
    bool named = false;
    for (const image::StoredName& name : names) {
      if (name.id != image.id) continue;
      named = true;
      rows.push_back({shown_name(name.name), &image});
    }
    if (!named) rows.push_back({{"<none>", "<none>"}, &image});
  }
  std::sort(rows.begin(), rows.end(), [](const ListedImage& a, const ListedImage& b) {
    return std::tie(a.name.repository, a.name.tag) < std::tie(b.name.repository, b.name.tag);
  });
  Table table({"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"});
  std::string ids, lines;
  for (const ListedImage& row : rows) {
    const image::Digest& id = row.image->id;
    const std::string shown = args.list.no_trunc ? id.str() : id.brief();
    const std::string size = base::human_size(row.image->size());
    if (ids.find(shown) == std::string::npos) ids += shown + "\n";
    table.add({row.name.repository, row.name.tag, shown, created_text(row.image->created), size});
    lines += nlohmann::json{{"Repository", row.name.repository},
                            {"Tag", row.name.tag},
                            {"ID", shown},
                            {"CreatedAt", row.image->created},
                            {"Size", size}}
                 .dump() +
             "\n";
  }
  write_text(STDOUT_FILENO, args.list.quiet ? ids : args.format == "json" ? lines : table.str());
  return kDone;
}

int inspect_images(const Context& context, const Arguments& args) {
  const image::Store store(context.roots);
  const auto names = store.names();
  nlohmann::json array = nlohmann::json::array();
  for (const std::string& name : args.names) {
    array.push_back(describe_image(store.look_up(name), names));
  }
  write_text(STDOUT_FILENO, array.dump(2) + "\n");
  return kDone;
}

// What a reference names in the store, of every platform; nothing when it is an id.
std::vector<image::StoredName> stored_names(const Context& context, const image::Store& store,
                                            const Arguments& args, const std::string& wanted) {
  std::string name;
  try {
    name = image::parse_reference(wanted, context.cwd).name();
  } catch (const base::Error&) {
    return {};
  }
  std::vector<image::StoredName> out = store.platforms_of(name);
  const std::string& platform = args.image.platform;
  if (platform.empty() || out.empty()) return out;
  const std::string one = image::name_for(name, platform);
  out.erase(std::remove_if(out.begin(), out.end(),
                           [&](const image::StoredName& each) { return each.name != one; }),
            out.end());
  if (out.empty()) throw base::Error(base::cat("image ", wanted, " is not here for ", platform));
  return out;
}

// As docker: an id stands for one name, or for several of one repository.
void refuse_several_names(const image::Store& store, const image::Digest& id) {
  std::set<std::string> repositories;
  for (const image::StoredName& name : store.names()) {
    if (name.id == id) repositories.insert(shown_name(name.name).repository);
  }
  if (repositories.size() < 2) return;
  const std::vector<std::string> list(repositories.begin(), repositories.end());
  throw base::Error(base::cat("image ", id.brief(), " has several names: ", base::join(list, ", ")),
                    "remove these, or all of them with -f");
}

int remove_images(const Context& context, const Arguments& args) {
  require_root("image rm");
  const image::Store store(context.roots);
  const auto users = images_in_use(context);
  const auto used = used_images(context);
  return remove_each(context, args.names, [&](const std::string& wanted) {
    const auto names = stored_names(context, store, args, wanted);
    std::set<image::Digest> ids;
    for (const image::StoredName& each : names) ids.insert(each.id);
    if (names.empty()) ids.insert(store.look_up(wanted).id);
    for (const image::Digest& id : ids) {
      const auto at = users.find(id);
      if (at == users.end() || args.object.force) continue;
      const std::vector<std::string> who(at->second.begin(), at->second.end());
      throw base::Error(base::cat("image ", wanted, " is in use by ", base::join(who, ", ")),
                        "take that stack down first; -f takes only the name away");
    }
    if (names.empty()) {
      if (!args.object.force) refuse_several_names(store, *ids.begin());
      store.remove_image(*ids.begin(), used);
    }
    for (const image::StoredName& each : names) store.remove_name(each.name, used);
  });
}

int prune_images(const Context& context, const Arguments& args) {
  require_root("image prune");
  const bool all = args.list.all;
  const std::string question = all ? "Remove every image that no stack uses?"
                                   : "Remove every image that has no name and that no stack uses?";
  if (!agreed(question, args.object.force)) return kFailed;
  const image::Store store(context.roots);
  const auto removed = store.prune(
      all ? image::Store::Prune::Unused : image::Store::Prune::Nameless, used_images(context));
  std::string out;
  for (const std::string& name : removed.names) out += base::cat("untagged: ", name, "\n");
  for (const image::Digest& id : removed.images) out += base::cat("deleted: ", id.str(), "\n");
  write_text(STDOUT_FILENO,
             base::cat(out, "Total reclaimed space: ", base::human_size(removed.bytes), "\n"));
  return kDone;
}

void add_word(std::vector<std::string>& words, const char* name, const std::string& value) {
  if (!value.empty()) words.insert(words.end(), {name, value});
}

int load_images(const Context& context, const Arguments& args) {
  require_root("image load");
  std::vector<std::string> sources = args.names;
  if (!args.image.input.empty()) sources.insert(sources.begin(), args.image.input);
  if (sources.empty() && is_terminal(STDIN_FILENO)) {
    throw base::Error("image load: nothing to load", "stack image load -i FILE");
  }
  if (sources.empty()) sources.emplace_back("/dev/stdin");
  std::vector<std::string> words = {"load"};
  add_word(words, "--platform", args.image.platform);
  words.emplace_back("--");
  words.insert(words.end(), sources.begin(), sources.end());
  run_stack_image(
      context, {.words = words, .quiet = args.list.quiet, .seen = [](const ImageEvent& event) {
                  if (event.kind != ImageEvent::Kind::Image) return;
                  write_text(STDOUT_FILENO, event.image.empty()
                                                ? base::cat("Loaded image ID: ", event.id, "\n")
                                                : base::cat("Loaded image: ", event.image, "\n"));
                }});
  return kDone;
}

int save_images(const Context& context, const Arguments& args) {
  require_root("image save");
  if (args.image.output.empty() && is_terminal(STDOUT_FILENO)) {
    throw base::Error("image save: an archive is nothing for a terminal", "-o FILE");
  }
  std::vector<std::string> words = {"save"};
  if (args.image.output.empty()) {
    // Its own standard output carries its progress.
    const std::string ours = base::cat("/proc/", ::getpid(), "/fd/1");
    words.insert(words.end(), {"--output", ours, "--direct", "yes"});
  } else {
    words.insert(words.end(), {"--output", args.image.output});
  }
  add_word(words, "--format", args.format);
  words.emplace_back("--");
  words.insert(words.end(), args.names.begin(), args.names.end());
  run_stack_image(context, {.words = words, .quiet = true, .seen = {}});
  return kDone;
}

int verify_images(const Context& context, const Arguments& args) {
  require_root("image verify");
  std::vector<std::string> words = {"verify"};
  if (args.image.mend) words.insert(words.end(), {"--mend", "yes"});
  words.emplace_back("--");
  words.insert(words.end(), args.names.begin(), args.names.end());
  unsigned problems = 0;
  try {
    run_stack_image(context, {.words = words, .quiet = true, .seen = [&](const ImageEvent& event) {
                                if (event.kind != ImageEvent::Kind::Problem) return;
                                ++problems;
                                write_text(STDERR_FILENO,
                                           render_error(event.text, {}, context.err_colour));
                              }});
  } catch (const base::Error&) {
    if (problems == 0) throw;
    return kFailed;
  }
  if (!args.list.quiet) write_text(STDOUT_FILENO, "every image is as it should be\n");
  return kDone;
}

int transfer(const Context& context, const Arguments& args, const char* verb) {
  require_root(base::cat("image ", verb));
  std::vector<std::string> words = {verb};
  add_word(words, "--platform", args.image.platform);
  add_word(words, "--as", args.image.as);
  words.emplace_back("--");
  for (const std::string& name : args.names)
    words.push_back(image::parse_reference(name, context.cwd).name());
  // A quiet pull still says what it pulled, as docker's does.
  const bool tell = args.list.quiet && std::string_view(verb) == "pull";
  run_stack_image(context,
                  {.words = words, .quiet = args.list.quiet, .seen = [&](const ImageEvent& event) {
                     if (tell && event.kind == ImageEvent::Kind::Image)
                       write_text(STDOUT_FILENO, event.image + "\n");
                   }});
  return kDone;
}

}  // namespace

int image(const Context& context, const Arguments& args) {
  const std::string verb = args.command.substr(args.command.find(' ') + 1);
  if (verb == "ls") return list_images(context, args);
  if (verb == "inspect") return inspect_images(context, args);
  if (verb == "rm") return remove_images(context, args);
  if (verb == "prune") return prune_images(context, args);
  if (verb == "load") return load_images(context, args);
  if (verb == "save") return save_images(context, args);
  if (verb == "verify") return verify_images(context, args);
  return transfer(context, args, verb == "push" ? "push" : "pull");
}

}  // namespace cli
