#!/usr/bin/env bash
# What the browser tests need: Chromium with its driver (Debian packages) and axe-core (npm), which judges accessibility.
# Says loudly what could not be had: those tests are skipped then, and nothing else depends on it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

AXE=4.14.1
AXE_SHA512="FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
TARGET=target/browser

skipped() { echo "SKIPPED: $1" >&2; }

has_browser() { command -v chromedriver >/dev/null && command -v chromium chromium-browser google-chrome >/dev/null; }
if ! has_browser && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver; } >/dev/null 2>&1 || true
fi
has_browser || skipped "browser tests: no chromium and chromedriver (Debian: apt-get install chromium chromium-driver)"

if [ "$(cat $TARGET/axe-version 2>/dev/null)" != "$AXE" ]; then
  mkdir -p $TARGET
  if ! command -v npm >/dev/null; then
    skipped "accessibility checks: no npm to fetch axe-core $AXE with"
  elif ! (cd $TARGET && npm pack --silent "axe-core@$AXE" >/dev/null); then
    skipped "accessibility checks: npm could not fetch axe-core $AXE"
  else
    found=$(openssl dgst -sha512 -binary "$TARGET/axe-core-$AXE.tgz" | base64 -w0)
    [ "$found" = "$AXE_SHA512" ] || { echo "error: axe-core-$AXE.tgz: SHA-512 $found, expected $AXE_SHA512" >&2; exit 1; }
    tar -xzf "$TARGET/axe-core-$AXE.tgz" -C $TARGET --strip-components=1 package/axe.min.js
    rm "$TARGET/axe-core-$AXE.tgz"
    echo "$AXE" > $TARGET/axe-version
  fi
fi
