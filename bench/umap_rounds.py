#!/usr/bin/env python3
"""Maps of the same features by ours, umap-learn and manifolds-rs, in turn: time and trustworthiness.

Usage: umap_rounds.py TARGET PYTHON FOLDER ROUNDS [NxD...]
TARGET: the folder of builds with `vesalius` and `examples/bench_map`; PYTHON: an interpreter with requirements.txt.
Sizes are 1000x64, 5000x512 and 10000x2048 unless named: eight crowds on curved sheets (below), seed 0.

A round draws by its own seed (umap-learn by none); on one thread there is one round, on three one to see the plane.
Maps of few points differ by more between seeds than 0.005: up to 2,000 points, trustworthiness is that of 20 seeds.
Each is a process of its own that reads a .npy, says how many seconds its neighbours and its layout (graph, start and
curve with it) took, and writes the plane. Loading, reading and writing are in the whole process only. umap-learn goes
on from round to round: its whole process is its start and a first map, with the package's compiling, once.
`vesalius map` is timed as a whole process: with trustworthiness, pages and files.
"""
import hashlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from rounds import timed

HERE = os.path.dirname(os.path.abspath(__file__))
THREADS = 2
SIZES = ["1000x64", "5000x512", "10000x2048"]
# What issue 17 asks of a crate that would take our layout's place: trustworthiness, time.
CLOSE, TIMES = 0.005, 3.0
# Maps that trustworthiness is a mean of, where points are few.
FEW, SEEDS = 2000, 20
# The crate's optimisers, the first of them parallel, with its default search and start, and with an exact search and
# principal components, as ours.
CRATE = [(optimiser, *ways) for ways in (("nndescent", "spectral"), ("exhaustive", "pca"))
         for optimiser in ("adam_parallel", "adam", "sgd")]

SHEETS = """
import sys, numpy as np
folder, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(0)
crowds = []
for _ in range(8):
    z = rng.standard_normal((n // 8, 6)) * 0.7
    h = np.maximum(z @ rng.standard_normal((6, 256)) + rng.standard_normal(256) * 0.5, 0)
    h = np.maximum(h @ rng.standard_normal((256, d)) / 16 + rng.standard_normal(d) * 0.2, 0)
    crowds.append(h + rng.standard_normal(h.shape) * 0.05)
x = np.concatenate(crowds).astype(np.float32)[rng.permutation(n // 8 * 8)]
np.save(f"{folder}/all.npy", x)
np.save(f"{folder}/real.npy", x[:len(x) // 2])
np.save(f"{folder}/synthetic.npy", x[len(x) // 2:])
"""


def threaded(threads):
    """The environment for a process on so many threads."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA", "RAYON")
    return os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}


def digested(folder, plane):
    """Keeps a plane by its digest, which is returned."""
    with open(plane, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    os.replace(plane, f"{folder}/{digest}.npy")
    return digest


class Side:
    """A program on some threads and what its runs showed.

    `command`: the words before the features, and those after the plane.
    """

    def __init__(self, name, threads, command):
        self.name, self.threads, self.command = name, threads, command
        self.phases, self.whole, self.planes = [], [], []

    def run(self, folder, seed, threads):
        """One process: its seconds (neighbours, layout), what `timed` says, and its plane's digest."""
        before, after = self.command
        plane = f"{folder}/plane.npy"
        with tempfile.TemporaryFile("w+") as said:
            command = [*before, f"{folder}/all.npy", plane, *after, str(seed), str(threads)]
            whole = timed(command, threaded(threads), said)
            said.seek(0)
            phases = [float(word) for word in said.read().split()]
        return phases, whole, digested(folder, plane)

    def measure(self, folder, seed):
        phases, whole, plane = self.run(folder, seed, self.threads)
        print(f"  {self.name} on {self.threads}: {phases} s", file=sys.stderr, flush=True)
        self.phases.append(phases)
        self.whole.append(whole[:2])
        self.planes.append(plane)

    def seconds(self):
        return [sum(phases) for phases in self.phases]


class Learn(Side):
    """umap-learn: one process for all rounds, so that what it compiles is compiled once."""

    def measure(self, folder, seed):
        if not self.phases:
            begun = time.perf_counter()
            self.process = subprocess.Popen(self.command, env=threaded(self.threads), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.ask(folder)
            with open(f"/proc/{self.process.pid}/stat") as stat:
                ticks = stat.read().rsplit(")", 1)[1].split()[11:13]
            self.whole = [(time.perf_counter() - begun, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))]
        self.phases.append(self.ask(folder))
        self.planes.append(digested(folder, f"{folder}/plane.npy"))

    def ask(self, folder):
        self.process.stdin.write(f"{folder}/all.npy {folder}/plane.npy\n")
        self.process.stdin.flush()
        return [float(word) for word in self.process.stdout.readline().split()]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def sides(target, python, manifolds):
    """umap-learn, ours and the crate's, on all threads and on one."""
    learn = Learn("umap-learn", THREADS, [python, f"{HERE}/peers/umap.py"])
    made = [learn]
    for threads in (THREADS, 1):
        made.append(Side("ours", threads, ([f"{target}/examples/bench_map"], [])))
        for optimiser, search, start in CRATE:
            # Fourteen others, as our and umap-learn's fifteen with the point itself; a rate of 1 as theirs.
            command = ([manifolds], [optimiser, search, start, "14", "1"])
            made.append(Side(f"manifolds-rs, {optimiser}, {search}, {start}", threads, command))
    return learn, made


def spread(values, digits, middle=statistics.median):
    return f"{middle(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def measure(size, target, python, folder, rounds, manifolds):
    """Runs all at one size, prints its table and gives for each name of the crate whether it would do."""
    n, d = (int(side) for side in re.fullmatch(r"(\d+)x(\d+)", size).groups())
    subprocess.run([python, "-c", SHEETS, folder, str(n), str(d)], check=True)
    learn, everyone = sides(target, python, manifolds)
    program = [f"{target}/vesalius", "map", "--real", f"{folder}/real.npy", "--synthetic", f"{folder}/synthetic.npy",
               "--count", str(n), "--out", f"{folder}/map", "--threads", str(THREADS)]
    maps = []
    for round_ in range(rounds):
        for side in everyone if round_ % 2 == 0 else reversed(everyone):
            if side.threads == THREADS or round_ == 0:
                side.measure(folder, round_ + 1)
        shutil.rmtree(f"{folder}/map", ignore_errors=True)
        maps.append(timed(program))
        print(f"{size}: round {round_ + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    learn.end()
    for seed in range(rounds + 1, SEEDS + 1 if n <= FEW else 0):
        for side in everyone:
            if side.threads == THREADS and side is not learn:
                side.planes.append(side.run(folder, seed, THREADS)[2])
    # The first seed once more, on one more thread: does the plane change?
    more = {side.name: side.run(folder, 1, THREADS + 1)[2] for side in everyone if side.threads == 1}
    trust = judged(python, folder, everyone)
    print(f"\n{n:,} x {d:,}, {rounds} rounds, ratio: time of neighbours + layout over ours on as many threads\n")
    print("| ratio | which | threads | neighbours + layout (s) | neighbours (s) | whole process (s) | processor (s)"
          " | trustworthiness, mean | planes on 1, 2, 3 threads |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|")
    at = {(side.name, side.threads): side for side in everyone}
    fits = {}
    for side in everyone:
        ours = at["ours", side.threads]
        ratios = [a / b for a, b in zip(side.seconds(), ours.seconds())]
        trusts = [trust[plane] for plane in side.planes]
        alone = at.get((side.name, 1))
        # umap-learn has no seed, so no plane that could be the same.
        planes = {at[side.name, THREADS].planes[0], more.get(side.name), *(alone.planes if alone else [])}
        print(f"| {spread(ratios, 2)} | {side.name} | {side.threads} | {spread(side.seconds(), 2)} | "
              f"{statistics.median(p[0] for p in side.phases):.2f} | {spread([w[0] for w in side.whole], 1)} | "
              f"{statistics.median(w[1] for w in side.whole):.1f} | {spread(trusts, 4, statistics.mean)} | "
              f"{len(planes) if alone else '-'} |")
        if side.name.startswith("manifolds") and side.threads == THREADS:
            short = statistics.mean(trust[plane] for plane in ours.planes) - statistics.mean(trusts)
            fits[side.name] = (short, statistics.median(ratios), len(planes) == 1)
    print(f"| | `vesalius map` | {THREADS} | | | {spread([m[0] for m in maps], 1)} | "
          f"{statistics.median(m[1] for m in maps):.1f} | | |", flush=True)
    return fits


def judged(python, folder, everyone):
    """Trustworthiness of each plane that came out, by its digest."""
    planes = sorted({plane for side in everyone for plane in side.planes})
    found = subprocess.run([python, f"{HERE}/peers/trustworthiness.py", f"{folder}/all.npy",
                            *[f"{folder}/{plane}.npy" for plane in planes]], check=True, capture_output=True, text=True)
    return dict(zip(planes, map(float, found.stdout.split())))


def main():
    target, python, folder, rounds, *sizes = sys.argv[1:]
    peer = f"{HERE}/peers/manifolds"
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", f"{peer}/Cargo.toml",
                    "--target-dir", f"{peer}/target"], check=True)
    found = {}
    for size in sizes or SIZES:
        fits = measure(size, target, python, folder, int(rounds), f"{peer}/target/release/manifolds-peer")
        for name, fit in fits.items():
            found.setdefault(name, []).append(fit)
    print(f"\nIn the place of ours at every size ({CLOSE} of trustworthiness, {TIMES:g}x of time, one plane)?\n")
    for name, all_sizes in found.items():
        short, ratio = (max(fit[i] for fit in all_sizes) for i in (0, 1))
        same = all(fit[2] for fit in all_sizes)
        verdict = "yes" if short <= CLOSE and ratio <= TIMES and same else "no"
        print(f"- {name}: {verdict}; at worst {-short:+.4f} beside ours, {ratio:.2f}x, "
              f"{'one plane' if same else 'planes that differ'}")


if __name__ == "__main__":
    main()
