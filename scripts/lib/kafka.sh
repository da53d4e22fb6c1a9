# shellcheck shell=bash
# Apache Kafka, one node that is broker and controller, for scripts/services. See lib/process.sh for what each function must do.
#
# The broker is given only names relative to its directory, and so minds neither spaces nor other alphabets in the checkout's path.

KAFKA_POM=$REPO/scripts/kafka/pom.xml
KAFKA_VERSION=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$KAFKA_POM")
KAFKA_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/marty-events
# The sum changes with any other line of the pom, so an old set of jars is never taken for the new one.
KAFKA_JARS=$KAFKA_CACHE/kafka-$KAFKA_VERSION-$(sha256sum <"$KAFKA_POM" | cut -c1-8)
JAVA=

kafka_provide() {
  if kafka_find_java || kafka_install_java; then
    [[ ! -d $KAFKA_JARS ]] || return 0
    ! kafka_fetch || return 0
  fi
  say "Apache Kafka can't be had: $WHY."
  say "Install Java 17 or newer and Maven, with its repository in reach, or name brokers of your own: export KAFKA_BROKERS=HOST:PORT"
  return 1
}

kafka_find_java() {
  local version
  for JAVA in "${JAVA_HOME:-/nowhere}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
    [[ -x $JAVA ]] || continue
    version=$("$JAVA" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    ((${version:-0} < 17)) || return 0
  done
  JAVA=
  return 1
}

kafka_install_java() {
  install_packages openjdk-17-jre-headless || install_packages default-jre-headless || return 1
  kafka_find_java || { WHY="the installed Java is older than 17"; return 1; }
}

# Checkouts share the jars, so one downloads while the others wait.
kafka_fetch() {
  have mvn || install_packages maven || return 1
  mkdir -p "$KAFKA_CACHE"
  (
    flock 8
    [[ -d $KAFKA_JARS ]] || kafka_download
  ) 8<"$KAFKA_CACHE" || { WHY="Maven could not download the broker (the end of its output is above)"; return 1; }
}

kafka_download() {
  say "downloading Apache Kafka $KAFKA_VERSION by Maven"
  maven_jars "$KAFKA_POM" "$KAFKA_JARS"
}

# maven_jars POM FOLDER: what the pom depends on. Half of a download must never be taken for all of it, so the folder gets its name when
# it is whole.
maven_jars() (
  new=$(mktemp -d "$KAFKA_CACHE/.new.XXXXXX") || return 1
  # shellcheck disable=SC2064 # expanded now, because the variable is gone when the subshell ends
  trap "rm -rf -- ${new@Q}" EXIT
  JAVA_HOME=$(dirname -- "$(dirname -- "$(readlink -f -- "$JAVA")")") timeout 900 \
    mvn -B -q -f "$1" org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$new/jars" \
    </dev/null >"$new/log" 2>&1 || { tail -n 15 -- "$new/log" | sed 's/^/  | /' >&2; return 1; }
  mv -T -- "$new/jars" "$2"
)

# Java decodes file names by the locale, and the plain C locale knows ASCII only.
kafka_java() { printf '%s\n' env LC_ALL=C.UTF-8 "$JAVA" -cp "$KAFKA_JARS/*" -Dlog4j2.configurationFile=log4j2.properties; }

# For a test's own brokers there is besides:
#   MARTY_EVENTS_KAFKA_ADVERTISED    the address that clients are sent to, where it is not the broker's own: a proxy's
#   MARTY_EVENTS_KAFKA_MAKES_TOPICS  `false` for a broker that makes no topic by itself
#   MARTY_EVENTS_KAFKA_VOTERS        the controllers of a cluster, as `1@HOST:PORT,2@HOST:PORT,3@HOST:PORT`; topics have a copy on each
#   MARTY_EVENTS_KAFKA_NODE          which of them this one is
#   MARTY_EVENTS_KAFKA_LISTENERS     further listeners, as `NAME://HOST:PORT,NAME://HOST:PORT`
#   MARTY_EVENTS_KAFKA_LISTENERS_ADVERTISED  the addresses that clients of those are sent to, where they are not their own
#   MARTY_EVENTS_KAFKA_PROPERTIES    a file of further properties: what those listeners need
#   MARTY_EVENTS_KAFKA_SCRAM         the users known by SCRAM, a line each, as `kafka-storage format --add-scram` takes them
kafka_properties() {
  local broker controller quorum copies=1 in_sync=1 voters=${MARTY_EVENTS_KAFKA_VOTERS:-} node=${MARTY_EVENTS_KAFKA_NODE:-1}
  local further=${MARTY_EVENTS_KAFKA_LISTENERS:+,$MARTY_EVENTS_KAFKA_LISTENERS}
  local sent_to=${MARTY_EVENTS_KAFKA_LISTENERS_ADVERTISED:+,$MARTY_EVENTS_KAFKA_LISTENERS_ADVERTISED}
  broker=127.0.0.1:$(port kafka)
  if [[ -n $voters ]]; then
    controller=$(tr ',' '\n' <<<"$voters" | sed -n "s/^$node@//p")
    quorum=controller.quorum.voters=$voters
    copies=3 in_sync=2
  else
    controller=127.0.0.1:$(port kafka controller-port)
    quorum=controller.quorum.bootstrap.servers=$controller
  fi
  cat <<END
process.roles=broker,controller
node.id=$node
listeners=PLAINTEXT://$broker,CONTROLLER://$controller$further
advertised.listeners=PLAINTEXT://${MARTY_EVENTS_KAFKA_ADVERTISED:-$broker},CONTROLLER://$controller${sent_to:-$further}
controller.listener.names=CONTROLLER
$quorum
log.dirs=data
auto.create.topics.enable=${MARTY_EVENTS_KAFKA_MAKES_TOPICS:-true}
num.partitions=3
default.replication.factor=$copies
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$copies
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_sync
# The fifty partitions of a production cluster only make the first consumer group and the first transaction wait.
offsets.topic.num.partitions=3
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
# By its heartbeats a member of a group that the broker balances hears of its partitions. With the 5 s of the default, they move too late.
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=500
END
  [[ -z ${MARTY_EVENTS_KAFKA_PROPERTIES:-} ]] || cat -- "$MARTY_EVENTS_KAFKA_PROPERTIES"
}

kafka_prepare() {
  local id java user format=(--standalone)
  mkdir -p "$STATE/kafka"
  kafka_properties >"$STATE/kafka/server.properties"
  cp -- "$REPO/scripts/kafka/log4j2.properties" "$STATE/kafka/"
  # Written last, so without it there is no storage, or half of one.
  [[ ! -s $STATE/kafka/cluster-id ]] || return 0
  rm -rf -- "$STATE/kafka/data"
  mapfile -t java < <(kafka_java)
  [[ -z ${MARTY_EVENTS_KAFKA_VOTERS:-} ]] || format=()
  while read -r user; do
    [[ -z $user ]] || format+=(--add-scram "$user")
  done <<<"${MARTY_EVENTS_KAFKA_SCRAM:-}"
  # The tool lives for a second: compiling for speed would only make it two.
  java+=(-XX:TieredStopAtLevel=1 kafka.tools.StorageTool)
  (
    cd -- "$STATE/kafka" &&
      id=$(kafka_cluster_id "${java[@]}") &&
      "${java[@]}" format "${format[@]}" -t "$id" -c server.properties &&
      printf '%s\n' "$id" >cluster-id
  ) </dev/null >"$STATE/kafka/log" 2>&1
}

# The nodes of a cluster must have the same one, and are told apart from other clusters by their voters: 16 bytes of their hash.
kafka_cluster_id() {
  if [[ -z ${MARTY_EVENTS_KAFKA_VOTERS:-} ]]; then
    "$@" random-uuid
  else
    sha256sum <<<"$MARTY_EVENTS_KAFKA_VOTERS" | head -c 16 | base64 | tr '+/' '-_' | head -c 22
  fi
}

kafka_launch() {
  local java
  mapfile -t java < <(kafka_java)
  kafka_properties >"$STATE/kafka/server.properties"
  launch kafka "$STATE/kafka" "${java[@]}" -Xms128m -Xmx400m -XX:+ExitOnOutOfMemoryError "$(kafka_marker)" \
    kafka.Kafka server.properties
}

kafka_marker() { printf -- '-Dmarty.events.services=%s/kafka\n' "$STATE"; }

# A client's metadata request (version 2, no topics), whose answer names the brokers that are ready and the cluster. Written as
# bytes because it is asked many times a second while the broker boots, and a JVM takes longer to start than the broker to answer.
kafka_answers() {
  local id answer
  id=$(cat -- "$STATE/kafka/cluster-id" 2>/dev/null) || return 1
  # shellcheck disable=SC2016 # expanded by the inner shell
  answer=$(timeout 5 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf "\0\0\0\016\0\003\0\002\0\0\0\001\377\377\0\0\0\0" >&3
    size=$(head -c 4 <&3 | od -An -tu4 --endian=big)
    head -c "$((size))" <&3 | LC_ALL=C tr -cd "[:print:]"
  ' - "$(port kafka)" 2>/dev/null) || return 1
  [[ $answer == *127.0.0.1*"$id"* ]]
}

kafka_stop_signal() { printf TERM; }

kafka_variable() { printf KAFKA_BROKERS; }

kafka_export() { printf 'export KAFKA_BROKERS=%s\n' "$(address kafka)"; }

kafka_remove() { :; }
