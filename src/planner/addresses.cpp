#include "planner/addresses.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace planner {

using base::Cidr;
using base::Family;
using base::IpAddress;

const std::vector<Cidr>& v4_pools() {
  static const std::vector<Cidr> pools = [] {
    std::vector<Cidr> out;
    for (unsigned second = 17; second <= 31; ++second) {
      out.push_back({IpAddress::from_v4((172U << 24U) | (second << 16U)), 16});
    }
    out.push_back({IpAddress::from_v4((192U << 24U) | (168U << 16U)), 16});
    out.push_back({IpAddress::from_v4(10U << 24U), 8});
    return out;
  }();
  return pools;
}

unsigned v4_prefix_for(std::size_t endpoints) {
  unsigned prefix = 24;
  // Network, broadcast and gateway are not for endpoints.
  while (prefix > 8 && (std::size_t{1} << (32U - prefix)) - 3 < endpoints) --prefix;
  return prefix;
}

namespace {

bool is_default_route(const Cidr& route) {
  return route.prefix <= 1;
}

const Cidr* overlapping(const Cidr& candidate, const std::vector<Cidr>& avoid) {
  for (const Cidr& other : avoid) {
    if (!is_default_route(other) && candidate.overlaps(other)) return &other;
  }
  return nullptr;
}

}  // namespace

std::optional<Cidr> choose_v4(unsigned prefix, const std::vector<Cidr>& avoid) {
  const std::uint64_t step = std::uint64_t{1} << (32U - prefix);
  for (const Cidr& pool : v4_pools()) {
    if (pool.prefix > prefix) continue;
    const std::uint64_t end =
        std::uint64_t{pool.address.v4()} + (std::uint64_t{1} << (32U - pool.prefix));
    for (std::uint64_t at = pool.address.v4(); at < end;) {
      const Cidr candidate{IpAddress::from_v4(static_cast<std::uint32_t>(at)), prefix};
      const Cidr* in_the_way = overlapping(candidate, avoid);
      if (in_the_way == nullptr) return candidate;
      // Past the whole obstacle at once: a route of /8 costs one look, not 65,536.
      const std::uint64_t obstacle_end = std::uint64_t{in_the_way->network().address.v4()} +
                                         (std::uint64_t{1} << (32U - in_the_way->prefix));
      const std::uint64_t past = std::max(obstacle_end, at + step);
      at = (past + step - 1) / step * step;
    }
  }
  return {};
}

Cidr choose_v6(const std::string& tag, const std::vector<Cidr>& avoid) {
  for (unsigned attempt = 0;; ++attempt) {
    const std::string digits =
        base::short_hash(attempt == 0 ? tag : base::cat(tag, "#", attempt), 16);
    Cidr out{{Family::V6, {}}, 64};
    out.address.bytes[0] = 0xfd;
    for (std::size_t i = 0; i < 7; ++i) {
      const auto digit = [&](std::size_t at) {
        const char c = digits[at];
        return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
      };
      out.address.bytes[i + 1] = static_cast<std::uint8_t>(digit(2 * i) * 16 + digit(2 * i + 1));
    }
    // 56 random bits: more than a few attempts would mean that all of fd00::/8 is routed.
    if (attempt >= 16 || overlapping(out, avoid) == nullptr) return out;
  }
}

AddressBook::AddressBook(Subnet subnet) : subnet_(subnet) {}

void AddressBook::hold(const IpAddress& address, const std::string& holder) {
  held_.emplace(address, holder);
}

void AddressBook::remember(const IpAddress& address) {
  remembered_.insert(address);
}

bool AddressBook::usable(const IpAddress& address) const {
  if (!subnet_.range.contains(address) || address == subnet_.gateway) return false;
  if (address == subnet_.range.address) return false;
  if (address.is_v4() && subnet_.range.prefix < 31) {
    const std::uint64_t size = std::uint64_t{1} << (32U - subnet_.range.prefix);
    if (address == subnet_.range.address.plus(size - 1)) return false;
  }
  return true;
}

std::optional<std::string> AddressBook::holder(const IpAddress& address) const {
  const auto at = held_.find(address);
  if (at == held_.end()) return {};
  return at->second;
}

std::optional<IpAddress> AddressBook::lowest_free() {
  const unsigned host_bits = subnet_.range.address.width() - subnet_.range.prefix;
  const std::uint64_t size =
      host_bits >= 32 ? std::uint64_t{1} << 32U : std::uint64_t{1} << host_bits;
  for (; next_ < size; ++next_) {
    const IpAddress candidate = subnet_.range.address.plus(next_);
    if (usable(candidate) && held_.count(candidate) == 0 && remembered_.count(candidate) == 0) {
      return candidate;
    }
  }
  for (const IpAddress& candidate : remembered_) {
    if (usable(candidate) && held_.count(candidate) == 0) return candidate;
  }
  return {};
}

AddressBook* PlacedNetwork::book(Family family) {
  for (AddressBook& book : books) {
    if (book.subnet().range.address.family == family) return &book;
  }
  return nullptr;
}

namespace {

std::optional<Cidr> of_family(const std::vector<Cidr>& list, Family family) {
  for (const Cidr& item : list) {
    if (item.address.family == family) return item;
  }
  return {};
}

// A lease with host bits set names the gateway: a bridge's address.
IpAddress gateway_in(const Cidr& given) {
  const Cidr network = given.network();
  return given.address == network.address ? network.address.plus(1) : given.address;
}

IpAddress configured_gateway(const spec::Network& wish, const Cidr& range, Problems& problems) {
  for (const IpAddress& gateway : wish.gateways) {
    if (gateway.family != range.address.family) continue;
    if (range.contains(gateway) && gateway != range.address) return gateway;
    problems.add(wish.place,
                 base::cat("network \"", wish.key, "\": gateway ", gateway.str(),
                           " is not an address of its subnet ", range.str()),
                 "choose an address inside the subnet, or leave `gateway` out");
  }
  return range.address.plus(1);
}

class Placer {
 public:
  Placer(const spec::Stack& stack, const World& world, const KernelNames& names, Problems& problems)
      : stack_(stack), world_(world), names_(names), problems_(problems), avoid_(world.taken) {
    used_ = world.taken;
  }

  std::map<std::string, PlacedNetwork> run(const std::map<std::string, std::size_t>& needs) {
    std::map<std::string, PlacedNetwork> out;
    // What cannot move first (external, configured, leased), so that a new choice avoids all of it.
    for (const auto& entry : stack_.networks) fix_given(entry.second);
    for (const auto& entry : stack_.networks) fix_leased(entry.second, need_of(needs, entry.first));
    avoid_.insert(avoid_.end(), world_.routes.begin(), world_.routes.end());
    for (const auto& entry : stack_.networks) {
      out.emplace(entry.first, finish(entry.second, need_of(needs, entry.first)));
    }
    return out;
  }

 private:
  static std::size_t need_of(const std::map<std::string, std::size_t>& needs,
                             const std::string& key) {
    const auto at = needs.find(key);
    return at == needs.end() ? 0 : at->second;
  }

  const NetworkLeases* leases(const spec::Network& wish) const {
    const auto at = world_.networks.find(wish.name);
    return at == world_.networks.end() ? nullptr : &at->second;
  }

  void take(const spec::Network& wish, const Subnet& subnet) {
    fixed_[wish.key].push_back(subnet);
    used_.push_back(subnet.range);
    avoid_.push_back(subnet.range);
  }

  void fix_given(const spec::Network& wish) {
    const NetworkLeases* known = leases(wish);
    if (wish.external) {
      if (known == nullptr || known->subnets.empty()) {
        problems_.add(wish.place,
                      base::cat("network \"", wish.name,
                                "\" is declared external but does not exist: stack network create ",
                                wish.name));
        return;
      }
      for (const Cidr& subnet : known->subnets) {
        take(wish, {subnet.network(), gateway_in(subnet)});
      }
      return;
    }
    for (const Family family : {Family::V4, Family::V6}) {
      if (family == Family::V6 && !wish.enable_ipv6) continue;
      if (const auto configured = of_family(wish.subnets, family)) {
        const Cidr range = configured->network();
        if (const Cidr* other = overlapping(range, used_)) {
          problems_.add(wish.place,
                        base::cat("network \"", wish.key, "\": subnet ", range.str(), " overlaps ",
                                  other->str(), ", the subnet of another network"),
                        "choose another subnet, or leave `ipam` out and one is chosen");
          continue;
        }
        take(wish, {range, configured_gateway(wish, range, problems_)});
      }
    }
  }

  void fix_leased(const spec::Network& wish, std::size_t need) {
    const NetworkLeases* known = leases(wish);
    if (wish.external || known == nullptr) return;
    for (const Family family : {Family::V4, Family::V6}) {
      if (family == Family::V6 && !wish.enable_ipv6) continue;
      if (of_family(wish.subnets, family)) continue;
      const auto leased = of_family(known->subnets, family);
      if (!leased) continue;
      const Cidr range = leased->network();
      const bool large_enough = family == Family::V6 || range.prefix <= v4_prefix_for(need);
      // The host's routes are not asked: our own bridge is one of them.
      if (large_enough && overlapping(range, used_) == nullptr) {
        // Only a configured subnet has a configured gateway; a lease keeps the one it was made
        // with.
        take(wish, {range, gateway_in(*leased)});
      }
    }
  }

  PlacedNetwork finish(const spec::Network& wish, std::size_t need) {
    std::vector<Subnet>& subnets = fixed_[wish.key];
    const auto has = [&](Family family) {
      return std::any_of(subnets.begin(), subnets.end(), [&](const Subnet& subnet) {
        return subnet.range.address.family == family;
      });
    };
    if (!wish.external && !has(Family::V4)) {
      if (const auto chosen = choose_v4(v4_prefix_for(need), avoid_)) {
        take(wish, {*chosen, chosen->address.plus(1)});
      } else if (problems_.empty()) {
        problems_.add(
            wish.place,
            base::cat("network \"", wish.key,
                      "\": no free subnet is left in 172.17.0.0/16 to "
                      "172.31.0.0/16, 192.168.0.0/16 and 10.0.0.0/8"),
            "give the network an `ipam` subnet, or remove unused networks: stack network prune");
      }
    }
    if (!wish.external && wish.enable_ipv6 && !has(Family::V6)) {
      const Cidr chosen = choose_v6(names_.tag("net6", wish.name), avoid_);
      take(wish, {chosen, chosen.address.plus(1)});
    }
    std::stable_sort(subnets.begin(), subnets.end(), [](const Subnet& a, const Subnet& b) {
      return a.range.address.family < b.range.address.family;
    });

    PlacedNetwork out;
    const std::string tag = names_.tag("net", wish.name);
    const NetworkLeases* known = leases(wish);
    Network& network = out.network;
    network.key = wish.key;
    network.name = wish.name;
    network.external = wish.external;
    network.enable_ipv6 = wish.external ? has(Family::V6) : wish.enable_ipv6;
    network.labels = wish.labels;
    network.bridge.device = base::cat("st-", tag);
    network.bridge.label = wish.name;
    network.bridge.table = base::cat("stack-net-", tag);
    network.bridge.internal = wish.external && known != nullptr ? known->internal : wish.internal;
    if (const auto mtu = wish.driver_opts.find("com.docker.network.driver.mtu");
        mtu != wish.driver_opts.end()) {
      const auto value = base::parse_uint(mtu->second);
      if (value && *value >= 68 && *value <= 65535) {
        network.bridge.mtu = static_cast<std::uint32_t>(*value);
      } else {
        problems_.add(wish.place, base::cat("network \"", wish.key, "\": mtu \"", mtu->second,
                                            "\" is not a number from 68 to 65535"));
      }
    }
    out.has_gateway = !network.bridge.internal;
    for (const Subnet& subnet : subnets) {
      network.bridge.addresses.push_back(subnet.interface());
      out.books.emplace_back(subnet);
    }
    if (known != nullptr) {
      for (const auto& lease : known->addresses) {
        const bool ours = base::starts_with(lease.first, base::cat(stack_.name, "/"));
        for (const IpAddress& address : lease.second) {
          AddressBook* book = out.book(address.family);
          if (book == nullptr) continue;
          if (ours) {
            book->remember(address);
          } else {
            book->hold(address, lease.first);
          }
        }
      }
    }
    return out;
  }

  const spec::Stack& stack_;
  const World& world_;
  const KernelNames& names_;
  Problems& problems_;
  std::vector<Cidr> used_;   // subnets of networks of ours
  std::vector<Cidr> avoid_;  // the same and the host's routes: for new choices
  std::map<std::string, std::vector<Subnet>> fixed_;
};

}  // namespace

std::map<std::string, PlacedNetwork> place_networks(const spec::Stack& stack, const World& world,
                                                    const KernelNames& names,
                                                    const std::map<std::string, std::size_t>& needs,
                                                    Problems& problems) {
  return Placer(stack, world, names, problems).run(needs);
}

}  // namespace planner
