#!/usr/bin/env bash
# Builds what a release consists of, into target/package: the function's package for each architecture, a list of what is in it
# (SBOM, CycloneDX), and checksums. The same commit gives the same bytes, wherever the checkout is.
#
#   release/package.sh [ARCHITECTURE…]     arm64 and x86_64, unless some are named
#
# Called by `make package`, which installs the tools that it needs.
set -euo pipefail
cd "$(dirname "$0")/.."

checkout=$PWD
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# Compilers' flags are split at spaces.
case $checkout$cargo_home in
  *[[:space:]]*) echo "release/package.sh: no package can be built below a path with a space: $checkout, $cargo_home" >&2; exit 1 ;;
esac
tools=$checkout/.tools/bin
export PATH=$checkout/.local/release/bin:$tools:$PATH
for tool in cargo-lambda cargo-cyclonedx; do
  command -v "$tool" >/dev/null || { echo "release/package.sh: $tool is missing; run make package" >&2; exit 1; }
done

out=$checkout/target/package
mkdir -p "$out"
rm -f "$out"/function-*.zip "$out"/function-*.cdx.json "$out/SHA256SUMS"

# Nothing of this machine may get into the binary: neither where things are, nor when it was.
export RUSTFLAGS="--remap-path-prefix=$checkout=/source --remap-path-prefix=$cargo_home=/cargo"
export CFLAGS="-ffile-prefix-map=$checkout=/source -ffile-prefix-map=$cargo_home=/cargo"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

[ $# -gt 0 ] || set -- arm64 x86_64
for architecture in "$@"; do
  case $architecture in
    arm64) option=--arm64 target=aarch64-unknown-linux-gnu ;;
    x86_64) option=--x86-64 target=x86_64-unknown-linux-gnu ;;
    *) echo "release/package.sh: $architecture is no architecture of Lambda; expected arm64 or x86_64" >&2; exit 2 ;;
  esac
  rustup target list --installed | grep -qx "$target" || rustup target add "$target"
  cargo lambda build --release --locked --bin lambda --no-default-features "$option" --lambda-dir "$out/$architecture"
  local/package.py "$out/$architecture/lambda/bootstrap" "$out/function-$architecture.zip"
  cargo cyclonedx --quiet --format json --no-default-features --describe binaries --target "$target"
  # It describes each binary, and names the checkout.
  sed "s|file://$checkout|file:///source|g" lambda_bin.cdx.json >"$out/function-$architecture.cdx.json"
  rm lambda_bin.cdx.json keysync_bin.cdx.json
done
cd "$out"
sha256sum function-*.zip function-*.cdx.json > SHA256SUMS
cat SHA256SUMS
