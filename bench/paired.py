#!/usr/bin/env python3
"""Times programs in turn in one run: each reads `run N` lines and answers with a rate (more is better).

Usage: paired.py NAME STEPS ROUNDS -- OURS... -- PEER... [-- PEER...]
Prints a row of the table in README.md for each peer: ratio of the medians first, then both medians with their spread and
peak memory.
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
    head, *commands = " ".join(sys.argv[1:]).split(" -- ")
    name, steps, rounds = head.split()
    processes = [start(command.split()) for command in commands]
    rates = [[] for _ in processes]
    for round_ in range(int(rounds) + 1):
        order = range(len(processes))
        for i in order if round_ % 2 == 0 else reversed(order):
            rate = ask(processes[i], int(steps))
            if round_ > 0:  # the first round warms up
                rates[i].append(rate)
    memory = [peak(process) for process in processes]
    for process in processes:
        process.stdin.close()
        process.wait()
    medians = [statistics.median(r) for r in rates]
    text = [f"{m:.2f} [{min(r):.2f}, {max(r):.2f}], {gib:.2f} GiB" for m, r, gib in zip(medians, rates, memory)]
    for median, peer, command in zip(medians[1:], text[1:], commands[1:]):
        which = "" if len(commands) == 2 else f" ({command})"
        print(f"| {name}{which} | {medians[0] / median:.2f}x | {text[0]} | {peer} |")


if __name__ == "__main__":
    main()
