# shellcheck shell=bash
# MariaDB, for scripts/services. See lib/process.sh for what each function must do.

MARIADB_SERVER=

mariadb_find() {
  local candidate
  MARIADB_SERVER=
  for candidate in mariadbd /usr/sbin/mariadbd; do
    ! have "$candidate" || { MARIADB_SERVER=$(command -v "$candidate"); break; }
  done
  [[ -n $MARIADB_SERVER ]] && have mariadb-install-db && have mariadb
}

# The packages of the programs alone: with mariadb-server Debian would make and start a server that nobody asked for.
mariadb_provide() {
  mariadb_find || { install_packages mariadb-server-core mariadb-client-core && mariadb_find; } || {
    say "MariaDB can't be had: ${WHY:-the installed packages brought no server}."
    say "Install a MariaDB server, or name one of your own: export MARIADB_URL=mysql://USER:PASSWORD@HOST:PORT/DATABASE"
    return 1
  }
}

mariadb_owners() { printf '%s\n' mysql nobody; }

mariadb_prepare() {
  local base
  as_owner mariadb
  [[ ! -d $(base_of mariadb)/data ]] || return 0
  mariadb_remove
  new_base mariadb || return 1
  base=$(base_of mariadb)
  # Half of a data directory must never be taken for one, so it gets its name when it is whole.
  (
    cd -- "$base" &&
      new_password mariadb &&
      "${OWNED[@]}" mariadb-install-db --no-defaults --datadir="$base/new" --skip-test-db --skip-name-resolve \
        --auth-root-authentication-method=normal &&
      mariadb_users | "${OWNED[@]}" "$MARIADB_SERVER" --no-defaults --bootstrap --datadir="$base/new" &&
      mv -- new data
  ) </dev/null >"$STATE/mariadb/log" 2>&1
}

# A server that is being made takes statements from its standard input, one a line, and knows no users before the first one.
mariadb_users() {
  printf '%s\n' \
    'FLUSH PRIVILEGES;' \
    "DELETE FROM mysql.global_priv WHERE User IN ('', 'root');" \
    'FLUSH PRIVILEGES;' \
    "CREATE USER marty@'127.0.0.1' IDENTIFIED BY '$(<password)';" \
    "GRANT ALL PRIVILEGES ON *.* TO marty@'127.0.0.1' WITH GRANT OPTION;" \
    'CREATE DATABASE marty_events;'
}

mariadb_launch() {
  local base
  base=$(base_of mariadb)
  as_owner mariadb
  # Its own settings only: nothing of the machine's or the user's. The socket's name is
  # relative to the data, because a path may have 107 bytes.
  launch mariadb "$base" "${OWNED[@]}" "$MARIADB_SERVER" --no-defaults "$(mariadb_marker)" \
    --bind-address=127.0.0.1 --port="$(port mariadb)" --socket=socket --pid-file="$base/data/pid" \
    --skip-name-resolve --max-connections=300 --character-set-server=utf8mb4 --skip-log-bin
}

mariadb_marker() { printf -- '--datadir=%s/data\n' "$(base_of mariadb)"; }

mariadb_url() {
  printf 'mysql://marty:%s@127.0.0.1:%s/marty_events' "$(<"$(base_of mariadb)/password")" "$(port mariadb)"
}

mariadb_answers() {
  [[ -n $MARIADB_SERVER ]] || mariadb_find || return 1
  [[ $(MYSQL_PWD=$(<"$(base_of mariadb)/password") timeout 5 mariadb --no-defaults --protocol=tcp -h 127.0.0.1 \
    -P "$(port mariadb)" -u marty -NBe 'select 1' marty_events 2>/dev/null </dev/null) == 1 ]]
}

mariadb_stop_signal() { printf TERM; }

mariadb_variable() { printf MARIADB_URL; }

mariadb_export() { printf 'export MARIADB_URL=%s\n' "$(mariadb_url)"; }

mariadb_remove() { remove_base mariadb; }
