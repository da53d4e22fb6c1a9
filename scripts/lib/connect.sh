# shellcheck shell=bash
# Kafka Connect with Debezium, for the test of docs/guide/debezium.md. Sourced; needs REPO, lib/packages.sh and lib/kafka.sh.

CONNECT_POM=$REPO/scripts/connect/pom.xml
CONNECT_JARS=$KAFKA_CACHE/connect-$(sha256sum <"$CONNECT_POM" | cut -c1-8)

# Exports MARTY_EVENTS_CONNECT, the folder of its jars, and MARTY_EVENTS_JAVA, which runs them.
provide_connect() {
  if { kafka_find_java || kafka_install_java; } && { [[ -d $CONNECT_JARS ]] || connect_fetch; }; then
    export MARTY_EVENTS_CONNECT=$CONNECT_JARS MARTY_EVENTS_JAVA=$JAVA
  else
    say "Kafka Connect can't be had ($WHY); the test of the page about Debezium will be skipped"
  fi
}

# Checkouts share the jars, so one downloads while the others wait.
connect_fetch() {
  have mvn || install_packages maven || return 1
  mkdir -p "$KAFKA_CACHE"
  (
    flock 8
    [[ -d $CONNECT_JARS ]] || { say 'downloading Kafka Connect and Debezium by Maven' && maven_jars "$CONNECT_POM" "$CONNECT_JARS"; }
  ) 8<"$KAFKA_CACHE" || { WHY='Maven could not download it (the end of its output is above)'; return 1; }
}
