#!/usr/bin/env bash
# Prints what CHANGELOG.md says of a version.
#
#   release/notes.sh VERSION
set -euo pipefail
version=${1:?"expected a version, such as release/notes.sh 0.1.0"}
notes=$(awk -v head="## [${version#v}]" 'index($0, "## [") == 1 { on = index($0, head) == 1; next } /^\[/ { on = 0 } on' "$(dirname "$0")/../CHANGELOG.md")
[ -n "${notes//[[:space:]]/}" ] || { echo "release/notes.sh: CHANGELOG.md says nothing of version ${version#v}" >&2; exit 1; }
# Without the empty lines around them.
sed -e '/./,$!d' <<<"$notes"
