#include "base/error.hpp"
#include "fetch/run.hpp"

namespace fetch {

int pull(const Options& options) {
  throw base::Error("registries are not supported yet: " +
                    (options.names.empty() ? std::string() : options.names.front()));
}

int push(const Options& options) {
  throw base::Error("registries are not supported yet: " +
                    (options.names.empty() ? std::string() : options.names.front()));
}

}  // namespace fetch
