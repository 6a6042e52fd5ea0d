#!/usr/bin/env bash
# Builds and checks a release, and lists what to upload. It uploads nothing.
# Usage: scripts/release.sh   the version is Cargo.toml's; the tree is clean, CHANGELOG.md has the version with a date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "error: release: $*" >&2; exit 1; }

VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
[[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "Cargo.toml: version \`$VERSION\`, expected three numbers"
[ -z "$(git status --porcelain)" ] || fail "the tree has changes that are not committed"
grep -q "^version: $VERSION\$" CITATION.cff || fail "CITATION.cff: another version than $VERSION"
grep -Eq "^## $VERSION, [0-9]{1,2} [A-Z][a-z]+ [0-9]{4}\$" CHANGELOG.md \
  || fail "CHANGELOG.md: no line \`## $VERSION, 1 January 2027\`, expected it with the day of the release"
git rev-parse -q --verify "refs/tags/v$VERSION" >/dev/null && fail "v$VERSION: tagged already"

make lint
make test
make wheel
scripts/check_install.sh
git archive --format=tar.gz --prefix="vesalius-$VERSION/" -o "dist/vesalius-$VERSION.tar.gz" HEAD
(cd dist && sha256sum vesalius-* > SHA256SUMS)

cat <<TEXT

vesalius $VERSION is built and checked. To be uploaded:
$(cd dist && ls -l vesalius-* SHA256SUMS | awk '{ printf "  dist/%s (%.1f MB)\n", $9, $5 / 1e6 }')
By hand, in this order:
  git tag -s v$VERSION && git push origin v$VERSION
  the wheel to the package index:    twine upload dist/vesalius-$VERSION-*.whl
  all files of dist/ to the release page of v$VERSION, with its part of CHANGELOG.md
  containers/ built and pushed from the wheel, then tried on a machine with a GPU
TEXT
