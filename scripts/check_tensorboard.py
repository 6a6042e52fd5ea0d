#!/usr/bin/env python3
"""Reads the event files of a run with TensorBoard's own reader and compares them with the run's stats.jsonl: no scalar is lost, none is added.

Usage: check_tensorboard.py RUN     (pip install tensorboard)
"""
import json
import sys
from pathlib import Path

from tensorboard import version
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat import tf
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

# Names in stats.jsonl and what TensorBoard shows them as; time passed is the events' own.
TAGS = {
    "loss_d": "loss/discriminator",
    "loss_g": "loss/generator",
    "images_per_sec": "images_per_sec",
    "frechet_distance": "frechet_distance",
    "augment_p": "augment_p",
}


def records(path: Path) -> int:
    """Number of records, each length and content against its CRC: a mismatch or a cut record is raised, which the accumulator would pass over."""
    reader = PyRecordReader_New(str(path))
    count = 0
    while True:
        try:
            reader.GetNext()
        except tf.errors.OutOfRangeError:
            return count
        count += 1


def written(stats: Path) -> dict[str, list[tuple[int, float]]]:
    """Step (images) and value of every scalar of stats.jsonl, by tag."""
    scalars: dict[str, list[tuple[int, float]]] = {}
    for line in stats.read_text().splitlines():
        stat = json.loads(line)
        # Losses of a family that is no GAN stand by name.
        losses = stat.pop("losses", {})
        for name, value in losses.items():
            scalars.setdefault(f"loss/{name}", []).append((round(stat["kimg"] * 1000), value))
        unknown = stat.keys() - TAGS.keys() - {"kimg", "wall_secs"}
        assert not unknown, f"{stats}: {unknown} are no scalar of the event files"
        for name, tag in TAGS.items():
            if name in stat:
                scalars.setdefault(tag, []).append((round(stat["kimg"] * 1000), stat[name]))
    return scalars


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = Path(sys.argv[1])
    files = sorted(root.glob("events.out.tfevents.*"))
    assert files, f"{root}: no event file"
    count = sum(records(path) for path in files)
    accumulator = EventAccumulator(str(root), size_guidance={"scalars": 0})  # 0: keep all
    accumulator.Reload()
    expected = written(root / "stats.jsonl")
    assert expected, f"{root}: stats.jsonl has no line"
    tags = accumulator.Tags()["scalars"]
    assert set(tags) == set(expected), (root, sorted(tags), sorted(expected))
    for tag, scalars in expected.items():
        events = accumulator.Scalars(tag)
        steps = [event.step for event in events]
        lacking = sorted({step for step, _ in scalars} - set(steps))
        assert not lacking, f"{root}: TensorBoard lacks {tag} at {lacking}"
        assert steps == [step for step, _ in scalars], (root, tag, steps)
        for event, (step, value) in zip(events, scalars):
            assert abs(event.value - value) <= 1e-6 * max(1, abs(value)), (root, tag, step, event.value, value)
    scalars = sum(map(len, expected.values()))
    print(f"{root}: {scalars} scalars of {len(expected)} tags in {count} records of {len(files)} event files read by TensorBoard {version.VERSION}")


if __name__ == "__main__":
    main()
