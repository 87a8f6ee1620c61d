#!/usr/bin/env bash
# Everything that a change must pass; installs what the tests need. From any folder:
#
#   tests/run.sh                        format, lints, documentation, doctests, tests
#   tests/run.sh --quick [ARGUMENTS]    tests only; the rest goes to nextest, as in `tests/run.sh --quick -p heirloom-engine`
#
# The tests come last, so that the last lines are their summary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=false
if [ "${1:-}" = --quick ]; then
  quick=true
  shift
fi
# A failing test says what failed; where it happened in the machinery helps nobody.
export RUST_BACKTRACE=${RUST_BACKTRACE:-0} RUST_LIB_BACKTRACE=${RUST_LIB_BACKTRACE:-0}

step() { printf '\n== %s\n' "$*" >&2; }

# Debian packages by the program that shows whether they are there.
install_packages() {
  local wanted=() missing=() pair
  wanted=(strace:strace setfattr:attr setfacl:acl unshare:util-linux python3:python3 git:git cc:build-essential)
  for pair in "${wanted[@]}"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  if [ -f tests/independent/requirements.txt ] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=(python3-venv)
  fi
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "please install: ${missing[*]}" >&2
    return 0
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      echo "please install: ${missing[*]}" >&2
      return 0
    fi
    as_root=(sudo -n)
  fi
  step "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2
}

# The second reader is written in Python, with libraries that are not ours.
install_python() {
  local requirements=tests/independent/requirements.txt venv=tests/independent/.venv
  [ -f "$requirements" ] || return 0
  if [ -f "$venv/installed" ] && cmp -s "$requirements" "$venv/installed"; then
    return 0
  fi
  step "installing the second reader's libraries"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$venv/installed"
}

install_packages
install_python
if ! cargo nextest --version >/dev/null 2>&1; then
  step "installing cargo-nextest"
  cargo install --locked cargo-nextest
fi

locked=()
[ ! -f Cargo.lock ] || locked=(--locked)

if ! $quick; then
  step "format"
  cargo fmt --all --check
  step "lints"
  cargo clippy "${locked[@]}" --workspace --all-targets -- -D warnings
  step "documentation"
  RUSTDOCFLAGS="-D warnings" cargo doc "${locked[@]}" --workspace --no-deps --quiet
  step "examples in the documentation"
  cargo test "${locked[@]}" --workspace --doc --quiet
  if command -v cargo-deny >/dev/null; then
    step "licences and sources of dependencies"
    cargo deny --offline check bans licenses sources
  fi
  if command -v typos >/dev/null; then
    step "spelling"
    typos
  fi
fi

step "tests"
profile=()
[ -z "${CI:-}" ] || profile=(--profile ci)
scope=(--workspace)
for argument in "$@"; do
  case $argument in
    -p | -p?* | --package | --package=*) scope=() ;;
  esac
done
exec cargo nextest run "${locked[@]}" "${scope[@]}" "${profile[@]}" "$@"
