# shellcheck shell=bash
# A Python with confluent-kafka, for the test of docs/guide/consumers.md. Sourced; needs REPO and lib/packages.sh.

PYTHON_REQUIREMENTS=$REPO/tests/docs/consumer.requirements.txt
PYTHON_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/marty-events

# Exports MARTY_EVENTS_PYTHON.
provide_python() {
  local environment
  environment=$PYTHON_CACHE/consumer-$(sha256sum <"$PYTHON_REQUIREMENTS" | cut -c1-8)
  if [[ ! -e $environment/whole ]]; then
    { have python3 && python3 -c 'import venv, ensurepip'; } 2>/dev/null || install_packages python3 python3-venv || true
    python_install "$environment" || WHY='pip could not install confluent-kafka (its output is above)'
  fi
  if [[ -e $environment/whole ]]; then
    export MARTY_EVENTS_PYTHON=$environment/bin/python
  else
    say "confluent-kafka can't be had ($WHY); the test of the consumer in Python will be skipped"
  fi
}

# Checkouts share the environment, so one installs while the others wait.
python_install() {
  mkdir -p "$PYTHON_CACHE"
  (
    flock 8
    [[ ! -e $1/whole ]] || exit 0
    say 'installing confluent-kafka by pip'
    rm -rf -- "$1"
    { python3 -m venv "$1" && "$1/bin/pip" -q install -r "$PYTHON_REQUIREMENTS"; } >&2 && touch "$1/whole"
  ) 8<"$PYTHON_CACHE"
}
