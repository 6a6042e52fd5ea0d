#!/usr/bin/env python3
"""Times two programs in turn in one run: each reads `run N` lines and answers with a rate (more is better).

Usage: paired.py NAME STEPS ROUNDS -- OURS... -- PEER...
Prints one row of the table in README.md: ratio of the medians first, then both medians with their spread and peak memory.
"""
import statistics
import subprocess
import sys


def start(command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process, steps):
    process.stdin.write(f"run {steps}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def peak(process):
    """Peak resident memory so far, GiB."""
    with open(f"/proc/{process.pid}/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return kib / (1 << 20)


def main():
    head, ours, peer = " ".join(sys.argv[1:]).split(" -- ")
    name, steps, rounds = head.split()
    processes = [start(ours.split()), start(peer.split())]
    rates = [[], []]
    for round_ in range(int(rounds) + 1):
        for i in (0, 1) if round_ % 2 == 0 else (1, 0):
            rate = ask(processes[i], int(steps))
            if round_ > 0:  # the first round warms up
                rates[i].append(rate)
    memory = [peak(process) for process in processes]
    for process in processes:
        process.stdin.close()
        process.wait()
    medians = [statistics.median(r) for r in rates]
    text = [f"{m:.2f} [{min(r):.2f}, {max(r):.2f}], {gib:.2f} GiB" for m, r, gib in zip(medians, rates, memory)]
    print(f"| {name} | {medians[0] / medians[1]:.2f}x | {text[0]} | {text[1]} |")


if __name__ == "__main__":
    main()
