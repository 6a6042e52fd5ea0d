"""How long OpenMP's threads should wait in a loop: `segment` on an idle machine and beside busy loops, by spin count.

Usage: python3 bench/spin_rounds.py VESALIUS PACK FOLDER [rounds] [steps]
Alternating rounds; prints seconds (median, least, greatest) for each setting and load. Fair share: with two threads of
ours beside L busy loops on C cores, at most C * 2 / (2 + L) cores are ours.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time

program, pack, folder = sys.argv[1:4]
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
steps = sys.argv[5] if len(sys.argv) > 5 else "30"
# Nothing said: what the program chooses. What is said wins, and 300,000 is what OpenMP does by itself.
SETTINGS = {
    "chosen": {},
    "OpenMP's own": {"GOMP_SPINCOUNT": "300000"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "spin 5000": {"GOMP_SPINCOUNT": "5000"},
    "spin 3000": {"GOMP_SPINCOUNT": "3000"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "spin 200": {"GOMP_SPINCOUNT": "200"},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
}
# As crates/vesalius/src/openmp.rs has it.
OF_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY", "KMP_USE_YIELD")
LOADS = [0, 2, 5]


def once(setting: dict) -> float:
    out = os.path.join(folder, "run")
    shutil.rmtree(out, ignore_errors=True)
    clean = {k: v for k, v in os.environ.items() if k not in OF_WAITING}
    started = time.monotonic()
    subprocess.run(
        [program, "segment", "--preset", "small", "--train", pack, "--test", pack, "--out", out, "--steps", steps, "--threads", "2"],
        env=clean | setting, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - started


for load in LOADS:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(load)]
    found = {name: [] for name in SETTINGS}
    try:
        for _ in range(rounds):
            for name, setting in SETTINGS.items():
                found[name].append(once(setting))
    finally:
        for process in busy:
            process.kill()
    for name, secs in found.items():
        print(f"beside {load}: {name:12} {statistics.median(secs):6.2f} s [{min(secs):.2f}, {max(secs):.2f}]", flush=True)
