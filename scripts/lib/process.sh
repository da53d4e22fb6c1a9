# shellcheck shell=bash
# What the services have in common: starting a server that outlives this shell, knowing it again, waiting for it, stopping it.
# Sourced by scripts/services, which sets STATE and TIMEOUT.
#
# A service NAME is a file lib/NAME.sh with the functions
#   NAME_provide      find or install the software; on failure explain and return non-zero
#   NAME_prepare      make its data directory, once
#   NAME_launch       start the server by `launch`, on the ports that `port` gives
#   NAME_marker       an argument of the server's command line that no other process has
#   NAME_answers      ask it, as a client would, something that only this very server can answer
#   NAME_stop_signal  the signal that makes it stop without waiting for its clients
#   NAME_export       the line to export
#   NAME_variable     the name of the variable that it exports
#   NAME_remove       remove what lies outside $STATE/NAME

# The services that this run started, which it stops again if it does not come to its end.
STARTED=()

die() {
  say "$*"
  exit 1
}

random_word() { head -c 18 /dev/urandom | base64 | tr '+/' 'ab'; }

# A checkout copied with its .services holds the original's ports and perhaps directories.
ours() { [[ -f $STATE/origin && $(<"$STATE/origin") == "$STATE" ]]; }

# A number in a file may be that of some other process by now, or be lost with the file. A command line can't lie.
pid_of() {
  local found
  # The marker comes by -f, or grep would find itself.
  found=$(grep -Fxzl -f <("$1_marker") /proc/[0-9]*/cmdline 2>/dev/null | head -n 1) || true
  [[ $found =~ [0-9]+ ]] && printf '%s\n' "${BASH_REMATCH[0]}"
}

runs() { pid_of "$1" >/dev/null; }

answers() { runs "$1" && "$1_answers"; }

address() { printf '127.0.0.1:%s\n' "$(port "$1")"; }

# Below 32768, where the kernel begins to take the ports of outgoing connections from.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    grep -sqx "$port" "$STATE"/*/*port || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  printf '%s\n' "$port"
}

# port NAME [WHICH]: kept over restarts, so that what a caller has exported stays true.
port() {
  local file=$STATE/$1/${2:-port}
  [[ -s $file ]] || free_port >"$file"
  cat -- "$file"
}

# launch NAME DIRECTORY COMMAND..: the command is the server or execs it, and has its marker among the arguments.
launch() {
  local name=$1 directory=$2 log=$STATE/$1/log
  shift 2
  [[ ! -s $log ]] || mv -- "$log" "$log.previous"
  # Ended between the fork and the exec, we would leave a server that `stop` does not see yet.
  trap '' INT TERM HUP
  (
    trap - INT TERM HUP EXIT
    # Whatever else the caller has open, a pipe or our own lock, would stay open as long as the server lives.
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      ((fd < 3)) || eval "exec $fd>&-"
    done
    cd -- "$directory" || exit
    exec setsid "$@"
  ) </dev/null >"$log" 2>&1 &
  printf '%s\n' "$!" >"$STATE/$name/pid"
  # Before its exec the process still has this script's command line.
  while ! runs "$name" && [[ -n $(tr -d '\0' <"/proc/$!/cmdline") ]]; do
    sleep 0.02
  done 2>/dev/null
  catch_signals
}

catch_signals() {
  trap 'abandon 130' INT
  trap 'abandon 143' TERM HUP
}

start() {
  local name=$1
  mkdir -p "$STATE/$name"
  say "starting $name"
  STARTED+=("$name")
  "${name}_prepare" || fail "$name" "could not prepare its data directory"
  "${name}_launch"
}

await() {
  local name=$1 deadline=$((SECONDS + TIMEOUT)) attempts=10
  until answers "$name"; do
    ((SECONDS < deadline)) || fail "$name" "did not answer within $TIMEOUT s"
    if ! runs "$name" && [[ " ${STARTED[*]} " != *" $name "* ]]; then
      # It was there a moment ago: a server that was killed ends when its process does, and not with the signal.
      start "$name"
    elif ! runs "$name"; then
      # Between choosing a port and binding it another process can take it.
      if grep -qi 'address already in use' "$STATE/$name/log"; then
        rm -f -- "$STATE/$name"/*port
      else
        fail "$name" "stopped as soon as it was started"
      fi
      ((attempts-- > 0)) || fail "$name" "found no way to start in ten attempts"
      "${name}_launch"
    fi
    sleep 0.1
  done
  say "$name answers at $(address "$name")"
}

fail() {
  local name=$1 log=$STATE/$1/log
  say "$name $2"
  if [[ -s $log ]]; then
    say "the end of $log:"
    tail -n 30 -- "$log" | sed 's/^/  | /' >&2
  fi
  say "What to do: read the log above; 'scripts/services down $name' clears its data for a fresh start;" \
    "or supply a server of your own by $("${name}_variable")."
  exit 1
}

# What is stopped keeps its data and log, to be looked at.
abandon() {
  local status=$1 name
  trap - EXIT
  trap '' INT TERM HUP
  ((${#STARTED[@]} == 0)) || say "stopping what was started: ${STARTED[*]}"
  for name in "${STARTED[@]}"; do
    stop "$name"
  done
  exit "$status"
}

stop() {
  local name=$1 pid
  runs "$name" || return 0
  pid=$(pid_of "$name")
  kill -s "$("${name}_stop_signal")" "$pid" 2>/dev/null || true
  # A test may have suspended it, and a suspended process hears nothing else.
  kill -s CONT "$pid" 2>/dev/null || true
  gone "$name" 30 || { kill -s KILL "$pid" 2>/dev/null && gone "$name" 10; } || die "$name (process $pid) can't be stopped"
}

gone() {
  local deadline=$((SECONDS + $2))
  while runs "$1"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# The rest is for servers that refuse to run as root: NAME_owners lists the users that they may run as instead.

owner_of() {
  local owner
  ((EUID == 0)) || { id -un; return; }
  while read -r owner; do
    ! id -u "$owner" >/dev/null 2>&1 || { printf '%s\n' "$owner"; return; }
  done < <("$1_owners")
  return 1
}

# The words that put a command in the owner's hands, in OWNED. They exec, so that the process stays the one that was launched.
as_owner() {
  OWNED=()
  ((EUID != 0)) || OWNED=(setpriv "--reuid=$(owner_of "$1")" "--regid=$(id -g "$(owner_of "$1")")" --init-groups --)
}

# Where the server's files are: not always where one looks for them, see below.
base_of() { { ours && cat -- "$STATE/$1/base" 2>/dev/null; } || printf '%s\n' "$STATE/$1/cluster"; }

# Uses OWNED.
new_base() {
  local name=$1 base=$STATE/$1/cluster parent
  mkdir -p "$base"
  for parent in '' /var/tmp /tmp; do
    [[ -z $parent ]] || base=$(mktemp -d "$parent/marty-events-$name.XXXXXX") || continue
    ((EUID != 0)) || chown "$(owner_of "$name")": "$base"
    chmod 700 "$base"
    # The checkout may lie in a directory that the owner can't pass through.
    if "${OWNED[@]}" test -w "$base" 2>/dev/null; then
      printf '%s\n' "$base" >"$STATE/$name/base"
      return 0
    fi
    rm -rf -- "$base"
  done
  say "no directory can be made for the user $(owner_of "$name")"
  return 1
}

# In the current directory. It is random, so no other checkout's server lets us in.
new_password() {
  (umask 077 && random_word >password) && { ((EUID != 0)) || chown "$(owner_of "$1")": password; }
}

remove_base() {
  local base
  base=$(base_of "$1")
  case $base in
    "$STATE/$1/cluster" | "/tmp/marty-events-$1."* | "/var/tmp/marty-events-$1."*) rm -rf -- "$base" ;;
  esac
}
