// `stack-image pull`: names from their registries or mirrors into the store. What the image is
// comes first (manifest, configuration), then its layers; it appears under its names only when all
// of it is there.
#include <algorithm>
#include <ctime>
#include <memory>

#include "base/error.hpp"
#include "fetch/background.hpp"
#include "fetch/image_commit.hpp"
#include "fetch/registry.hpp"
#include "fetch/registry_layers.hpp"
#include "fetch/run.hpp"
#include "image/reference.hpp"
#include "image/store.hpp"
#include "spec/pull_policy.hpp"

namespace fetch {
namespace {

class Pull {
 public:
  Pull(const Options& options, const RegistriesConfig& config, StoreWriter& writer,
       image::Reference reference)
      : options_(options),
        config_(config),
        writer_(writer),
        store_(options.roots),
        reference_(std::move(reference)),
        name_(reference_.name()),
        platform_(options.platform.empty() ? image::host_platform()
                                           : image::parse_platform(options.platform)) {}

  void run(const spec::PullPolicy& policy) {
    using When = spec::PullPolicy::When;
    const auto known = usable();
    if (!known && policy.when == When::Never) {
      throw base::Error("it is not here, and the pull policy is never");
    }
    if (known && (policy.when != When::Always) &&
        !(policy.when == When::Older && is_older(*known, policy.age))) {
      tell(known->id, known->digest);
      return;
    }
    if (known && reference_.digest) {  // its content cannot have changed
      tell(known->id, known->digest);
      return;
    }
    progress().status(name_, "Pulling");
    from_any(known);
  }

 private:
  Progress& progress() const { return *options_.progress; }

  // What the name means now, when it is whole and for the same platform.
  std::optional<image::StoredName> usable() const {
    auto known = store_.find_name(image::name_for(name_, options_.platform));
    if (!known || known->platform != options_.platform) return std::nullopt;
    const auto image = store_.find(known->id);
    if (!image || !store_.unusable_layers(*image).empty()) return std::nullopt;
    return known;
  }

  static bool is_older(const image::StoredName& known, base::Duration age) {
    return std::chrono::seconds(std::time(nullptr) - known.at) > age;
  }

  void tell(const image::Digest& id, const std::string& digest) const {
    progress().image_done(name_, id, digest);
  }

  // The mirrors in their order, then the registry; only what a registry did wrong leads on.
  void from_any(const std::optional<image::StoredName>& known) {
    const auto endpoints = endpoints_of(config_, reference_.registry);
    std::vector<std::string> failures;
    for (const Endpoint& endpoint : endpoints) {
      try {
        from(endpoint, known);
        return;
      } catch (const RegistryError& error) {
        if (endpoints.size() == 1) throw;
        failures.push_back(endpoint.mirror ? base::cat("mirror ", endpoint.host, ": ", error.what())
                                           : error.what());
        if (endpoint.mirror) progress().status(name_, failures.back());
      }
    }
    throw base::Error(base::join(failures, "; "));
  }

  void from(const Endpoint& endpoint, const std::optional<image::StoredName>& known) {
    HttpLoop loop(config_.bounds);
    Connection connection(loop, config_, endpoint, reference_.repository);
    if (known && !reference_.digest && !known->digest.empty()) {
      const auto now = digest_of_tag(connection, reference_.tag);
      if (now && now->str() == known->digest) {
        image::StoredName seen = *known;
        seen.at = std::time(nullptr);
        store_.write_name(seen);
        tell(known->id, known->digest);
        return;
      }
    }
    ImageSource image = documents(connection);
    const std::string digest = image.digests.front().str();
    const image::Descriptor index = image.index;
    const std::string index_bytes = std::move(image.index_bytes);
    image.platform = options_.platform;
    const auto commit = begin_commit(std::move(image));
    LayerDownloads(loop, connection, writer_, progress(), *commit, {name_, config_.parallel}).run();
    if (!index_bytes.empty()) writer_.put_blob(index, index_bytes);
    tell(commit->finish({name_}), digest);
  }

  std::unique_ptr<ImageCommit> begin_commit(ImageSource image) {
    const std::string object = "manifest " + image.manifest.digest.str();
    try {
      return std::make_unique<ImageCommit>(writer_, progress(), std::move(image));
    } catch (const base::SysError&) {
      throw;
    } catch (const base::Error& error) {
      throw RegistryError(RegistryError::Kind::Wrong, base::cat(object, ": ", error.what()),
                          error.hint());
    }
  }

  // Manifest and configuration of the one image that is meant, through indexes.
  ImageSource documents(Connection& connection) {
    ImageSource out;
    FetchedManifest got =
        reference_.digest
            ? fetch_digest(connection, {.media_type = {}, .digest = *reference_.digest})
            : fetch_tag(connection, reference_.tag);
    for (unsigned depth = 0;; ++depth) {
      const std::string object = "manifest " + got.descriptor.digest.str();
      out.digests.push_back(got.descriptor.digest);
      try {
        auto parsed = parse_manifest(got.bytes, got.descriptor.media_type);
        if (const auto* manifest = std::get_if<Manifest>(&parsed)) {
          out.manifest = got.descriptor;
          out.manifest.media_type = manifest->media_type;
          out.config_bytes = configuration(connection, manifest->config);
          out.manifest_bytes = std::move(got.bytes);
          return out;
        }
        if (depth == kMaxIndexDepth) throw base::Error("indexes within indexes, too deep");
        const image::Descriptor chosen = choose_one(std::get<Index>(parsed), platform_);
        for (const image::Digest& seen : out.digests) {
          if (seen == chosen.digest) throw base::Error("an index that refers to itself");
        }
        if (depth == 0) {
          out.index = got.descriptor;
          out.index_bytes = std::move(got.bytes);
        }
        got = child(connection, chosen);
      } catch (const RegistryError&) {
        throw;
      } catch (const base::SysError&) {
        throw;
      } catch (const base::Error& error) {
        throw RegistryError(RegistryError::Kind::Wrong, base::cat(object, ": ", error.what()),
                            error.hint());
      }
    }
  }

  FetchedManifest child(Connection& connection, const image::Descriptor& wanted) {
    if (wanted.size <= kMaxManifest && writer_.has_blob(wanted)) {
      return {wanted, writer_.read_blob(wanted, kMaxManifest)};
    }
    return fetch_digest(connection, wanted);
  }

  std::string configuration(Connection& connection, const image::Descriptor& wanted) {
    if (wanted.size <= kMaxConfig && writer_.has_blob(wanted)) {
      return writer_.read_blob(wanted, kMaxConfig);
    }
    return fetch_small_blob(connection, wanted, kMaxConfig);
  }

  const Options& options_;
  const RegistriesConfig& config_;
  StoreWriter& writer_;
  image::Store store_;
  image::Reference reference_;
  std::string name_;
  image::Platform platform_;
};

std::string option(const Options& options, const char* name) {
  const auto found = options.others.find(name);
  return found == options.others.end() ? "" : found->second;
}

}  // namespace

int pull(const Options& options) {
  const RegistriesConfig config = load_registries();
  const std::string asked = option(options, "policy");
  const auto policy = spec::parse_pull_policy(asked.empty() ? "always" : asked);
  if (!policy) throw base::Error(base::cat("\"", asked, "\" is no pull policy"));
  const bool forgiving = option(options, "ignore-pull-failures") == "true";
  StoreWriter writer(options.roots);
  int status = 0;
  bool fetched = false;
  for (const std::string& name : options.names) {
    try {
      image::Reference reference = image::parse_reference(name, options.working_dir);
      if (!reference.is_registry()) {
        throw base::Error(base::cat("image ", name, " comes from no registry"), "stack image load");
      }
      Pull(options, config, writer, std::move(reference)).run(*policy);
      fetched = true;
    } catch (const base::Error& error) {
      options.progress->error(
          base::Error(base::cat("pull ", name, ": ", error.what()), error.hint()));
      if (!forgiving) status = 1;
    }
  }
  if (fetched) make_durable_in_background(options.roots);
  return status;
}

}  // namespace fetch
