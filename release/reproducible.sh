#!/usr/bin/env bash
# Builds the deployment packages twice, in two clones at different paths, and compares the bytes.
#
#   release/reproducible.sh [ARCHITECTURE…]     default: x86_64
#
# Without FULL=1 it builds without optimisation, in a quarter of the time. The possible differences
# (paths, dates, order) are the same.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${FULL:-}" ]; then
  export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0
  export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
fi
[ $# -gt 0 ] || set -- x86_64
commit=$(git -C "$checkout" rev-parse HEAD)
for place in first second/and-deeper; do
  git clone --quiet "$checkout" "$work/$place"
  git -C "$work/$place" checkout --quiet --detach "$commit"
  ln -s "$checkout/.tools" "$checkout/.local" "$work/$place/"
  if ! (cd "$work/$place" && release/package.sh "$@" >"$work/log" 2>&1); then
    cat "$work/log" >&2
    exit 1
  fi
  mv "$work/$place/target/package/SHA256SUMS" "$work/$(basename "$place").sums"
  rm -rf "${work:?}/$place"
done
if ! diff "$work/first.sums" "$work/and-deeper.sums"; then
  echo "release/reproducible.sh: two builds of the same commit differ" >&2
  exit 1
fi
echo "two builds are identical:"
cat "$work/first.sums"
