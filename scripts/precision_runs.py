#!/usr/bin/env python3
"""Trains the same GANs and segmenters in f32 and in bf16, for docs/decisions/precision.md. Standard library only.

  scripts/precision_runs.py VESALIUS PACK SPADE_PACK FOLDER [--short] [--only NAME,NAME] [--seeds 1,2,3] [--jobs 2]

Three seeds (or those named) of each preset below and of the segmenter on real images, in both; of each GAN 1,000 pairs, their Fréchet
distance and the Dice of a U-Net (f32) trained on them. --short: twenty trainings of 1 kimg of each instead, of which only
the outcome counts. SPADE starts at 64x64, so it has
a pack of its own. Each job takes one thread. What is finished in FOLDER is not done again. One line per run, then a table.
"""
import argparse
import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SMALL = ["networks.generator.filters=16", "networks.discriminator.filters=16", "networks.generator.upsample=resize"]
GANS = {
    # Without spectral normalisation this discriminator wins within 20 kimg, and the distances of seeds differ by ten.
    "dcgan": [*SMALL, "networks.discriminator.spectral_norm=true", "training.batch=16"],
    # With five critic steps and 1e-4 there are no masks yet after 100 kimg.
    "wgan-gp": [*SMALL, "training.critic_steps=2", "training.batch=16", "optimiser.generator.learning_rate=5e-4",
                "optimiser.discriminator.learning_rate=5e-4"],
    "stylegan2": ["networks.generator.channel_base=512", "networks.discriminator.channel_base=512",
                  "networks.generator.channel_max=64", "networks.discriminator.channel_max=64",
                  # With batch 8 and the authors' rule for R1 (0.03 here) seeds differ by sixteen, in f32 too.
                  "training.batch=16", "regularise.style.r1=1"],
    "spade": ["networks.generator.filters=4", "networks.generator.hidden=16", "networks.generator.style=0",
              "networks.discriminator.filters=16", "regularise.kl=0", "regularise.vgg=0", "training.batch=8"],
}
KIMG = {"dcgan": 100, "wgan-gp": 150, "stylegan2": 24, "spade": 10}
PRECISIONS = ["f32", "bf16"]


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments), "--threads", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # A training that diverges ends with 1 and has a result.
    if done.returncode not in (0, 1):
        sys.exit(f"error: {' '.join(map(str, arguments))}: {done.stderr.strip()[-300:]}")


def result(folder):
    return json.loads((folder / "result.json").read_text())


def score(folder, metric, of=None):
    scores = result(folder)["scores"]
    return next(s["value"] for s in scores if s["metric"] == metric and (of is None or s.get("of") == of))


def train(program, pack, folder, preset, precision, seed, kimg):
    if (folder / "result.json").exists():
        return
    arguments = ["train", pack, "--preset", preset, "--out", folder, "--kimg", kimg, "--precision", precision]
    if (folder / "task.toml").exists():
        return run(program, "train", pack, "--out", folder, "--resume")
    for setting in [*GANS[preset], f"training.seed={seed}", "training.distance_every_kimg=0", "training.ema_half_life_kimg=2"]:
        arguments += ["--set", setting]
    run(program, *arguments)


def long_run(program, pack, root, preset, precision, seed):
    name = root / f"{preset}-{precision}-{seed}"
    train(program, pack, name / "run", preset, precision, seed, KIMG[preset])
    made = name / "pack"
    if not made.exists():
        masks = ["--masks", pack, "--warp"] if preset == "spade" else []
        run(program, "sample", name / "run", "--count", 1000, "--out", made, "--precision", precision, *masks)
    if not (name / "distance/result.json").exists():
        run(program, "distance", "--real", pack, "--synthetic", made, "--out", name / "distance")
    if not (name / "unet/result.json").exists():
        run(program, "segment", "--preset", "small", "--train", made, "--test", pack, "--out", name / "unet", "--steps", 400, "--seed", seed)
    print(name.name, f"distance {score(name / 'distance', 'frechet_distance'):.3f}",
          f"dice {score(name / 'unet', 'dice', 'per_volume/mean'):.4f}", flush=True)


def segmenter_run(program, pack, root, precision, seed):
    name = root / f"segmenter-{precision}-{seed}"
    if not (name / "result.json").exists():
        run(program, "segment", "--preset", "small", "--train", pack, "--test", pack, "--out", name, "--steps", 600, "--seed", seed,
            "--precision", precision)
    print(name.name, f"dice {score(name, 'dice', 'per_volume/mean'):.4f}", flush=True)


def long_runs(program, pack, root, names, jobs, seeds):
    with ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for seed in seeds:
            for name in names:
                for precision in PRECISIONS:
                    if name == "segmenter":
                        waiting.append(pool.submit(segmenter_run, program, pack(name), root, precision, seed))
                    else:
                        waiting.append(pool.submit(long_run, program, pack(name), root, name, precision, seed))
        for one in waiting:
            one.result()
    table(root)


def short_runs(program, pack, root, names, jobs, _seeds):
    def outcome(preset, precision, seed):
        folder = root / f"short-{preset}-{precision}-{seed}"
        train(program, pack(preset), folder, preset, precision, seed, 1)
        return result(folder)["outcome"]["kind"]

    with ThreadPoolExecutor(jobs) as pool:
        for preset in [name for name in names if name in GANS]:
            for precision in PRECISIONS:
                outcomes = list(pool.map(lambda seed: outcome(preset, precision, seed), range(101, 121)))
                print(f"{preset} {precision}: {len(outcomes)} trainings, {outcomes.count('diverged')} diverged", flush=True)


def table(root):
    """Median [least, greatest] of the seeds, f32 and bf16; every value goes to values.json."""
    all_values = {}
    for what in [*GANS, "segmenter"]:
        for metric, part in [("distance/frechet_distance", None), ("unet/dice", "per_volume/mean")]:
            row = []
            for precision in PRECISIONS:
                folders = sorted(root.glob(f"{what}-{precision}-*"))
                if what == "segmenter":
                    if part is None:
                        continue
                    values = [score(f, "dice", part) for f in folders if (f / "result.json").exists()]
                else:
                    stage, name = metric.split("/")
                    values = [score(f / stage, name, part) for f in folders if (f / stage / "result.json").exists()]
                if values:
                    all_values.setdefault(f"{what} {metric.split('/')[1]}", {})[precision] = values
                    row.append(f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]")
            if row:
                print(f"| {what}, {metric.split('/')[1]} | {' | '.join(row)} |")
    (root / "values.json").write_text(json.dumps(all_values, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("pack")
    parser.add_argument("spade_pack")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default=",".join([*GANS, "segmenter"]))
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    runs = short_runs if arguments.short else long_runs
    packs = {"spade": arguments.spade_pack}
    runs(arguments.program, lambda name: packs.get(name, arguments.pack), arguments.folder, arguments.only.split(","),
         arguments.jobs, arguments.seeds)


if __name__ == "__main__":
    main()
