#!/usr/bin/env bash
# Checks that the deployment packages are reproducible: builds them in clones at other paths, and
# compares the bytes.
#
#   release/reproducible.sh [ARCHITECTURE…]           two builds of one commit; default: x86_64
#   FULL=1 release/reproducible.sh [ARCHITECTURE…]    one build, compared with the packages that
#                                                     `make package` made; default: arm64 x86_64
#
# Without FULL=1 it builds without optimisation, in a quarter of the time. The possible differences
# (paths, dates, order) are the same.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)

fail() {
  echo "release/reproducible.sh: $*" >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${FULL:-}" ]; then
  [ $# -gt 0 ] || set -- arm64 x86_64
  released=$checkout/target/package/SHA256SUMS
  [ -r "$released" ] || fail "$released is missing; run make package"
  for architecture in "$@"; do
    grep -F -e "function-$architecture." "$released" ||
      fail "$released does not name $architecture; run make package"
  done >"$work/first.sums"
  places=(second/and-deeper)
else
  [ $# -gt 0 ] || set -- x86_64
  export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0
  export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
  places=(first second/and-deeper)
fi
commit=$(git -C "$checkout" rev-parse HEAD)
for place in "${places[@]}"; do
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
diff <(sort "$work/first.sums") <(sort "$work/and-deeper.sums") ||
  fail "two builds differ${FULL:+; make package must have run at the commit $commit}"
echo "two builds are identical:"
cat "$work/first.sums"
