# shellcheck shell=bash
# Python's parts of the tests, each in an environment of its own. Sourced; needs REPO and lib/packages.sh.

PYTHON_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/marty-events

# Exports MARTY_EVENTS_PYTHON, a Python with confluent-kafka, for the test of docs/guide/consumers.md.
provide_python() {
  if python_environment consumer confluent-kafka; then
    export MARTY_EVENTS_PYTHON=$ENVIRONMENT/bin/python
  else
    say "confluent-kafka can't be had ($WHY); the test of the consumer in Python will be skipped"
  fi
}

# Exports MARTY_EVENTS_KUBERNETES_VALIDATE, a program with the schemas of Kubernetes, for the test of docs/guide/kubernetes.md.
provide_schemas() {
  if python_environment kubernetes kubernetes-validate; then
    export MARTY_EVENTS_KUBERNETES_VALIDATE=$ENVIRONMENT/bin/kubernetes-validate
  else
    say "kubernetes-validate can't be had ($WHY); the tests of the objects by their schemas will be skipped"
  fi
}

# python_environment NAME PACKAGE: leaves its folder in ENVIRONMENT, or the reason of a failure in WHY.
python_environment() {
  local requirements=$REPO/tests/docs/$1.requirements.txt
  ENVIRONMENT=$PYTHON_CACHE/$1-$(sha256sum <"$requirements" | cut -c1-8)
  [[ ! -e $ENVIRONMENT/whole ]] || return 0
  { have python3 && python3 -c 'import venv, ensurepip'; } 2>/dev/null || install_packages python3 python3-venv || true
  python_install "$requirements" "$2" || WHY="pip could not install $2 (its output is above)"
  [[ -e $ENVIRONMENT/whole ]]
}

# Checkouts share the environment, so one installs while the others wait.
python_install() {
  mkdir -p "$PYTHON_CACHE"
  (
    flock 8
    [[ ! -e $ENVIRONMENT/whole ]] || exit 0
    say "installing $2 by pip"
    rm -rf -- "$ENVIRONMENT"
    { python3 -m venv "$ENVIRONMENT" && "$ENVIRONMENT/bin/pip" -q install -r "$1"; } >&2 && touch "$ENVIRONMENT/whole"
  ) 8<"$PYTHON_CACHE"
}
