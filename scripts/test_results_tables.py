#!/usr/bin/env python3
"""What scripts/results_tables.py promises, shown on made-up data, on the pages and on runs of the program.

Usage: python3 scripts/test_results_tables.py
"""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts/results_tables.py"
RUNS = ROOT / "golden/compat/runs-2"
BLOCK = "<!-- table: t -->\n<!-- end -->\n"
TYPED = {"from": "transcribed", "why": "made up"}


def result(**other):
    """A result.json as the program writes it, but for what is said."""
    dice = {"metric": "dice", "value": 0.5, "interval": [0.4, 0.6], "of": "per_volume/mean", "real_count": 4}
    subject = {"dataset": "acdc", "gan": "wgan-gp", "trained_on": "synthetic"}
    says = {"format": 2, "stage": "segment", "subject": subject, "outcome": {"kind": "finished"}, "inputs": []}
    scores = [{**dice, "protocol": "U-Net, seed 1; mean"}]
    made = {"command": "vesalius segment --out runs/a", "settings": {"seed": 1, "steps": 5}}
    return {**says, "scores": scores, **made, **other}


def one(*cells, **table):
    """Tables of a data file: one, of one column."""
    return {"t": {"columns": [{"heading": "c", "cells": cells}], **table}}


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.docs, self.runs = self.folder / "docs", self.folder / "runs"
        (self.docs / "results/data").mkdir(parents=True)
        (self.docs / "results.md").write_text("# Results\n")

    def script(self, *arguments):
        """Exit code, and what it said."""
        done = subprocess.run([sys.executable, SCRIPT, "--docs", self.docs, *arguments], capture_output=True, text=True)
        self.assertNotIn("Traceback", done.stderr)
        return done.returncode, done.stdout + done.stderr

    def data(self, name="some", source=TYPED, **file):
        (self.docs / f"results/data/{name}.json").write_text(json.dumps({"source": source, **file}))

    def page(self, text, name="page"):
        (self.docs / f"results/{name}.md").write_text(text)

    def blocks(self, *names):
        self.page("# Page\n\n" + "\n".join(f"<!-- {name} -->\n<!-- end -->\n" for name in names))

    def rows(self, name="page"):
        lines = (self.docs / f"results/{name}.md").read_text().splitlines()
        return [line for line in lines if line.startswith("|")][2:]

    def cells(self, records, *templates, **table):
        """Cells of the one column of a table of these records."""
        self.data(records=records, tables=one(*templates, **table))
        self.blocks("table: t")
        code, said = self.script()
        self.assertEqual(code, 0, said)
        return [row.split("|")[2].strip() for row in self.rows()]

    def run_folder(self, name, **other):
        (self.runs / name).mkdir(parents=True)
        (self.runs / name / "result.json").write_text(json.dumps(result(**other)))

    def collected(self, name="new"):
        code, said = self.script("--collect", self.runs, "--out", self.docs / f"results/data/{name}.json")
        self.assertEqual(code, 0, said)
        return json.loads((self.docs / f"results/data/{name}.json").read_text())


class Pages(Folder):
    def test_what_is_filled_passes_the_check_and_filling_again_changes_nothing(self):
        self.cells([{"label": "a", "value": 1.25}], "{value:.1f}")
        before = (self.docs / "results/page.md").read_text()
        self.assertEqual(self.script("--check"), (0, ""))
        self.assertEqual(self.script(), (0, ""))
        self.assertEqual((self.docs / "results/page.md").read_text(), before)

    def test_a_number_that_was_changed_on_a_page_is_named_with_page_and_table(self):
        shutil.rmtree(self.docs)
        shutil.copytree(
            ROOT / "docs/results", self.docs / "results", ignore=shutil.ignore_patterns("*.png", "*.svg", "*.jpg")
        )
        shutil.copy(ROOT / "docs/results.md", self.docs)
        self.assertEqual(self.script("--check"), (0, ""))
        for page, number, table in [
            ("results/acdc-gpu.md", "| 0.84 (3)", "acdc-gpu"),
            ("results/acdc-cpu.md", "| 1.55 |", "acdc-cpu-trainings"),
            ("results.md", "Dice 0.708", "experiments"),
            ("results/known-truth.md", "| 15 of 16", "known-truth"),
        ]:
            path = self.docs / page
            text = path.read_text()
            self.assertEqual(text.count(number), 1, number)
            path.write_text(text.replace(number, number.replace(number[-2] if number[-2].isdigit() else "1", "7")))
            code, said = self.script("--check")
            self.assertEqual((code, said.count("\n")), (1, 1), said)
            self.assertIn(f"{page}: table {table} differs", said)
            path.write_text(text)

    def test_a_number_that_was_changed_in_the_data_is_named_where_it_stands(self):
        self.cells([{"label": "a", "value": 1}], "{value}")
        self.data(records=[{"label": "a", "value": 2}], tables=one("{value}"))
        code, said = self.script("--check")
        self.assertEqual(code, 1)
        self.assertIn("page.md: table t differs from its data", said)
        self.assertEqual(self.rows(), ["| a | 1 |"])

    def test_tables_that_cannot_be_right_are_refused_in_one_line(self):
        good = {"records": [{"label": "a", "value": 1}], "tables": one("{value}")}
        noted = [{"label": "a", "value": 1, "protocol": "how"}]
        for file, page, expected in [
            (good, "<!-- table: t -->\n", "no `<!-- end -->`"),
            (good, "<!-- table: t -->\n<!-- table: t -->\n<!-- end -->\n", "no `<!-- end -->`"),
            (good, "<!-- table: other -->\n<!-- end -->\n", "table other is in no data file"),
            (good, "no table\n", "table t of some.json stands on no page"),
            (good, BLOCK + "\n| a |\n|---|\n| 1 |\n", "stands in no block"),
            (good, BLOCK + "\na | b\n--- | ---:\n1 | 2\n", "stands in no block"),
            ({**good, "source": {}}, "", "expected \"from\""),
            ({**good, "source": {"from": "runs"}}, "", "expected \"from\""),
            ({**good, "records": [{"label": "a"}]}, BLOCK, "fits none of"),
            ({**good, "records": good["records"] + [{"label": "a", "value": 2}]}, BLOCK, "table t, a, c: records 1, 2"),
            ({"tables": one("{value} {note}"), "records": noted}, BLOCK, "notes t of some.json stands on no page"),
            ({**good, "tables": one("{t|b|c}")}, BLOCK, "t reads its own cells"),
            ({**good, "tables": one("{value:.3q}")}, BLOCK, "page.md: table t: its data do not fit"),
            ({**good, "tables": {"t": {"columns": [{"cells": []}]}}}, BLOCK, "page.md: table t: its data do not fit"),
            ({**good, "tables": {"t": 3}}, BLOCK, "page.md: table t: its data do not fit"),
            ({**good, "records": 3}, BLOCK, "some.json: not of the form of a data file"),
        ]:
            with self.subTest(expected=expected):
                self.data(**file)
                self.page(page)
                for arguments in [], ["--check"]:
                    code, said = self.script(*arguments)
                    self.assertEqual((code, said.count("\n")), (1, 1), said)
                    self.assertIn(expected, said)
        (self.docs / "results/data/some.json").write_text("{")
        self.assertRegex(self.script("--check")[1], r"^error: .*some.json: cannot be read as JSON")

    def test_a_table_inside_of_a_listing_is_no_table(self):
        self.page("```\n| a |\n|---|\n```\n")
        self.assertEqual(self.script("--check"), (0, ""))


class Cells(Folder):
    def test_numbers_are_written_as_the_pages_write_them(self):
        for record, template, expected in [
            ({"value": -0.0424}, "{value:.3f}", "−0.042"),
            ({"value": 0.8361}, "{value:.2f}", "0.84"),
            ({"value": [3.74, None, 1.305]}, "{value:.1f}", "3.7, –, 1.3"),
            ({"found": 114, "of": 200}, "{found/of:.0f %} ({found} of {of})", "57 % (114 of 200)"),
            ({"value": 0.048}, "{value:.2g %}", "4.8 %"),
            ({"interval": [1, 2.5], "value": 2}, "{value} [{low:.1f}, {high:.1f}]", "2 [1.0, 2.5]"),
            ({"value": 5000}, "{value:,}", "5,000"),
            ({"value": "wgan-gp, 2e-4"}, "{value}", "wgan-gp, 2e-4"),
        ]:
            self.assertEqual(self.cells([{"label": "a", **record}], template), [expected])

    def test_the_first_template_counts_whose_fields_are_there_and_what_was_not_measured_is_a_dash(self):
        records = [{"label": "a", "value": 1, "of": 2}, {"label": "b", "value": 3}]
        cells = self.cells(records, "{value} of {of}", "{value}", rows=["b", "a", "c"])
        self.assertEqual(cells, ["3", "1 of 2", "–"])

    def test_training_sets_are_called_as_in_the_paper(self):
        records = [{"trained_on": on, "gan": "WGAN", "value": 1} for on in ("synthetic", "real_and_synthetic")]
        self.cells(
            [{"trained_on": "real", "value": 1}, {"trained_on": "real_augmented", "value": 1}, *records], "{value}"
        )
        self.assertEqual(
            [row.split(" | ")[0] for row in self.rows()],
            ["| Original", "| Original + classical augmentation", "| WGAN", "| Original + WGAN"],
        )

    def test_runs_that_differ_in_their_seed_are_averaged_and_the_note_says_so(self):
        records = [
            {"label": "a", "value": value, "seed": seed, "protocol": f"U-Net, seed {seed}; mean"}
            for seed, value in ((1, 0.5), (2, 0.7))
        ]
        columns = [
            {"heading": "c", "cells": ["{value:.2f} ({runs} runs {least} to {greatest}) {note}", "{value} {note}"]}
        ]
        self.data(records=records, tables={"t": {"columns": columns}})
        self.blocks("table: t", "notes: t")
        self.assertEqual(self.script()[0], 0)
        self.assertEqual(self.rows(), ["| a | 0.60 (2 runs 0.5 to 0.7) (1) |"])
        self.assertIn("\n1. 2 runs (seeds 1, 2): U-Net; mean\n", (self.docs / "results/page.md").read_text())

    def test_rows_override_columns_differences_are_computed_and_the_greatest_is_bold(self):
        records = [
            {"gan": gan, "on": on, "value": value}
            for gan, on, value in (("A", 1, 0.5), ("A", 2, 0.25), ("B", 1, 0.75), ("B", 2, 1))
        ]
        columns = [
            {"heading": "one", "where": {"on": 1}, "cells": ["{value:.2f}"], "bold": True},
            {"heading": "two", "where": {"on": 2}, "cells": ["{value:.2f}"]},
            {"heading": "change", "minus": ["two", "one"], "cells": ["{value:.2f}"]},
        ]
        rows = [
            "A",
            {"shown": "*b*", "key": "B", "in": {"two": {"cells": ["[{value}](x.md)"]}}},
            {"shown": "none", "empty": ""},
        ]
        self.data(records=records, tables={"t": {"by": "gan", "rows": rows, "columns": columns}})
        self.blocks("table: t")
        self.assertEqual(self.script()[0], 0)
        self.assertEqual(
            self.rows(), ["| A | 0.50 | 0.25 | −0.25 |", "| *b* | **0.75** | [1](x.md) | 0.25 |", "| none | | | |"]
        )

    def test_several_keys_of_one_row_have_to_agree(self):
        records = [{"label": "a", "value": 1}, {"label": "b", "value": 1}]
        rows = [{"shown": "a, b", "key": ["a", "b"]}]
        self.assertEqual(self.cells(records, "{value} each", rows=rows), ["1 each"])
        records[1]["value"] = 2
        self.data(records=records, tables=one("{value}", rows=rows))
        self.assertRegex(self.script("--check")[1], "expected the same of all of")

    def test_numbers_are_read_out_of_csv_files_and_of_other_tables(self):
        (self.docs / "results/s.csv").write_text(
            "dataset,gan,kid.unet,kid.unet_low,kid.unet_high,psnr\nacdc,WGAN,0.126,0.1,0.2,\n"
        )
        (self.docs / "results/w.csv").write_text('setting,share\n"a, b",0.144\n')
        columns = [
            {
                "heading": "KID",
                "data": "s.csv",
                "where": {"metric": "kid.unet"},
                "cells": ["{value:.2f} [{low}, {high}]"],
            },
            {"heading": "PSNR", "data": "s.csv", "where": {"metric": "psnr"}, "cells": ["{value}"]},
        ]
        wide = [{"heading": "share", "data": "w.csv", "cells": ["{share:.2f}"]}]
        said = [{"heading": "says", "cells": ["{says}"]}]
        self.data(
            records=[{"label": "page", "says": "a KID of {t|WGAN|KID}, a share of {w|a, b|share:.1f}"}],
            tables={
                "t": {"rows": ["WGAN"], "columns": columns},
                "w": {"by": "setting", "rows": ["a, b"], "columns": wide},
                "s": {"rows": ["page"], "columns": said},
            },
        )
        self.blocks("table: s", "table: t", "table: w")
        self.assertEqual(self.script()[0], 0)
        lines = [line for line in (self.docs / "results/page.md").read_text().splitlines() if line.startswith("|")]
        self.assertEqual(
            lines[2::3],
            ["| page | a KID of 0.13, a share of 0.1 |", "| WGAN | 0.13 [0.1, 0.2] | – |", "| a, b | 0.14 |"],
        )


class Collecting(Folder):
    def test_runs_of_the_program_become_a_table_without_typing(self):
        for folder, expected in [
            (
                "seeds",
                [
                    "| Original | 0.073 (2 runs 0.031 to 0.115) (1)",
                    "| LSGAN (lsgan-a) | 0.106 [0.106, 0.106] (2) | 12.581 (3)",
                    "| Original + WGAN-GP | 0.116",
                ],
            ),
            (
                "masks",
                [
                    "| Original | 0.096",
                    "| SPADE, masks of LSGAN | 0.075",
                    "| SPADE, warped masks | 0.073",
                    "| Original + SPADE | 0.103",
                ],
            ),
        ]:
            self.runs = RUNS / folder
            self.collected()
            self.blocks("table: new", "notes: new")
            code, said = self.script()
            self.assertEqual(code, 0, said)
            for row in expected:
                self.assertTrue(any(found.startswith(row) for found in self.rows()), (row, self.rows()))
            self.assertEqual(self.script("--check"), (0, ""))
            (self.docs / "results/data/new.json").unlink()

    def test_every_value_is_the_run_s_own_with_its_protocol_and_the_command_stands_there(self):
        self.runs = RUNS
        file = self.collected()
        expected = 0
        for path in RUNS.rglob("result.json"):
            found = json.loads(path.read_text())
            self.assertTrue(set(found["command"].splitlines()) <= set(file["source"]["commands"]))
            own = [record for record in file["records"] if record["run"] == path.parent.relative_to(RUNS).as_posix()]
            scores = [score for score in found["scores"] if not score.get("of", "").startswith(("patient/", "reader/"))]
            self.assertEqual(
                [(r["metric"], r["value"], r.get("interval")) for r in own],
                [(s["metric"], s["value"], s.get("interval")) for s in scores],
            )
            for record, score in zip(own, scores):
                self.assertTrue(file["protocols"][record["protocol"]].startswith(score["protocol"]))
            expected += len(scores)
        self.assertEqual(len(file["records"]), expected)

    def test_patients_are_not_named_attempts_not_counted_and_a_run_that_diverged_is_told(self):
        patient = {"metric": "dice", "value": 0.1, "of": "patient/p7", "protocol": "p"}
        self.run_folder("a", scores=[*result()["scores"], patient])
        self.run_folder("a/attempts/1")
        self.run_folder(
            "b",
            stage="train",
            scores=[],
            subject={"dataset": "acdc", "gan": "lsgan"},
            outcome={"kind": "diverged", "reason": "loss is NaN"},
        )
        self.assertNotIn("p7", json.dumps(self.collected()))
        self.blocks("table: new", "notes: new")
        self.assertEqual(self.script()[0], 0)
        self.assertEqual(
            self.rows(), ["| WGAN-GP | 0.500 [0.400, 0.600] (1) | – |", "| LSGAN | – | diverged: loss is NaN |"]
        )

    def test_each_dataset_has_its_table_and_each_judge_its_column(self):
        def distance(dataset, judge):
            score = {"metric": "frechet_distance", "value": 2.0, "extractor": judge, "protocol": judge}
            return {"stage": "distance", "scores": [score], "subject": {"dataset": dataset, "gan": "wgan"}}

        for at, (dataset, judge) in enumerate([("acdc", "unet@1"), ("acdc", "unet@2"), ("idrid", "unet@1")]):
            self.run_folder(str(at), **distance(dataset, judge))
        headings = {
            name: [column["heading"] for column in table["columns"]]
            for name, table in self.collected()["tables"].items()
        }
        self.assertEqual(
            headings,
            {
                "new-acdc": ["Fréchet distance (unet@1)", "Fréchet distance (unet@2)"],
                "new-idrid": ["Fréchet distance (unet)"],
            },
        )

    def test_renewing_keeps_the_tables_and_what_was_typed_is_never_written_over(self):
        self.run_folder("a")
        file = self.collected()
        file["tables"]["new"]["heading"] = "mine"
        (self.docs / "results/data/new.json").write_text(json.dumps(file))
        self.run_folder("b", subject={"dataset": "acdc", "trained_on": "real"})
        renewed = self.collected()
        self.assertEqual((renewed["tables"], len(renewed["records"])), (file["tables"], 2))
        self.data("typed", records=[], tables={})
        code, said = self.script("--collect", self.runs, "--out", self.docs / "results/data/typed.json")
        self.assertEqual(code, 1)
        self.assertIn("was not collected from runs", said)

    def test_folders_and_files_that_hold_no_results_are_refused_in_one_line(self):
        out = self.docs / "results/data/new.json"
        for name, text, expected in [
            ("none", None, "no result.json below it"),
            ("cut", "{", "cannot be read as JSON"),
            ("list", "[]", "not a result of a run"),
            ("other", '{"scores": 3}', "not a result of a run"),
            ("latin", "\udcff", "cannot be read as JSON"),
        ]:
            runs = self.folder / name
            (runs / "run").mkdir(parents=True)
            if text is not None:
                (runs / "run/result.json").write_text(text, errors="surrogateescape")
            code, said = self.script("--collect", runs, "--out", out)
            self.assertEqual((code, said.count("\n")), (1, 1), said)
            self.assertIn(expected, said)
            self.assertFalse(out.exists())
        for arguments in (
            ["--collect", self.folder],
            ["--out", out],
            ["--collect", self.folder, "--out", out, "--check"],
        ):
            self.assertEqual(self.script(*arguments)[0], 2)


if __name__ == "__main__":
    unittest.main()
