#include "image/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "image/reference.hpp"
#include "image/store_codec.hpp"

namespace image {

namespace {

bool ends_with(const std::string& text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string signature_of(const struct stat& info) {
  return base::cat(info.st_dev, ":", info.st_ino, ":", info.st_size, ":", info.st_mtim.tv_sec, ".",
                   info.st_mtim.tv_nsec, ":", info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec);
}

}  // namespace

std::uint64_t StoredImage::size() const {
  std::uint64_t out = 0;
  for (const StoredLayer& layer : layers) out += layer.size;
  return out;
}

std::optional<StoredName> Store::find_name(const std::string& name) const {
  const auto text = base::try_read_file(layout_.name(name), 64U << 10U);
  if (!text) return {};
  auto out = parse_name(*text);
  // Long names are cut on disk: another's is not ours.
  if (out && out->name != name) out.reset();
  return out;
}

std::vector<StoredName> Store::names() const {
  std::vector<StoredName> out;
  for (const std::string& file : base::list_dir(layout_.names())) {
    const auto text = base::try_read_file(base::cat(layout_.names(), "/", file), 64U << 10U);
    if (!text) continue;
    if (auto name = parse_name(*text)) out.push_back(std::move(*name));
  }
  std::sort(out.begin(), out.end(),
            [](const StoredName& a, const StoredName& b) { return a.name < b.name; });
  return out;
}

std::optional<StoredImage> Store::find(const Digest& id) const {
  const auto text = base::try_read_file(layout_.record(id));
  if (!text) return {};
  auto out = parse_image(*text);
  if (out && out->id != id) out.reset();
  return out;
}

std::vector<StoredImage> Store::images() const {
  std::vector<StoredImage> out;
  for (const std::string& file : base::list_dir(layout_.records())) {
    if (!ends_with(file, ".json")) continue;
    const auto text = base::try_read_file(base::cat(layout_.records(), "/", file));
    if (!text) continue;
    if (auto image = parse_image(*text)) out.push_back(std::move(*image));
  }
  return out;
}

StoredImage Store::look_up(const std::string& wanted) const {
  const std::string digits = base::starts_with(wanted, "sha256:") ? wanted.substr(7) : wanted;
  if (is_hex(digits) && digits.size() >= 4 && digits.size() <= 64) {
    std::vector<StoredImage> found;
    for (StoredImage& image : images()) {
      if (base::starts_with(image.id.hex, digits)) found.push_back(std::move(image));
    }
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
      throw base::Error(base::cat("several images begin with ", digits), "give more digits");
    }
  }
  std::string reason;
  try {
    const Reference reference = parse_reference(wanted);
    if (const auto name = find_name(reference.name())) {
      if (auto image = find(name->id)) return *image;
    }
  } catch (const base::Error& error) {
    // An id that is not there is no reference either.
    reason = error.what();
  }
  std::vector<std::string> known;
  for (const StoredName& name : names()) known.push_back(name.name);
  throw base::Error(base::cat("no such image: ", wanted),
                    base::did_you_mean(wanted, base::nearest(wanted, known)));
}

std::vector<Digest> Store::unusable_layers(const StoredImage& image) const {
  std::vector<Digest> out;
  // Below one descriptor: an image has many layers, and the store lies deep.
  const std::string top = layout_.layers();
  const base::Fd layers(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const StoredLayer& layer : image.layers) {
    struct stat mark {};
    const std::string place = Layout::mark_in_layers(layer.chain_id);
    if (layers && ::fstatat(layers.get(), place.c_str(), &mark, AT_SYMLINK_NOFOLLOW) == 0) continue;
    const auto text = base::try_read_file(layout_.layer_meta(layer.chain_id), 64U << 10U);
    const auto meta = text ? parse_layer_meta(*text) : std::nullopt;
    // During the boot that unpacked it the kernel shows it whole, on disk or not.
    if (!meta || meta->boot != base::boot_id()) out.push_back(layer.chain_id);
  }
  return out;
}

std::vector<std::string> Store::lower_dirs(const StoredImage& image) const {
  std::vector<std::string> out;
  for (auto layer = image.layers.rbegin(); layer != image.layers.rend(); ++layer) {
    out.push_back(layout_.layer_tree(layer->chain_id));
  }
  return out;
}

base::Fd Store::lease() const {
  base::sys::make_dirs(layout_.top, 0700);
  return *base::lock_file(layout_.lease(), {.shared = true});
}

void Store::write_name(const StoredName& name) const {
  base::write_atomic(layout_.name(name.name), to_text(name));
}

void Store::write_record(const StoredImage& image) const {
  base::write_atomic(layout_.record(image.id), to_text(image));
}

std::string name_for(const std::string& name, const std::string& platform) {
  if (platform.empty()) return name;
  const Platform wanted = parse_platform(platform);
  return wanted == host_platform() ? name : base::cat(name, "#", wanted.str());
}

std::string archive_signature(const std::string& path, bool layout_folder) {
  struct stat info {};
  const std::string file = layout_folder ? path + "/index.json" : path;
  return ::stat(file.c_str(), &info) == 0 ? signature_of(info) : std::string();
}

}  // namespace image
