#!/usr/bin/env python3
"""Two trainings of a study on two cores: side by side on one thread each (the default of `study run --jobs`), and one after the
other on two threads.

Usage: jobs_rounds.py VESALIUS PACK FOLDER ROUNDS
"""
import shutil
import sys

from rounds import compare

SETTINGS = ["training.batch=16", "training.distance_every_kimg=0", "networks.generator.filters=16", "networks.discriminator.filters=16"]


def main():
    vesalius, pack, folder, rounds = sys.argv[1:]
    sets = " ".join(f"--set {setting}" for setting in SETTINGS)

    def train(name, threads):
        return f"{vesalius} train {pack} --preset lsgan --kimg 4 {sets} --out {folder}/jobs/{name} --threads {threads}"

    commands = [f"{train('a', 1)} & first=$!; {train('b', 1)} & wait $! && wait $first", f"{train('a', 2)} && {train('b', 2)}"]
    compare("two trainings of 4,000 images, 16 filters, batch 16", ["side by side", "one after the other, two threads each"],
            [["bash", "-c", command] for command in commands], int(rounds),
            before=lambda: shutil.rmtree(f"{folder}/jobs", ignore_errors=True))


if __name__ == "__main__":
    main()
