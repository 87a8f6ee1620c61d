#!/bin/sh
# Measures find over 100 snapshots of 100,000 files, and diff of two snapshots of 1,000,000 files.
#
#   benches/scenarios/look.sh FOLDER [PROGRAM]
#
# FOLDER is made, filled (2 GB if it is in memory: use a tmpfs) and left for another look; a second run measures only.
# Prints seconds of processor time, user and system together, the best of three.
set -eu

place=$1
top=$(dirname "$0")/../..
program=${2:-$top/target/release/heirloom}
# An identity opens at once; what a passphrase costs is not what is measured.
recipient=age12l06gz28stqrhcpl6nhmmhxp9jqg85xjpl3m7r3q5ad9yycvnums24kup7
export HEIRLOOM_IDENTITY_FILE="$top/cli/tests/transcripts/keys.in/identity.txt"
export HEIRLOOM_CACHE_DIR="$place/cache" TZ=UTC

fill() { # FOLDER FILES
    python3 - "$1" "$2" <<'PYTHON'
import os, sys
root, files = sys.argv[1], int(sys.argv[2])
for number in range(files):
    folder = os.path.join(root, f"{number // 10000:03}", f"{number // 100 % 100:02}")
    if number % 100 == 0:
        os.makedirs(folder)
    with open(os.path.join(folder, f"file{number:07}.txt"), "w") as file:
        if number % 10 == 0:
            file.write(f"this is file {number}")
PYTHON
}

change() { # FOLDER FILES SEED CHANGES
    python3 - "$1" "$2" "$3" "$4" <<'PYTHON'
import os, random, sys
root, files, seed, changes = sys.argv[1], *map(int, sys.argv[2:])
for number in random.Random(seed).sample(range(files), changes):
    folder = os.path.join(root, f"{number // 10000:03}", f"{number // 100 % 100:02}")
    with open(os.path.join(folder, f"file{number:07}.txt"), "w") as file:
        file.write(f"changed by {seed}")
PYTHON
}

measure() { # WORDS...
    python3 - "$@" <<'PYTHON'
import os, resource, subprocess, sys
best = None
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    best = min(best or seconds, seconds)
print(f"{best:7.3f} s  {len(out.splitlines()):8} lines  {after.ru_maxrss // 1024:5} MiB  {' '.join(sys.argv[2:])}")
PYTHON
}

if [ ! -e "$place/many" ]; then
    mkdir -p "$place/a" "$place/b"
    "$program" -r "$place/many" init -q --recovery-key none --recipient "$recipient"
    fill "$place/a" 100000
    for seed in $(seq 100); do
        "$program" -r "$place/many" snapshot -q "$place/a"
        change "$place/a" 100000 "$seed" 10
    done
    "$program" -r "$place/large" init -q --recovery-key none --recipient "$recipient"
    fill "$place/b" 1000000
    "$program" -r "$place/large" snapshot -q "$place/b"
    change "$place/b" 1000000 1 10
    "$program" -r "$place/large" snapshot -q "$place/b"
fi

measure "$program" -r "$place/many" find -q 'file00777*.txt'
measure "$program" -r "$place/many" find -q '*7.txt' --size 1
measure "$program" -r "$place/many" find -q
measure "$program" -r "$place/many" history -q "$place/a/000/00/file0000010.txt"
measure "$program" -r "$place/large" diff -q latest~1 latest
measure "$program" -r "$place/large" diff -q latest "$place/b"
measure "$program" -r "$place/large" du -q
