#!/usr/bin/env bash
# Runs a fuzz target for some seconds on a stable toolchain (cargo-fuzz does the same with a nightly one).
# Usage: fuzz/run.sh TARGET [seconds], TARGET one of fuzz_targets/; what it finds lies in fuzz/artifacts/TARGET/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${1:?usage: fuzz/run.sh TARGET [seconds], TARGET one of fuzz_targets/}
# Coverage for libFuzzer without the address sanitizer, which needs a nightly compiler; our code is safe Rust.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing -Cdebug-assertions"
cargo build --release --bin "$target" --target "$(rustc -vV | sed -n 's/^host: //p')"
mkdir -p "corpus/$target" "artifacts/$target"
exec "target/$(rustc -vV | sed -n 's/^host: //p')/release/$target" -max_total_time="${2:-180}" \
  -rss_limit_mb=1024 -max_len=65536 -seed=1 -artifact_prefix="artifacts/$target/" "corpus/$target" "seeds/$target"
