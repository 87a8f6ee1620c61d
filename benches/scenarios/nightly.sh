#!/usr/bin/env bash
# Encrypted backups of seven nights: growth, time and memory with and without their key, beside the plain databases.
#
#   benches/scenarios/nightly.sh HEIRLOOM CHATDB WORK [LEVELS]
#
# HEIRLOOM is the program, CHATDB the corpus with the folders day0 to day6 and a msgstore.db in each, WORK a folder for everything
# that is made (8 GB; the repositories should lie in memory), LEVELS the levels of zlib, "1 6" if not given.
set -euo pipefail

heirloom=$(realpath "$1") corpus=$(realpath "$2") work=$3 levels=${4:-1 6}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$work"
work=$(realpath "$work")
digits=$(printf '07%.0s' {1..32})

cargo build --quiet --manifest-path "$here/Cargo.toml" -p heirloom-kit --example encrypt
encrypt=$(cd "$here" && cargo metadata --no-deps --format-version 1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/debug/examples/encrypt

printf 'pass\n' >"$work/password"
printf '%s\n' "$digits" >"$work/digits"
export HEIRLOOM_PASSWORD_FILE=$work/password

# A repository of its own for each series, so that one gives nothing to the other.
series() {
  local name=$1 with_key=$2 file=$3
  export HEIRLOOM_REPOSITORY=$work/$name HEIRLOOM_CACHE_DIR=$work/$name.cache
  rm -rf "$work/$name" "$work/$name.cache"
  "$heirloom" -q init --recovery-key none
  [ "$with_key" = no ] || "$heirloom" -q chats key add "$work/digits"
  local before=0 now day
  for day in 0 1 2 3 4 5 6; do
    rm -rf "$work/phone"
    mkdir "$work/phone"
    "$file" "$day" "$work/phone"
    sync
    local out
    out=$( { command time -f '%e %U %S %M' "$heirloom" -q snapshot "$work/phone" >/dev/null; } 2>&1 | tail -1)
    now=$(du -sb "$work/$name" | cut -f1)
    printf '%s\t%d\t%.1f\t%s\n' "$name" "$day" "$(python3 -c "print(($now-$before)/1e6)")" "$out"
    before=$now
    cp -al "$work/phone" "$work/kept.$day" 2>/dev/null || cp -a "$work/phone" "$work/kept.$day"
  done
  # Every night comes back as it was.
  "$heirloom" snapshots --json | python3 -c '
import json, sys
found = [json.loads(line) for line in sys.stdin]
for one in sorted((one for one in found if one["type"] == "snapshot"), key=lambda one: one["finished"]):
    print(one["snapshot"])' >"$work/ids"
  day=0
  while read -r id; do
    rm -rf "$work/back"
    command time -f "restore %e s, %U user, %M KB" "$heirloom" -q restore "$id:$work/phone" --target "$work/back"
    diff -r "$work/back" "$work/kept.$day" && echo "$name: night $day comes back identical"
    day=$((day + 1))
  done <"$work/ids"
  [ "$day" -ge 7 ] || { echo "only $day nights came back" >&2; exit 1; }
  rm -rf "$work"/kept.* "$work/back" "$work/phone"
}

plain() { cp "$corpus/day$1/msgstore.db" "$2/msgstore.db"; }

printf 'series\tnight\tMB more\tseconds, user, system, KB of memory\n'
series plain no plain
for level in $levels; do
  encrypted() { "$encrypt" "$corpus/day$1/msgstore.db" "$2/msgstore.db.crypt15" "$level" "$1"; }
  series "level$level" yes encrypted
  series "level$level-without-key" no encrypted
done
