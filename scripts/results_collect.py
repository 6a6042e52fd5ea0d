"""Records for scripts/results_tables.py: of data files, of a report's CSV and, for --collect, of a folder of runs.

Of runs, a record for each score but those of single patients and readers, which are nobody's business in a public
table, and one for each run that diverged. Standard library only.
"""
import csv
import json
import os
import re
from pathlib import Path

# Presets, as their papers write them.
NAMES = {"dcgan": "DCGAN", "lsgan": "LSGAN", "wgan": "WGAN", "wgan-gp": "WGAN-GP", "hinge": "HingeGAN",
         "spade": "SPADE", "stylegan": "StyleGAN", "stylegan2": "StyleGAN2"}
PRESET = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(NAMES, key=len, reverse=True))})(?![\w-])")
ACRONYM = re.compile(r"\b(?:auc|fd|kid|lpips|psnr|ssim)\b")
# What the U-Net was trained on, as rows are called.
LABELS = {"real": "Original", "real_augmented": "Original + classical augmentation", "synthetic": "{}",
          "real_and_synthetic": "Original + {}", None: "{}"}
# Rows of training sets, as the paper's Table 2 has them.
ORDER = {"real": 0, "real_augmented": 1, "synthetic": 2, "real_and_synthetic": 3}
# Of a whole set, or of a U-Net what its training set is worth: columns of the first table.
WHOLE = ("", "per_volume/mean")
CELLS = ["{value:.3f} [{low:.3f}, {high:.3f}] {note}", "{value:.3f} ({runs} runs {least:.3f} to {greatest:.3f}) {note}",
         "{value:.3f} {note}"]
INTERVAL = "; in brackets: 95 % interval"


class Wrong(Exception):
    """What is wrong, in one line."""


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Wrong(f"{path}: cannot be read as JSON: {error}") from None


def complete(record):
    """A record with its label and the ends of its interval."""
    low_high = dict(zip(("low", "high"), record.get("interval") or ()))
    label = LABELS.get(record.get("trained_on"), "{}").format(record.get("gan", ""))
    return {"label": label, **low_high, **record}


def of_csv(path):
    """Records of a table that `vesalius report` wrote: of scores one for each number, else one for each line."""
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        if "gan" not in row:
            yield {name: number(text) for name, text in row.items()}
            continue
        for name, text in row.items():
            if text and name not in ("dataset", "gan") and not name.endswith(("_low", "_high")):
                ends = [row.get(name + end) for end in ("_low", "_high")]
                record = {"dataset": row["dataset"], "gan": row["gan"], "metric": name, "value": float(text)}
                yield {**record, **({"interval": [float(end) for end in ends]} if all(ends) else {})}


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def find(runs):
    """Folders below `runs` with a result, in order. Of a study's task the result counts, not those of its attempts."""
    for folder, below, files in os.walk(runs):
        below.sort()
        if "result.json" in files:
            below.clear()
            yield Path(folder)


def made(result):
    """Synthetic packs that were read: name of the folder by digest."""
    real = {source["sha256"] for source in result["inputs"] if source["role"] in ("real", "test")}
    read = [source for source in result["inputs"] if source["role"] in ("synthetic", "train")]
    return {source["sha256"]: Path(source["path"]).name for source in read if source["sha256"] not in real}


def sentence(score):
    """The protocol, and how much was measured."""
    counts = [f"{score[f'{side}_count']} {side}" for side in ("real", "synthetic") if score.get(f"{side}_count")]
    interval = INTERVAL if score.get("interval") else ""
    return score["protocol"] + (f" ({', '.join(counts)})" if counts else "") + interval


def column_of(score, dataset):
    """Of the first table; both a name and a longer one, for where two judges have the same."""
    name = ACRONYM.sub(lambda found: found[0].upper(), score["metric"].replace("_", " ").replace("frechet", "fréchet"))
    name = name[:1].upper() + name[1:]
    names = [name, name]
    if score.get("extractor"):
        of = [word + (f", {score['dialect']}" if score.get("dialect") else "")
              for word in (score["extractor"].split("@")[0], score["extractor"])]
        names = [f"{name} ({word})" for word in of]
    where = {"dataset": dataset, **{field: score.get(field) for field in ("metric", "of", "extractor", "dialect")}}
    return names, {"where": where, "cells": CELLS}


class Collected:
    """What stands in the results of a folder of runs."""

    def __init__(self, runs):
        self.commands, self.records, self.protocols, self.columns, self.packs = [], [], {}, {}, {}
        results = [(folder, read_json(folder / "result.json")) for folder in find(runs)]
        if not results:
            raise Wrong(f"{runs}: no result.json below it, expected a folder of finished runs")
        for step in (self.see_packs, self.read):
            for folder, result in results:
                try:
                    step(folder.relative_to(runs).as_posix(), result)
                except (KeyError, TypeError, AttributeError) as error:
                    raise Wrong(f"{folder / 'result.json'}: not a result of a run: {error!r}") from None
        self.records.sort(key=lambda record: ORDER.get(record.get("trained_on"), 2))

    def see_packs(self, _, result):
        self.packs.setdefault(result["subject"].get("gan"), set()).add(frozenset(made(result)))

    def shared(self, run, result):
        """What all records of a run say. Of several packs of one generator each has a row, called by its folder too."""
        subject, own = result["subject"], made(result)
        gan = PRESET.sub(lambda found: NAMES[found[0]], subject.get("gan") or "")
        if own and len(self.packs[subject.get("gan")] - {frozenset()}) > 1:
            gan += f" ({', '.join(own.values())})"
        settings = dict(result.get("settings") or {}) if result["stage"] != "train" else {}
        fields = {"run": run, "stage": result["stage"], "dataset": subject["dataset"],
                  "trained_on": subject.get("trained_on"), "gan": gan, "seed": settings.pop("seed", None),
                  "settings": settings}
        return {name: value for name, value in fields.items() if value not in (None, "", {})}

    def read(self, run, result):
        fields = self.shared(run, result)
        dataset, outcome = fields["dataset"], result["outcome"]
        columns = self.columns.setdefault(dataset, [])
        self.commands += result["command"].splitlines()
        if outcome["kind"] != "finished":
            self.records.append({**fields, "outcome": outcome["kind"], "reason": outcome["reason"]})
            where = {"dataset": dataset, "outcome": outcome["kind"]}
            columns.append((["Outcome"] * 2, {"where": where, "cells": ["{outcome}: {reason}"], "align": "left"}))
        for score in result["scores"]:
            part = score.get("of") or ""
            if part.startswith(("patient/", "reader/")):
                continue
            key = self.protocols.setdefault(sentence(score), f"p{len(self.protocols) + 1}")
            self.records.append({**fields, **score, "protocol": key})
            if result["stage"] != "train" and part in WHOLE:
                columns.append(column_of(score, dataset))

    def tables(self, stem):
        """A first table for each dataset."""
        tables = {}
        for dataset, columns in self.columns.items():
            columns = [column for at, column in enumerate(columns) if column not in columns[:at]]
            short = [names[0] for names, _ in columns]
            columns = [{"heading": names[short.count(names[0]) > 1], **column} for names, column in columns]
            name = stem if len(self.columns) == 1 else f"{stem}-{dataset}"
            if columns:
                tables[name] = {"heading": "Training set", "columns": columns}
        return tables


def text_of(file):
    """JSON with one record, row or column on a line, so that a diff shows which changed."""
    def lines(value, depth):
        inside = "  " * (depth + 1)
        if isinstance(value, dict) and value and depth < 3:
            name_of = lambda name: inside + json.dumps(name, ensure_ascii=False)
            items = [f"{name_of(name)}: {lines(item, depth + 1)}" for name, item in value.items()]
            return "{\n" + ",\n".join(items) + "\n" + "  " * depth + "}"
        if isinstance(value, list) and any(isinstance(item, (dict, str)) for item in value) and depth < 4:
            items = [inside + json.dumps(item, ensure_ascii=False) for item in value]
            return "[\n" + ",\n".join(items) + "\n" + "  " * depth + "]"
        return json.dumps(value, ensure_ascii=False)
    return lines(file, 0) + "\n"


def write(runs, out):
    """Makes a data file, or renews one: tables that stand there already are kept."""
    found = Collected(runs)
    before = read_json(out) if out.exists() else {}
    if before.get("source", {"from": "runs"}).get("from") != "runs":
        raise Wrong(f"{out}: holds what was not collected from runs, expected another file")
    file = {"source": {"from": "runs", "commands": list(dict.fromkeys(found.commands))},
            "protocols": {key: text for text, key in found.protocols.items()},
            "records": found.records, "tables": before.get("tables") or found.tables(out.stem)}
    out.write_text(text_of(file), encoding="utf-8")
