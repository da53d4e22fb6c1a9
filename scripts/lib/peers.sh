# shellcheck shell=bash
# The programs of tests/peers, each by its own package manager. Sourced; needs REPO, lib/packages.sh and lib/kafka.sh.
#
# What can't be had is left out of the measurement, which says so.

PEERS=$REPO/tests/peers
PEERS_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/marty-events

# Those that the arguments name.
provide_peers() {
  local peer
  mkdir -p "$PEERS_CACHE"
  for peer in "$@"; do
    "peers_$peer" || say "left out: $peer, because $WHY"
  done
}

peers_debezium() {
  local jars
  jars=$PEERS_CACHE/debezium-$(sha256sum <"$PEERS/debezium/pom.xml" | cut -c1-8)
  kafka_find_java || kafka_install_java || return 1
  have mvn || install_packages maven || return 1
  if [[ ! -d $jars ]]; then
    say 'downloading Debezium by Maven'
    maven_jars "$PEERS/debezium/pom.xml" "$jars" || { WHY="Maven could not download it (the end of its output is above)"; return 1; }
  fi
  export MARTY_EVENTS_LOAD_DEBEZIUM=$jars
}

peers_python() {
  local environment
  environment=$PEERS_CACHE/python-$(sha256sum <"$PEERS/python/requirements.txt" | cut -c1-8)
  if [[ ! -x $environment/bin/python || ! -e $environment/whole ]]; then
    say 'installing asyncpg and aiokafka by pip'
    rm -rf -- "$environment"
    { python3 -m venv "$environment" && "$environment/bin/pip" -q install -r "$PEERS/python/requirements.txt"; } >&2 ||
      { WHY='pip could not install it'; return 1; }
    touch "$environment/whole"
  fi
  export MARTY_EVENTS_LOAD_PYTHON=$environment/bin/python
}

peers_wal() {
  local target=$REPO/target/peers
  cargo build -q --release --locked --manifest-path "$PEERS/wal/Cargo.toml" --target-dir "$target" || { WHY='cargo could not build it'; return 1; }
  export MARTY_EVENTS_LOAD_WAL=$target/release/wal-peer
}

peers_oxide() {
  local manifest=$PEERS/oxide-outbox/Cargo.toml target=$REPO/target/peers
  cargo build -q --release --locked --manifest-path "$manifest" --target-dir "$target" || { WHY='cargo could not build it'; return 1; }
  # The crate's own SQL, from where cargo has unpacked it.
  MIGRATIONS=$(cargo metadata --format-version 1 --locked --manifest-path "$manifest" |
    python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "outbox-postgres":
        print(os.path.join(os.path.dirname(package["manifest_path"]), "migrations"))')
  export MIGRATIONS MARTY_EVENTS_LOAD_OXIDE=$target/release/oxide-outbox-peer
}
