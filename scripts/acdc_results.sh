#!/usr/bin/env bash
# The runs behind docs/results.md, one GAN at a time; what is finished is left alone, what was stopped goes on.
#
#   scripts/acdc_results.sh WORK baselines ACDC    prepares the pack, trains the U-Nets on real pairs
#   scripts/acdc_results.sh WORK train GAN MINUTES trains, stops after so many minutes and closes the run at the length reached
#   scripts/acdc_results.sh WORK judge GAN         10,000 pairs: distance, scores, copying, plausibility, U-Nets
#   scripts/acdc_results.sh WORK report            maps of all GANs, of the least and of the most useful one, report
#
# GAN: dcgan lsgan wgan wgan-gp hinge spade stylegan stylegan2. From the environment: DEVICE (cpu), THREADS of each command
# (1: two of these fill two cores), AT_ONCE (1: what judges a row runs side by side), PRESET of the segmenter (small),
# VESALIUS (the release build).
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,12s/^# \?//p' "$0" >&2; exit 2; }
VESALIUS=$(readlink -f "${VESALIUS:-$(dirname "$0")/../target/release/vesalius}")
mkdir -p "$1" && cd "$1"
PACK=packs/acdc64
COMPUTE=(--threads "${THREADS:-1}" --device "${DEVICE:-cpu}")
# Its tables were made with this segmenter.
JUDGE=(--preset "${PRESET:-small}")

vesalius() { echo "+ vesalius $*" >&2; "$VESALIUS" "$@"; }

# Runs a command that makes a run folder, unless the folder is finished.
once() { [ -e "$1/result.json" ] || vesalius "${@:2}"; }

settings() {
  case $1 in
    dcgan | lsgan | wgan | wgan-gp | hinge)
      printf '%s\n' networks.generator.upsample=resize networks.{generator,discriminator}.filters=32 \
        training.{distance,checkpoint}_every_kimg=20 ;;
    stylegan | stylegan2)
      printf '%s\n' 'augment.diff_augment=["color","translation","cutout"]' networks.mapping.{latent,style}=128 \
        optimiser.{generator,discriminator}.learning_rate=2e-3 training.batch=16 training.{distance,checkpoint}_every_kimg=10 ;;
  esac
  case $1 in
    dcgan) printf '%s\n' training.batch=32 ;;
    lsgan) printf '%s\n' training.batch=16 optimiser.generator.learning_rate=2e-4 optimiser.discriminator.learning_rate=1e-4 ;;
    wgan) printf '%s\n' training.batch=16 optimiser.{generator,discriminator}.learning_rate=2e-4 training.critic_boost=false \
      training.critic_steps=3 ;;
    wgan-gp) printf '%s\n' training.batch=16 training.critic_steps=2 optimiser.generator.learning_rate=4e-4 \
      optimiser.discriminator.learning_rate=2e-4 ;;
    hinge) printf '%s\n' training.batch=16 optimiser.generator.learning_rate=4e-4 optimiser.discriminator.learning_rate=1e-4 ;;
    spade) printf '%s\n' regularise.vgg=0 networks.generator.{filters=16,hidden=32,style=64} networks.discriminator.filters=32 \
      training.batch=8 training.{distance,checkpoint}_every_kimg=5 'augment.diff_augment=["color","translation","cutout"]' ;;
    stylegan) printf '%s\n' networks.{generator,discriminator}.channel_base=512 regularise.style.r1_every=8 \
      networks.growth.{training,transition}_kimg=10 ;;
    stylegan2) printf '%s\n' networks.{generator,discriminator}.channel_base=1024 'augment.ada.transforms=[]' \
      augment.mask_noise=0.5 regularise.style.r1=1 regularise.style.path_length=0 ;;
    *) echo "error: GAN $1, expected dcgan, lsgan, wgan, wgan-gp, hinge, spade, stylegan or stylegan2" >&2; exit 2 ;;
  esac
  # What a GPU has room for.
  case $1-${DEVICE:-cpu} in
    stylegan-cuda* | stylegan2-cuda*) printf '%s\n' training.batch=32 networks.{generator,discriminator}.{channel_base=4096,channel_max=256} ;;
  esac
}

train() {
  local gan=$1 minutes=$2 run=runs/$1 sets=() setting
  [ ! -e "$run/result.json" ] || return 0
  while read -r setting; do sets+=(--set "$setting"); done < <(settings "$gan")
  local start=(train "$PACK" --preset "$gan" --out "$run" --kimg 3000 "${sets[@]}")
  [ ! -d "$run/checkpoints" ] || start=(train "$PACK" --out "$run" --resume --kimg 3000)
  echo "+ vesalius ${start[*]} ${COMPUTE[*]}" >&2
  # 124: timeout sent the TERM, the training wrote its checkpoint and went.
  timeout --signal=TERM "${minutes}m" "$VESALIUS" "${start[@]}" "${COMPUTE[@]}" || [ $? = 124 ]
  # A checkpoint is named after the thousands of images it has seen.
  local last
  last=$(find "$run/checkpoints" -mindepth 1 -maxdepth 1 -name 'kimg_*' -printf '%f\n' | sort | tail -1)
  vesalius train "$PACK" --out "$run" --resume --kimg "$(awk "BEGIN { print ${last#kimg_} + 0 }")" "${COMPUTE[@]}"
}

# As once, beside what else judges a row where AT_ONCE is set: a GPU and many cores have room for it.
beside() { if [ -n "${AT_ONCE:-}" ]; then once "$@" & JOBS+=($!); else once "$@"; fi; }

# Judges the pack of one row of the table.
judge() {
  local row=$1 job
  JOBS=()
  beside "runs/unet-$row" segment "${JUDGE[@]}" --train "packs/$row" --test "$PACK" --out "runs/unet-$row" "${COMPUTE[@]}"
  beside "runs/unet-real-$row" segment "${JUDGE[@]}" --train "$PACK" --train "packs/$row" --test "$PACK" --out "runs/unet-real-$row" "${COMPUTE[@]}"
  beside "runs/distance-$row" distance --real "$PACK" --synthetic "packs/$row" --out "runs/distance-$row" "${COMPUTE[@]}"
  beside "runs/metrics-$row" metrics --all --intervals --real "$PACK" --synthetic "packs/$row" --out "runs/metrics-$row" "${COMPUTE[@]}"
  beside "runs/copying-$row" copying --real "$PACK" --synthetic "packs/$row" --out "runs/copying-$row" "${COMPUTE[@]}"
  once "runs/plausibility-$row" plausibility --real "$PACK" --synthetic "packs/$row" --filtered "packs/$row-plausible" \
    --out "runs/plausibility-$row" "${COMPUTE[@]}"
  once "runs/unet-$row-plausible" segment "${JUDGE[@]}" --train "packs/$row-plausible" --test "$PACK" --out "runs/unet-$row-plausible" "${COMPUTE[@]}"
  for job in "${JOBS[@]}"; do wait "$job"; done
}

sample() { [ -d "packs/$1" ] || vesalius sample "runs/$2" --count 10000 --out "packs/$1" "${@:3}" "${COMPUTE[@]}"; }

# Dice of the U-Net of each of these packs alone and the pack's name, least first.
ranked() {
  local pack result dice
  for pack in "$@"; do
    result=runs/unet-${pack#packs/}/result.json
    [ -e "$result" ] || continue
    # A score's value stands before what it is of.
    dice=$(awk -F': |,' '/"value":/ { value = $2 } /"of": "per_volume\/mean"/ { print value; exit }' "$result")
    [ -z "$dice" ] || echo "$dice $pack"
  done | LC_ALL=C sort -g
}

case $2 in
  baselines)
    [ -d $PACK ] || vesalius prepare acdc "$3" --out $PACK --size 64x64 --crop centre:128x128
    for seed in 1 2; do
      once "runs/unet-real-$seed" segment "${JUDGE[@]}" --train $PACK --test $PACK --seed $seed --out "runs/unet-real-$seed" "${COMPUTE[@]}"
    done
    once runs/unet-augmented segment "${JUDGE[@]}" --train $PACK --augment --test $PACK --out runs/unet-augmented "${COMPUTE[@]}"
    ;;
  train) train "$3" "$4" ;;
  judge)
    if [ "$3" = spade ]; then
      sample spade spade --masks $PACK
      sample spade-warp spade --masks $PACK --warp
      judge spade
      judge spade-warp
    else
      sample "$3" "$3"
      judge "$3"
    fi
    ;;
  report)
    packs=() synthetic=()
    for pack in packs/*; do
      case $pack in $PACK | *-plausible) ;; *) packs+=("$pack") synthetic+=(--synthetic "$pack") ;; esac
    done
    once runs/map map --real $PACK "${synthetic[@]}" --out runs/map "${COMPUTE[@]}"
    # Fig. 6 of the report: each in a layout of its own.
    mapfile -t order < <(ranked "${packs[@]}")
    if [ ${#order[@]} -gt 1 ]; then
      for pack in "${order[0]#* }" "${order[-1]#* }"; do
        once "runs/map-${pack#packs/}" map --real $PACK --synthetic "$pack" --out "runs/map-${pack#packs/}" "${COMPUTE[@]}"
      done
    fi
    vesalius report runs --out report
    ;;
  *) echo "error: $2, expected baselines, train, judge or report" >&2; exit 2 ;;
esac
