# Shared by the scripts of this folder; sourced, never run. Speaks to the person in plain lines.
# shellcheck shell=sh

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

repo_root() {
  (cd "$(dirname "$0")/.." && pwd -P)
}

is_root() { [ "$(id -u)" = 0 ]; }
can_be_root() { is_root || command -v sudo >/dev/null 2>&1; }

# Runs a command as root: directly, or through sudo. The environment a caller wants kept is named
# in the command itself (`as_root env NAME=value program`), for sudo drops it.
as_root() {
  if is_root; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo -- "$@"
  else
    die "this step needs root, and sudo is not installed: run it as root ($*)"
  fi
}

# Only what was tried; others may work, so this warns and goes on.
check_distribution() {
  command -v dpkg >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
    die "needs Debian or Ubuntu (apt): see README.md for the list of packages to install by hand"
  # shellcheck disable=SC1091
  case "$(. /etc/os-release && printf '%s-%s' "${ID:-}" "${VERSION_ID:-}")" in
    debian-12 | debian-13 | ubuntu-24.04) ;;
    *) printf 'note: tried on Debian 12, Debian 13 and Ubuntu 24.04 only\n' >&2 ;;
  esac
}

# Prints those of the given packages that are not installed.
missing_packages() {
  for package in "$@"; do
    case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
      installed) ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

# Installs what is missing and nothing else; without anything missing, neither root nor network is needed.
apt_install() {
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  say "installing: $missing"
  if [ -z "${apt_updated:-}" ]; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update ||
      printf 'note: apt-get update reported errors; going on with the lists there are\n' >&2
    apt_updated=1
  fi
  # shellcheck disable=SC2086  # a list of words is meant
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
    $missing >/dev/null ||
    die "apt-get could not install: $missing"
}

build_packages="g++ cmake ninja-build pkg-config libyaml-cpp-dev libboost-graph-dev libnl-3-dev \
libnl-route-3-dev libspdlog-dev libcli11-dev libseccomp-dev nlohmann-json3-dev busybox ca-certificates \
libarchive-dev libcurl4-openssl-dev libssl-dev zlib1g-dev libzstd-dev"
