"""Results of runs as rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Union

from vesalius import _format
from vesalius.errors import VesaliusError

# As deep as `vesalius report` looks.
_DEPTH = 4


def results(*paths: Union[str, "os.PathLike[str]"]) -> list[dict[str, Any]]:
    """Every score of every finished run at or below some folders, one row each.

    A row has ``run`` (the folder), ``stage``, ``dataset``, ``gan`` (as its table row is called), ``trained_on`` (of a
    segmenter), ``seed``, ``outcome`` (``finished`` or ``diverged``), ``metric``, ``of`` (which part: a patient, a class),
    ``value``, ``low`` and ``high`` (95 % interval), ``extractor``, ``dialect``, ``real_count``, ``synthetic_count`` and
    ``protocol``: what the number means. What does not apply is ``None``. A run without scores, as one that diverged, has
    one row without a metric. ``pandas.DataFrame(rows)`` takes them.

    Raises :class:`VesaliusError` where there is no run, or one is not as it was written.
    """
    rows: list[dict[str, Any]] = []
    for folder in (Path(path) for path in paths):
        if not folder.is_dir():
            raise VesaliusError(f"{folder}: no such folder, expected runs")
        for run in _runs(folder, _DEPTH):
            rows.extend(_rows(run))
    if not rows:
        named = ", ".join(str(path) for path in paths)
        raise VesaliusError(f"{named}: no result.json there or below, expected finished runs")
    return rows


def _runs(folder: Path, depth: int) -> list[Path]:
    if (folder / "result.json").exists():
        return [folder]
    if depth == 0:
        return []
    below = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    return [run for entry in below for run in _runs(entry, depth - 1)]


def _rows(run: Path) -> list[dict[str, Any]]:
    path = run / "result.json"
    result = _format.sealed_json(path, path.read_bytes())
    subject, settings = result.get("subject", {}), result.get("settings") or {}
    seed = settings.get("seed", settings.get("training", {}).get("seed") if isinstance(settings, dict) else None)
    whole = {
        "run": str(run),
        "stage": result["stage"],
        "dataset": subject.get("dataset"),
        "gan": subject.get("gan"),
        "trained_on": subject.get("trained_on"),
        "seed": seed,
        "outcome": result["outcome"]["kind"],
    }
    return [{**whole, **_score(score)} for score in result["scores"] or [{}]]


def _score(score: dict[str, Any]) -> dict[str, Any]:
    low, high = score.get("interval") or (None, None)
    names = ("metric", "of", "value", "extractor", "dialect", "real_count", "synthetic_count", "protocol")
    return {**{name: score.get(name) for name in names}, "low": low, "high": high}
