# shellcheck shell=bash
# Debian packages for what a machine lacks. Sourced.

say() { printf '%s\n' "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages, or fails with the reason in WHY.
install_packages() {
  local as_root=(env) log
  WHY=
  if ! have apt-get; then
    WHY="there is no apt-get on this machine to install $* with"
  elif ((EUID != 0)); then
    as_root=(sudo -n env)
    sudo -n true 2>/dev/null || WHY="installing $* needs root or a sudo that asks no password"
  fi
  [[ -z $WHY ]] || return 1
  say "installing $* (Debian packages)"
  log=$(mktemp)
  # The index is fetched only when the first try fails: it may be absent, or name versions that are no longer served.
  if apt_get install "$@" >"$log" 2>&1 || { apt_get update && apt_get install "$@"; } >"$log" 2>&1; then
    rm -f -- "$log"
    return 0
  fi
  WHY="apt-get could not install $*: $(grep -m1 '^E:' "$log" || tail -n 1 "$log")"
  rm -f -- "$log"
  return 1
}

# Uses as_root of install_packages.
apt_get() {
  "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@" </dev/null
}

# A client that is not ours, for tests that must not take our own word.
provide_kcat() {
  have kcat || install_packages kcat || say "kcat is missing ($WHY); tests that use it will be skipped"
}

# Debian has it in a folder that is not on every user's path.
provide_pgbouncer() {
  export PATH=$PATH:/usr/sbin
  have pgbouncer || install_packages pgbouncer || say "pgbouncer is missing ($WHY); tests behind a pooler will be skipped"
}

# npm_packages FOLDER NAME: installs the packages that FOLDER/package-lock.json names below the target directory, and leaves their place in
# NODE_MODULES; or fails with the reason in WHY.
npm_packages() {
  local source=$1 folder=${CARGO_TARGET_DIR:-target}/$2 log
  mkdir -p -- "$folder"
  folder=$(cd -- "$folder" && pwd)
  cp -- "$source/package.json" "$source/package-lock.json" "$folder"
  log=$folder/npm.log
  have npm || install_packages npm || return 1
  (cd -- "$folder" && npm ci --no-audit --no-fund) >"$log" 2>&1 || {
    WHY="npm could not install $2: $(tail -n 1 "$log")"
    return 1
  }
  NODE_MODULES=$folder/node_modules
}

# The rules of accessibility that the console's pages are checked by, in the version that tests/console/package-lock.json names.
provide_axe() {
  [[ -z ${MARTY_EVENTS_AXE:-} ]] || return 0
  if npm_packages tests/console axe; then
    export MARTY_EVENTS_AXE=$NODE_MODULES/axe-core/axe.min.js
  else
    say "axe-core is missing ($WHY); the test of the console's accessibility will be skipped"
  fi
}

# A reader of AsyncAPI documents that is not ours, in the version that tests/asyncapi/package-lock.json names.
provide_asyncapi_parser() {
  [[ -z ${MARTY_EVENTS_ASYNCAPI:-} ]] || return 0
  if npm_packages tests/asyncapi asyncapi; then
    export MARTY_EVENTS_ASYNCAPI=$NODE_MODULES
  else
    say "@asyncapi/parser is missing ($WHY); the test that reads the catalogue's documents by it will be skipped"
  fi
}

has_openssl() { have pkg-config && pkg-config --exists openssl; }

# The browser that the console is tried with, and what drives it.
provide_chromium() {
  { have chromium && have chromedriver; } || install_packages chromium chromium-driver ||
    say "chromium is missing ($WHY); the test of the console in a browser will be skipped"
}

# Prometheus' own checker of alert rules. Its Debian package brings a whole server, so the one program is taken out of it.
provide_promtool() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/marty-events/promtool
  export PATH=$PATH:$folder
  have promtool || fetch_promtool "$folder" ||
    say "promtool is missing ($WHY); the tests of the alert rules on a fleet will be skipped"
}

# Leaves the reason of a failure in WHY.
fetch_promtool() {
  local folder=$1 scratch as_root=(env) done=false
  WHY='there is no apt-get on this machine to download it with'
  { have apt-get && have dpkg-deb; } || return 1
  ((EUID == 0)) || as_root=(sudo -n env)
  say 'downloading promtool (from the Debian package prometheus)'
  scratch=$(mktemp -d)
  if (
    cd -- "$scratch"
    { apt-get -q download prometheus || { apt_get update && apt-get -q download prometheus; }; } &&
      dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
  ) >"$scratch/log" 2>&1; then
    mkdir -p "$folder" && mv -f -- "$scratch/usr/bin/promtool" "$folder/promtool" && done=true
  else
    WHY="apt-get could not download prometheus: $(grep -m1 '^E:' "$scratch/log" || tail -n 1 "$scratch/log")"
  fi
  rm -rf -- "$scratch"
  $done
}

# What `--all-features` links with. Only a hint where it can't be installed: the build itself then says what is missing.
provide_build_packages() {
  local missing=()
  have pkg-config || missing+=(pkg-config)
  { have cc && have make; } || missing+=(build-essential)
  has_openssl || missing+=(libssl-dev)
  { have pkg-config && pkg-config --exists libsasl2; } || missing+=(libsasl2-dev)
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}" || say "$WHY; a build with all features may fail"
}
