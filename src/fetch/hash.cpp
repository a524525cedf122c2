#include "fetch/hash.hpp"

#include <openssl/evp.h>

#include <array>

#include "base/error.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
};

}  // namespace

struct Hasher::State {
  std::string algorithm;
  const EVP_MD* kind = nullptr;
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{::EVP_MD_CTX_new()};
};

Hasher::Hasher(std::string algorithm) : state_(std::make_unique<State>()) {
  state_->algorithm = std::move(algorithm);
  state_->kind = state_->algorithm == "sha512" ? ::EVP_sha512() : ::EVP_sha256();
  if (state_->algorithm != "sha512" && state_->algorithm != "sha256") {
    throw base::Error(base::cat("unknown digest algorithm ", state_->algorithm));
  }
  reset();
}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::string_view bytes) {
  if (::EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) {
    throw base::Error("hashing failed in the cryptography library");
  }
}

void Hasher::reset() {
  if (!state_->context || ::EVP_DigestInit_ex(state_->context.get(), state_->kind, nullptr) != 1) {
    throw base::Error(
        base::cat(state_->algorithm, " is not available in the cryptography library"));
  }
}

image::Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned size = 0;
  if (::EVP_DigestFinal_ex(state_->context.get(), raw.data(), &size) != 1) {
    throw base::Error("hashing failed in the cryptography library");
  }
  image::Digest out{state_->algorithm, {}};
  constexpr const char* kHex = "0123456789abcdef";
  for (unsigned i = 0; i < size; ++i) {
    out.hex += kHex[raw.at(i) >> 4U];
    out.hex += kHex[raw.at(i) & 15U];
  }
  return out;
}

image::Digest sha256(std::string_view bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace fetch
