#!/usr/bin/env bash
# Prints the section of a version in CHANGELOG.md, without leading empty lines.
#
#   release/notes.sh VERSION
set -euo pipefail
version=${1:?"expected a version, such as release/notes.sh 0.2.0"}
notes=$(awk -v head="## [${version#v}]" '
  index($0, "## [") == 1 { on = index($0, head) == 1; next }
  /^\[/ { on = 0 }
  on
' "$(dirname "$0")/../CHANGELOG.md")
if [ -z "${notes//[[:space:]]/}" ]; then
  echo "release/notes.sh: CHANGELOG.md has no section for version ${version#v}; add one" >&2
  exit 1
fi
sed -e '/./,$!d' <<<"$notes"
