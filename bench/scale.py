#!/usr/bin/env python3
"""Cost of a DCGAN step against resolution, batch, filters and threads, beside what this machine's convolutions could do.

Usage: scale.py TARGET FOLDER
TARGET: where `bench_gan_step` and `bench_core` lie (target/release/examples). Writes FOLDER/scale.md (a table) and
FOLDER/scale.svg. The limit is the multiplications and additions of the step's convolutions at the speed that
`bench_core peak` measures for a large one: what is above it are small or strided convolutions, normalisation, activation,
augmentation, the optimiser and threads that wait.
"""
import subprocess
import sys
from pathlib import Path

BASE = dict(size=64, batch=32, filters=64, threads=2)
VARIED = [
    ("resolution", "size", [32, 64, 128, 256]),
    ("batch", "batch", [4, 8, 16, 32, 64]),
    ("filters", "filters", [8, 16, 32, 64, 128]),
    ("threads", "threads", [1, 2]),
]
PRECISIONS = ["f32", "bf16"]
# Joint samples of one image channel and a label map.
CHANNELS = 2
LATENT = 100
ROUNDS = 3


def layers(size, filters):
    """Multiply-adds per sample of the discriminator's convolutions, first to last, and of the generator's."""
    halvings, side = 0, size
    while side > 7:
        side, halvings = side // 2, halvings + 1
    width = [CHANNELS] + [filters * 2 ** min(level, 3) for level in range(halvings)]
    convolutions = [width[i] * width[i + 1] * 16 * (size >> (i + 1)) ** 2 for i in range(halvings)]
    discriminator = [*convolutions, width[-1] * side * side]
    generator = [*convolutions, LATENT * width[-1] * side * side]
    return discriminator, generator


def operations(size, batch, filters):
    """Of one step: a pass costs 2 per multiply-add, each of its two gradients as much."""
    discriminator, generator = layers(size, filters)
    d, g = sum(discriminator), sum(generator)
    # Real and fake: forward, weights, inputs but the first; judging for the generator: forward and inputs; generator: all
    # three, but what it was given.
    total = 2 * (3 * d - discriminator[0]) + 2 * d + 3 * g - generator[-1]
    return 2 * batch * total


def rate(step, precision, size, batch, filters, threads):
    """Images per second, median of the rounds after a first."""
    settings = ["networks.mask=label_map", "augment.diff_augment=[]", f"training.precision={precision}",
                f"networks.generator.filters={filters}", f"networks.discriminator.filters={filters}"]
    command = [step, "dcgan", str(threads), str(size), str(batch), "1", *settings]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(steps):
        process.stdin.write(f"run {steps}\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    ask(1)
    steps = max(1, round(2 * ask(1) / batch))  # about two seconds
    rates = sorted(ask(steps) for _ in range(ROUNDS))
    process.stdin.close()
    process.wait()
    return rates[ROUNDS // 2]


def peaks(core, threads):
    out = subprocess.run([core, "peak", str(threads)], check=True, capture_output=True, text=True).stdout
    return {line.split()[0]: float(line.split()[1]) for line in out.splitlines()}


def panel(x0, title, rows):
    """ms per image against one setting, both axes logarithmic: measured as lines, limits dashed."""
    import math
    width, height, left, top = 190, 170, 44, 30
    values = [value for row in rows for value in (row["ms"], row["limit"])]
    low, high = math.log10(min(values)) - 0.1, math.log10(max(values)) + 0.1
    first, last = math.log2(rows[0]["x"]), math.log2(rows[-1]["x"])
    def px(x): return x0 + left + (math.log2(x) - first) / (last - first) * (width - left - 12)
    def py(ms): return top + (high - math.log10(ms)) / (high - low) * height
    parts = [f'<text x="{x0 + left}" y="18" font-weight="bold">{title}</text>',
             f'<rect x="{x0 + left}" y="{top}" width="{width - left - 12}" height="{height}" fill="none" stroke="#999"/>']
    for decade in range(math.ceil(low), math.floor(high) + 1):
        y = py(10 ** decade)
        parts.append(f'<line x1="{x0 + left}" x2="{x0 + width - 12}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                     f'<text x="{x0 + left - 4}" y="{y + 4:.1f}" text-anchor="end">{10 ** decade:g}</text>')
    for x in sorted({row["x"] for row in rows}):
        parts.append(f'<text x="{px(x):.1f}" y="{top + height + 15}" text-anchor="middle">{x}</text>')
    for precision, colour in [("f32", "#0072b2"), ("bf16", "#d55e00")]:
        mine = [row for row in rows if row["precision"] == precision]
        for key, dash in [("ms", ""), ("limit", ' stroke-dasharray="4 3"')]:
            points = " ".join(f'{px(row["x"]):.1f},{py(row[key]):.1f}' for row in mine)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>')
        parts += [f'<circle cx="{px(row["x"]):.1f}" cy="{py(row["ms"]):.1f}" r="2.6" fill="{colour}"/>' for row in mine]
    return "\n".join(parts)


def main():
    target, folder = Path(sys.argv[1]), Path(sys.argv[2])
    peak = {threads: peaks(target / "bench_core", threads) for threads in (1, 2)}
    lines = ["| varied | precision | images/s | ms per image | limit, ms | share of the peak |", "|---|---|---:|---:|---:|---:|"]
    panels = []
    for number, (title, key, values) in enumerate(VARIED):
        rows = []
        for value in values:
            setting = {**BASE, key: value}
            for precision in PRECISIONS:
                images = rate(target / "bench_gan_step", precision, **setting)
                threads = setting.pop("threads")
                limit = operations(**setting) / setting["batch"] / peak[threads][precision] / 1e6
                setting["threads"] = threads
                row = dict(x=value, precision=precision, ms=1e3 / images, limit=limit)
                rows.append(row)
                lines.append(f"| {title} {value} | {precision} | {images:.1f} | {row['ms']:.2f} | {limit:.2f} "
                             f"| {100 * limit / row['ms']:.0f} % |")
                print(lines[-1], flush=True)
        panels.append(panel(190 * number, title, rows))
    head = "; ".join(f"{threads} thread{'s' * (threads > 1)}: {p['f32']:.0f} GFLOP/s in f32, {p['bf16']:.0f} in bf16"
                     for threads, p in peak.items())
    (folder / "scale.md").write_text("\n".join([f"Peak of a convolution, {head}.", "", *lines]) + "\n")
    legend = ('<text x="44" y="238">milliseconds per image; <tspan fill="#0072b2">f32</tspan>, '
              '<tspan fill="#d55e00">bf16</tspan>; dashed: convolutions at the measured peak</text>')
    (folder / "scale.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 770 250" font-family="sans-serif" font-size="11">\n'
        '<rect width="770" height="250" fill="white"/>\n' + "\n".join(panels) + "\n" + legend + "\n</svg>\n")
    print(head)


if __name__ == "__main__":
    main()
