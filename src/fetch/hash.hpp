// Hasher: a running digest of bytes (OpenSSL behind it). The only place that computes one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "image/digest.hpp"

namespace fetch {

class Hasher {
 public:
  explicit Hasher(std::string algorithm = "sha256");  // or "sha512"
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();

  void update(std::string_view bytes);
  void reset();
  // Of everything so far; further updates need a reset().
  image::Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

image::Digest sha256(std::string_view bytes);

}  // namespace fetch
