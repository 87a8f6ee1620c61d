#!/usr/bin/env bash
# Snapshots and restores whole corpora and checks what is promised about them: the restored tree equals the source in
# bytes and metadata (rsync -aHAX finds nothing to do), growth from day to day, growth of an unchanged run, peak memory.
#
#   benches/scenarios/corpora.sh HEIRLOOM CORPORA WORK
#
# HEIRLOOM is the program, CORPORA a folder with media, chatdb/day0.., exports/day0.., small, source, million (those that
# are there are used), WORK an empty folder for repository, cache and restored trees, best in memory. Needs root (days are
# bind-mounted on one path), rsync, age and GNU time. Prints a table row a line; ends with 1 if a promise is broken.
set -euo pipefail
heirloom=$(realpath "$1") corpora=$(realpath "$2") top=$(realpath "$3")
# Folders above a source are entries too: what changes all the time lies beside the sources, not above them.
work=$top/work live=$top/live flat=$top/flat
mkdir -p "$work" "$live" "$flat"
failed=0

repository_bytes() { find "$work/repository" -type f -printf '%s\n' | awk '{sum += $1} END {printf "%.0f\n", sum}'; }
run() { /usr/bin/time -q -o "$work/time" -f '%U %S %M' "$heirloom" "$@" >"$work/output" 2>&1; }
promise() { # NAME VALUE LIMIT
  if [ "$2" -gt "$3" ]; then echo "  BROKEN: $1 is $2, at most $3 was promised"; failed=1; fi
}

fresh() {
  rm -rf "$work/repository" "$work/cache" "$work/identity" "$work/target"
  age-keygen -o "$work/identity" 2>/dev/null
  export HEIRLOOM_REPOSITORY=$work/repository HEIRLOOM_CACHE_DIR=$work/cache
  HEIRLOOM_IDENTITY_FILE='' "$heirloom" init -q --recovery-key none --recipient "$(age-keygen -y "$work/identity")"
  export HEIRLOOM_IDENTITY_FILE=$work/identity
}

report() { # CORPUS STEP BYTES
  read -r user system kib <"$work/time"
  printf '%-10s %-8s %14d bytes  %6.2f user %6.2f sys  %7d KiB\n' "$1" "$2" "$3" "$user" "$system" "$kib"
  local limit=195312 # KiB: 200 MB
  [ "$1" != million ] || limit=292968
  promise "$1 $2: peak memory in KiB" "$kib" "$limit"
}

compare() { # CORPUS SOURCE
  local differences
  run restore -q latest --target "$work/target"
  report "$1" restore "$(repository_bytes)"
  differences=$(rsync -aHAXn --delete --itemize-changes "$2/" "$work/target$2/" | head -5)
  if [ -n "$differences" ]; then echo "  BROKEN: restored $1 differs: $differences"; failed=1; fi
  rm -rf "$work/target"
}

snapshot() { # CORPUS STEP SOURCE LIMIT
  local before
  before=$(repository_bytes)
  run snapshot -q "$3"
  local added=$(($(repository_bytes) - before))
  report "$1" "$2" "$added"
  [ -z "${4:-}" ] || promise "$1 $2: bytes added" "$added" "$4"
}

for corpus in media small source million; do
  [ -d "$corpora/$corpus" ] || continue
  fresh
  snapshot "$corpus" first "$corpora/$corpus"
  snapshot "$corpus" again "$corpora/$corpus" 4096
  compare "$corpus" "$corpora/$corpus"
done

trap 'umount "$live" 2>/dev/null || true' EXIT
for corpus in chatdb exports; do
  [ -d "$corpora/$corpus/day0" ] || continue
  fresh
  for day in "$corpora/$corpus"/day*; do
    mount --bind "$day" "$live"
    case "$corpus ${day##*/}" in
      *day0) limit='' ;;
      chatdb*day[123]) limit=12000000 ;;
      exports*) limit=2000000 ;;
      *) limit='' ;;
    esac
    snapshot "$corpus" "${day##*/}" "$live" "$limit"
    [ "${day##*/}" != day0 ] || snapshot "$corpus" again "$live" 4096
    compare "$corpus" "$live"
    umount "$live"
  done
done

# One new file of 1 KB in a flat folder of 100,000.
fresh
(cd "$flat" && seq 100000 | xargs -n 5000 touch)
snapshot flat first "$flat"
head -c 1024 /dev/urandom >"$flat/new"
snapshot flat one-more "$flat" 65536
rm -rf "$flat"
fresh
exit "$failed"
