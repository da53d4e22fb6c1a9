# shellcheck shell=bash
# Helm's engine and Kubernetes' types, for the test of the chart. Sourced; needs REPO and lib/packages.sh.

CHART_SOURCE=$REPO/tests/chart
CHART_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/marty-events

# Exports MARTY_EVENTS_CHART, the program of tests/chart.
provide_chart() {
  local program
  program=$CHART_CACHE/chart-$(cat "$CHART_SOURCE/go.sum" "$CHART_SOURCE/main.go" | sha256sum | cut -c1-8)
  if have go || install_packages golang-go; then
    [[ -x $program ]] || chart_build "$program" || WHY='go could not build tests/chart (its output is above)'
  fi
  if [[ -x $program ]]; then
    export MARTY_EVENTS_CHART=$program
  else
    say "Helm's engine can't be had ($WHY); the tests of the chart will be skipped"
  fi
}

# Checkouts share the program, so one builds while the others wait.
chart_build() {
  mkdir -p "$CHART_CACHE"
  (
    flock 8
    [[ -x $1 ]] || { say "building Helm's engine with go" && cd "$CHART_SOURCE" && go build -o "$1" . >&2; }
  ) 8<"$CHART_CACHE"
}
