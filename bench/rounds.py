"""Two whole processes in turn: wall clock, processor time and peak memory of each."""
import os
import statistics
import subprocess
import sys
import time


def timed(command, environment=None, stdout=subprocess.DEVNULL):
    """Seconds on the clock, seconds of processor, peak resident GiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=stdout, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"error: {' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / (1 << 20)


def compare(what, names, commands, rounds, before=lambda: None, environment=None):
    """Prints a line per round and then rows of the table in README.md. `before` runs ahead of each process."""
    times = [[], []]
    for round_ in range(rounds):
        for i in (0, 1) if round_ % 2 == 0 else (1, 0):
            before()
            times[i].append(timed(commands[i], environment))
        each = ", ".join(f"{name} {t[-1][0]:.1f} s ({t[-1][1]:.1f} s of processor)" for name, t in zip(names, times))
        print(f"{each}; load {os.getloadavg()[0]:.1f}", flush=True)
    for j, clock in enumerate(("wall clock", "processor")):
        values = [[t[j] for t in side] for side in times]
        ours, peer = (statistics.median(v) for v in values)
        text = [f"{statistics.median(v):.1f} [{min(v):.1f}, {max(v):.1f}], peak {max(t[2] for t in side):.2f} GiB"
                for v, side in zip(values, times)]
        print(f"| {what}, {clock} (s) | {peer / ours:.2f}x | {text[0]} | {text[1]}, {names[1]} |")
