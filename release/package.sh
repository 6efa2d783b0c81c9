#!/usr/bin/env bash
# Builds the release artefacts into target/package: a deployment package and an SBOM (CycloneDX) for
# each architecture, and checksums. The same commit gives the same bytes in any checkout.
#
#   release/package.sh [ARCHITECTURE…]     default: arm64 x86_64
#
# `make package` installs the required tools and then calls this script.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "release/package.sh: $*" >&2
  exit 1
}

checkout=$PWD
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# The compiler flags below are split at spaces.
case $checkout$cargo_home in
  *[[:space:]]*) fail "a path contains white space: $checkout, $cargo_home; move it" ;;
esac
tools=$checkout/.tools/bin
export PATH=$checkout/.local/release/bin:$tools:$PATH
for tool in cargo-lambda cargo-cyclonedx; do
  command -v "$tool" >/dev/null || fail "$tool is missing; run make package"
done

out=$checkout/target/package
mkdir -p "$out"
rm -f "$out"/function-*.zip "$out"/function-*.cdx.json "$out/SHA256SUMS"

# The binary must not depend on paths of this machine or on the time of the build.
export RUSTFLAGS="--remap-path-prefix=$checkout=/source --remap-path-prefix=$cargo_home=/cargo"
export CFLAGS="-ffile-prefix-map=$checkout=/source -ffile-prefix-map=$cargo_home=/cargo"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# cargo-cyclonedx writes one SBOM for each binary into the checkout.
trap 'rm -f lambda_bin.cdx.json keysync_bin.cdx.json' EXIT

[ $# -gt 0 ] || set -- arm64 x86_64
for architecture in "$@"; do
  case $architecture in
    arm64) option=--arm64 target=aarch64-unknown-linux-gnu ;;
    x86_64) option=--x86-64 target=x86_64-unknown-linux-gnu ;;
    *)
      echo "release/package.sh: unknown architecture $architecture; expected arm64 or x86_64" >&2
      exit 2
      ;;
  esac
  rustup target list --installed | grep -qx "$target" || rustup target add "$target"
  cargo lambda build --release --locked --bin lambda --no-default-features "$option" \
    --lambda-dir "$out/$architecture"
  release/check-binary "$architecture" "$out/$architecture/lambda/bootstrap"
  local/package.py "$out/$architecture/lambda/bootstrap" "$out/function-$architecture.zip"
  cargo cyclonedx --quiet --format json --no-default-features --describe binaries --target "$target"
  # The SBOM contains the path of the checkout.
  sed "s|file://$checkout|file:///source|g" lambda_bin.cdx.json \
    >"$out/function-$architecture.cdx.json"
done
(cd "$out" && sha256sum function-*.zip function-*.cdx.json >SHA256SUMS)
cat "$out/SHA256SUMS"
