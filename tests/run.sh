#!/usr/bin/env bash
# Everything that a change must pass; installs what the tests need. From any folder:
#
#   tests/run.sh                        format, lints, documentation, doctests, simulated clients, tests
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

# Runs as root, if that is possible without asking.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

# Debian packages by the program or file that shows whether they are there.
missing_packages() {
  local pair found
  for pair in \
    strace:strace setfattr:attr setfacl:acl unshare:util-linux python3:python3 git:git cc:build-essential \
    chromium:chromium chromedriver:chromium-driver \
    fusermount3:fuse3 rsync:rsync apache2:apache2-bin htpasswd:apache2-utils nginx:nginx rclone:rclone \
    /usr/lib/nginx/modules/ngx_http_dav_ext_module.so:libnginx-mod-http-dav-ext; do
    found=${pair%%:*}
    PATH=$PATH:/usr/sbin:/sbin command -v "$found" >/dev/null || [ -e "$found" ] || echo "${pair#*:}"
  done
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# A package of a server starts that server, now and at every boot. The suites start their own.
install_quietly() {
  local policy=/usr/sbin/policy-rc.d own_policy=false status=0
  if [ ! -e "$policy" ]; then
    own_policy=true
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "$@" >&2 || status=$?
  ! $own_policy || as_root rm -f "$policy"
  case " $* " in
    *" nginx "*) as_root systemctl disable --quiet nginx >/dev/null 2>&1 || true ;;
  esac
  return $status
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    echo "please install: ${missing[*]}" >&2
    return 0
  fi
  step "installing ${missing[*]}"
  as_root apt-get update -qq
  install_quietly "${missing[@]}"
}

# Python programs in a place of their own: the second reader's libraries, and the servers that are written in Python.
install_python() {
  local folder=$1
  local requirements=$folder/requirements.txt venv=$folder/.venv
  [ -f "$requirements" ] || return 0
  if [ -f "$venv/installed" ] && cmp -s "$requirements" "$venv/installed"; then
    return 0
  fi
  step "installing what $requirements names"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$venv/installed"
}

install_packages
install_python tests/independent
install_python tests/servers
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
  cargo clippy "${locked[@]}" --workspace --all-targets --all-features -- -D warnings
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

if ! $quick; then
  step "simulated clients"
  # Nothing but the engine is built twice; it is another one here.
  cargo run "${locked[@]}" --quiet -p heirloom-model --features as-built -- schedules=3000
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
