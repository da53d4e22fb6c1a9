# shellcheck shell=bash
# PostgreSQL, for scripts/services. See lib/process.sh for what each function must do.

POSTGRES_BIN=

postgres_find() {
  local candidate
  while read -r candidate; do
    candidate=$(readlink -f -- "$candidate") || continue
    POSTGRES_BIN=$(dirname -- "$candidate")
    [[ ! -x $POSTGRES_BIN/initdb || ! -x $POSTGRES_BIN/postgres ]] || return 0
  done < <(
    command -v postgres || true
    printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -rV
  )
  return 1
}

postgres_provide() {
  { postgres_find && postgres_psql >/dev/null; } || postgres_install || {
    say "PostgreSQL can't be had: $WHY."
    say "Install a PostgreSQL server, or name one of your own: export DATABASE_URL=postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    return 1
  }
}

postgres_install() {
  local conf=/etc/postgresql-common/createcluster.conf as_root=()
  # Debian would make a cluster of its own and start it on port 5432: nobody asked for that one.
  install_packages postgresql-common || return 1
  ((EUID == 0)) || as_root=(sudo -n)
  "${as_root[@]}" sed -i 's/^#\? *create_main_cluster.*/create_main_cluster = false/' "$conf"
  install_packages postgresql || return 1
  postgres_find || { WHY="the installed package brought no server"; return 1; }
}

postgres_psql() {
  if [[ -x $POSTGRES_BIN/psql ]]; then printf '%s\n' "$POSTGRES_BIN/psql"; else command -v psql; fi
}

# The server refuses to run as root.
postgres_owners() { printf '%s\n' postgres nobody; }

postgres_prepare() {
  local base
  as_owner postgres
  [[ ! -d $(base_of postgres)/data ]] || return 0
  postgres_remove
  new_base postgres || return 1
  base=$(base_of postgres)
  # Half of a cluster must never be taken for one, so it gets its name when it is whole.
  # Syncing the new files would only guard against a crash of the machine in the next seconds; the server itself does sync.
  (
    cd -- "$base" &&
      new_password postgres &&
      "${OWNED[@]}" "$POSTGRES_BIN/initdb" -D new -U marty -A scram-sha-256 --pwfile=password -E UTF8 --no-locale --no-sync &&
      postgres_settings "$base" >>new/postgresql.conf &&
      postgres_identity new &&
      "${OWNED[@]}" "$POSTGRES_BIN/postgres" --single -D new postgres <<<'create database marty_events' &&
      mv -- new data
  ) </dev/null >"$STATE/postgres/log" 2>&1
}

# For a test's own server, MARTY_EVENTS_POSTGRES_SETTINGS has further lines.
postgres_settings() {
  local socket=$1/.s.PGSQL.32767
  printf "listen_addresses = '127.0.0.1'\nmax_connections = 300\n"
  # A socket's path may have 107 bytes; without one there is still TCP.
  if [[ $(LC_ALL=C && printf '%s' "${#socket}") -gt 107 ]]; then
    printf "unix_socket_directories = ''\n"
  else
    printf "unix_socket_directories = '\"%s\"'\n" "${1//\'/\'\'}"
  fi
  printf '%s\n' "${MARTY_EVENTS_POSTGRES_SETTINGS:-}"
}

# For a test's own server: MARTY_EVENTS_POSTGRES_IDENTITY is a directory with the server.crt and server.key to encrypt with.
postgres_identity() {
  local file
  [[ -n ${MARTY_EVENTS_POSTGRES_IDENTITY:-} ]] || return 0
  for file in server.crt server.key; do
    (umask 077 && cat -- "$MARTY_EVENTS_POSTGRES_IDENTITY/$file" >"$1/$file") || return
    ((EUID != 0)) || chown "$(owner_of postgres)": "$1/$file" || return
  done
  printf 'ssl = on\n' >>"$1/postgresql.conf"
}

# A killed server leaves children, each of which ends only when its query does.
postgres_end_orphans() {
  local process signal=TERM tries orphans
  for ((tries = 0; tries < 50; tries++)); do
    orphans=()
    for process in /proc/[0-9]*; do
      [[ $process/cwd -ef $1/data && $process/exe -ef $POSTGRES_BIN/postgres ]] && orphans+=("${process#/proc/}")
    done
    ((${#orphans[@]} > 0)) || return 0
    ((tries < 40)) || signal=KILL
    kill -s "$signal" "${orphans[@]}" 2>/dev/null || true
    sleep 0.1
  done
  return 1
}

postgres_launch() {
  local base
  base=$(base_of postgres)
  as_owner postgres
  # The lock files with a killed server's number keep a new one from starting as long as anything goes by that number.
  ! postgres_end_orphans "$base" || rm -f -- "$base/data/postmaster.pid" "$base"/.s.PGSQL.*
  launch postgres "$base" "${OWNED[@]}" "$POSTGRES_BIN/postgres" "$(postgres_marker)" -p "$(port postgres)"
}

# -D and its value in one word, which initdb or a person looking into the directory would not write.
postgres_marker() { printf -- '-D%s/data\n' "$(base_of postgres)"; }

postgres_url() {
  printf 'postgres://marty:%s@127.0.0.1:%s/marty_events' "$(<"$(base_of postgres)/password")" "$(port postgres)"
}

# The password is random, so no other checkout's server lets us in.
postgres_answers() {
  local psql
  [[ -n $POSTGRES_BIN ]] || postgres_find || return 1
  psql=$(postgres_psql) || return 1
  [[ $(timeout 5 "$psql" -X -qtA -c 'select 1' "$(postgres_url)" 2>/dev/null </dev/null) == 1 ]]
}

# Its "fast" shutdown; on TERM it would wait until the last client has left.
postgres_stop_signal() { printf INT; }

postgres_variable() { printf DATABASE_URL; }

postgres_export() { printf 'export DATABASE_URL=%s\n' "$(postgres_url)"; }

postgres_remove() {
  ! postgres_find || postgres_end_orphans "$(base_of postgres)" || true
  remove_base postgres
}
