#!/usr/bin/env bash
# Runs a fuzz target for some seconds: tests/fuzz/run.sh TARGET SECONDS [ARGUMENTS OF LIBFUZZER]
#
# The passes of LLVM that tell libFuzzer what was reached are in the stable compiler; cargo-fuzz sets the same flags.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

target=$1 seconds=$2
shift 2
host=$(rustc -vV | sed -n 's/^host: //p')
coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
coverage+=' -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table'
coverage+=' -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1'
export RUSTFLAGS="$coverage -Cdebug-assertions -Coverflow-checks --cfg fuzzing"
cargo build --release --target "$host" --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
seeds=()
[ ! -d "seeds/$target" ] || seeds=("seeds/$target")
exec "target/$host/release/$target" "corpus/$target" "${seeds[@]}" -artifact_prefix="artifacts/$target/" \
  -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 "$@"
