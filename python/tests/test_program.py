"""Commands, their errors, and their results as rows."""

import json
import signal
from pathlib import Path

import pytest

import vesalius
from vesalius.program import arguments

TINY = {
    "networks.generator.filters": 4,
    "networks.discriminator.filters": 4,
    "training.batch": 8,
    "training.distance_every_kimg": 0,
    "augment.diff_augment": ["color"],
}


def test_arguments_are_the_programs() -> None:
    line = arguments(
        "study run", ("a.toml",), {"jobs": 2, "set": {"a.b": [1], "c": True}, "train": ["x", "y"], "warp": True, "as_": "png",
                                   "no": False, "none": None, "test_patients": "p1"}
    )
    assert line == [
        "study", "run", "a.toml", "--jobs", "2", "--set", "a.b=[1]", "--set", "c=true", "--train", "x", "--train", "y",
        "--warp", "--as", "png", "--test-patients", "p1",
    ]


def test_errors_are_the_programs_line(work: Path, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(vesalius.VesaliusError) as caught:
        vesalius.run("inspect", work / "nowhere")
    assert str(caught.value).startswith(f"{work}/nowhere/manifest.json: cannot be read")
    assert "\n" not in str(caught.value)
    assert "cannot be read" in capfd.readouterr().err, "what it says is seen, too"
    with pytest.raises(vesalius.VesaliusError, match="nothing"):
        vesalius.run("train", work / "pack", preset="nothing", kimg=1, out=work / "no", quiet=True)


def test_results_are_rows_with_their_protocol(work: Path, tmp_path: Path) -> None:
    small = {"preset": "small", "filters": 2, "depth": 2, "steps": 2, "threads": 1, "quiet": True}
    vesalius.run("segment", train=work / "pack", test=work / "pack", seed=7, out=tmp_path / "runs/unet", **small)
    vesalius.run("train", work / "pack", preset="dcgan", kimg=0.02, out=tmp_path / "runs/gan", set=TINY, threads=1, quiet=True)
    rows = vesalius.results(tmp_path)
    dice = [row for row in rows if row["metric"] == "dice" and row["of"] == "per_volume/mean"]
    assert len(dice) == 1
    row = dice[0]
    written = json.loads((tmp_path / "runs/unet/result.json").read_text())
    mean = next(score for score in written["scores"] if score["of"] == "per_volume/mean" and score["metric"] == "dice")
    assert row["value"] == mean["value"] and [row["low"], row["high"]] == mean["interval"]
    assert row["protocol"] == mean["protocol"] and row["trained_on"] == "real" and row["seed"] == 7
    patients = [row for row in rows if str(row["of"]).startswith("patient/") and row["metric"] == "dice"]
    assert len(patients) == len(vesalius.Pack(work / "pack").patients("test"))
    gan = [row for row in rows if row["stage"] == "train"]
    assert gan[0]["gan"] == "dcgan" and gan[0]["outcome"] == "finished" and gan[0]["metric"] is None
    columns = {tuple(row) for row in rows}
    assert len(columns) == 1, "every row has the same columns"

    with pytest.raises(vesalius.VesaliusError, match="no result.json there or below"):
        vesalius.results(work / "pack")
    text = (tmp_path / "runs/unet/result.json").read_text()
    (tmp_path / "runs/unet/result.json").write_text(text.replace("0.", "0.9", 1))
    with pytest.raises(vesalius.VesaliusError, match="changed since it was written"):
        vesalius.results(tmp_path)


def test_what_is_interrupted_goes_on(work: Path, tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 8.0)
    try:
        with pytest.raises(vesalius.Interrupted, match="goes on"):
            vesalius.run("train", work / "pack", preset="dcgan", kimg=500, out=tmp_path / "gan", set=TINY, threads=1, quiet=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    kept = sorted((tmp_path / "gan/checkpoints").iterdir())
    assert kept and not (tmp_path / "gan/result.json").exists()
    reached = float(kept[-1].name.removeprefix("kimg_"))
    finished = vesalius.run("train", work / "pack", out=tmp_path / "gan", resume=True, kimg=reached, threads=1, quiet=True)
    assert not finished.diverged and (tmp_path / "gan/result.json").exists()
