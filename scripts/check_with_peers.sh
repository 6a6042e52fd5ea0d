#!/usr/bin/env bash
# Other tools' readers on what the program writes: nibabel and SimpleITK read its exports and label maps, TensorBoard its event files.
# Usage: scripts/check_with_peers.sh; from the environment: VESALIUS (target/debug/vesalius). Packages go into target/checks-venv.
set -euo pipefail
VESALIUS=$(readlink -m "${VESALIUS:-$(dirname "${BASH_SOURCE[0]}")/../target/debug/vesalius}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV=$PWD/target/checks-venv SCRIPTS=$PWD/scripts
[ -x "$VESALIUS" ] || { echo "error: $VESALIUS: not there, expected the program; cargo build makes it" >&2; exit 1; }

install() {
  [ -x "$VENV/bin/pip" ] || python3 -m venv --clear "$VENV" || return 1
  "$VENV/bin/pip" install --quiet --disable-pip-version-check -r scripts/requirements-checks.txt
}
missing() {
  local why="nibabel, SimpleITK and TensorBoard could not be installed"
  case ",${VESALIUS_REQUIRE:-}," in *,peers,*) echo "error: VESALIUS_REQUIRE names peers: $why" >&2; exit 1 ;; esac
  echo "SKIPPED (peers): $why" >&2
  [ -z "${VESALIUS_SKIPPED:-}" ] || echo "peers: check_with_peers.sh: $why" >> "$VESALIUS_SKIPPED"
  exit 0
}
install || missing

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
export VESALIUS_CACHE=$WORK/cache
vesalius() { "$VESALIUS" "$@" >/dev/null 2>log || { cat log >&2; echo "error: vesalius $*" >&2; exit 1; }; }
check() { "$VENV/bin/python" "$SCRIPTS/$1" "${@:2}"; }

# Grey volumes, colour photographs in 16 bits, and pairs of a GAN.
vesalius phantom acdc hearts --patients 4
vesalius prepare acdc hearts --out grey --size 32x32 --crop centre:128x128
vesalius phantom idrid eyes --patients 4
vesalius prepare idrid eyes --out colour --size 32x32 --crop foreground --depth u16

# A training as if killed once its last checkpoint was written, which goes on: two sessions, two event files.
tiny=(networks.mapping.{latent,style}=16 networks.{generator,discriminator}.{channel_base=256,channel_max=16}
  training.batch=4 training.checkpoint_every_kimg=0.1 training.distance_every_kimg=0)
vesalius train grey --preset stylegan2 --kimg 0.2 --out run --threads 1 "${tiny[@]/#/--set=}"
rm run/result.json
vesalius train grey --out run --resume --kimg 0.3 --threads 1
vesalius sample run --count 8 --out pairs --threads 1

for pack in grey colour pairs; do
  for form in nnunet nifti; do
    vesalius export "$pack" --as "$form" --out "$pack-$form"
    check check_export.py "$pack-$form"
  done
done
check check_tensorboard.py run

# Crop and resampling undone.
vesalius segment --train grey --test grey --preset small --filters 4 --steps 2 --threads 1 --out unet --predictions predicted
check check_predictions.py predicted hearts
