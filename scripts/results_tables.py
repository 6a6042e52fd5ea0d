#!/usr/bin/env python3
"""Fills the tables of docs/results.md and docs/results/*.md from docs/results/data/*.json. Standard library only.

  scripts/results_tables.py                              fills every `<!-- table: NAME -->` ... `<!-- end -->` of the
                                                         pages, and `<!-- notes: NAME -->` with the table's protocols
  scripts/results_tables.py --check                      changes nothing; exits 1 and names what differs
  scripts/results_tables.py --collect RUNS --out FILE    makes or renews a data file from a folder of finished runs

A data file:
  source     {"from": "runs" (with "commands") or "transcribed" (with "why"), ...}
  protocols  {key: sentence}, which records and columns name
  records    what was measured: fields such as gan, trained_on, metric, value, interval, seed, protocol
  tables     {NAME: {heading, by, rows, columns}}

A row is a value of the field `by` (label, unless said), or {"shown", "key"} (one key, or several that agree) with
anything of a column that is otherwise in this row; `in` says so of one column.
A column:
  heading    its name
  where      fields that a record must have; null: must not
  cells      templates as of Python's format; the cell is the first whose fields the record has. {a/b} divides, {a: %}
             is a percentage, {note} numbers the protocol, {TABLE|ROW|COLUMN} is the first number of another cell
  minus      instead of `where`: two headings, whose values are subtracted
  data       another data file, or a CSV beside the pages
  key        the row's key as a template: "{row}, plausible only"
  protocols  by key, * for the others, where records name none
  align      right, unless said; empty: –, unless said; bold: true for the greatest value
"""
import argparse
import re
import string
import sys
import textwrap
from pathlib import Path

sys.dont_write_bytecode = True
import results_collect  # noqa: E402
from results_collect import Wrong, complete, of_csv, read_json  # noqa: E402

BLOCK = re.compile(r"<!-- (table|notes): (\S+) -->\n(.*?)<!-- end -->\n", re.S)
# In these, repeated runs of one thing differ.
OF_A_RUN = ("value", "interval", "low", "high", "seed", "run", "protocol", "command")


class Cells(string.Formatter):
    """Templates of cells; a KeyError where the record lacks a field."""

    def __init__(self, results):
        self.results = results

    def get_field(self, name, args, kwargs):
        if "|" in name:
            return self.results.number(*name.split("|")), name
        if "/" in name:
            part, whole = (kwargs[field] for field in name.split("/"))
            return part / whole, name
        value = kwargs[name]
        return (self.vformat(value, (), kwargs) if isinstance(value, str) else value), name

    def format_field(self, value, spec):
        if isinstance(value, list):
            return ", ".join("–" if item is None else self.format_field(item, spec) for item in value)
        if spec.endswith(" %"):
            return self.format_field(value * 100, spec[:-2]) + " %"
        if spec and isinstance(value, str):
            value = float(value)
        text = format(value, spec)
        return text if isinstance(value, str) else text.replace("-", "−")


def has(record, fields):
    return all(record.get(name) == value for name, value in fields.items())


class Results:
    """All data files of a folder of documents, and the tables that they make."""

    def __init__(self, docs):
        self.docs, self.begun, self.made, self.formatter = docs, set(), {}, Cells(self)
        self.files = {path.stem: read_json(path) for path in sorted((docs / "results/data").glob("*.json"))}
        self.records, self.tables = {}, {}
        for stem, file in self.files.items():
            try:
                self.load(stem, file)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise Wrong(f"{stem}.json: not of the form of a data file: {error!r}") from None

    def load(self, stem, file):
        source = file.get("source", {})
        needed = {"runs": "commands", "transcribed": "why"}.get(source.get("from"))
        if not needed or not source.get(needed):
            raise Wrong(f'{stem}.json: source is {source}, expected "from": "runs" with "commands", or '
                        f'"transcribed" with "why"')
        self.records[stem] = [complete(record) for record in file.get("records", [])]
        for name, table in file.get("tables", {}).items():
            if name in self.tables:
                raise Wrong(f"{stem}.json: table {name} is in {self.tables[name][0]}.json already")
            self.tables[name] = (stem, table)

    def find(self, stem, where, by, key, what):
        """The one record, or repeated runs as one; none where nothing was measured."""
        if stem not in self.records:
            path = self.docs / "results" / stem
            if not (stem.endswith(".csv") and path.is_file()):
                raise Wrong(f"{what}: data {stem} is not there")
            self.records[stem] = [complete(record) for record in of_csv(path)]
        found = [record for record in self.records[stem] if has(record, {**where, by: key})]
        # Two commands may measure the same.
        if all("value" in record for record in found):
            measured = lambda record: str([record["value"], record.get("interval"), record.get("seed")])
            found = list({measured(record): record for record in found}.values())
        if len(found) < 2:
            return found[0] if found else None
        same = [{name: record[name] for name in record if name not in OF_A_RUN} for record in found]
        seeds = [record.get("seed") for record in found]
        if None in seeds or len(set(seeds)) < len(seeds) or any(other != same[0] for other in same):
            which = [str(record.get("run", record.get("value"))) for record in found]
            raise Wrong(f"{what}: records {', '.join(which)}, expected one, or runs that differ in their seed only")
        values = [record["value"] for record in found]
        sentence = self.protocol(stem, found[0].get("protocol")).replace(results_collect.INTERVAL, "")
        sentence = re.sub(r", seed \d+", "", sentence)
        return {**same[0], "value": sum(values) / len(values), "least": min(values), "greatest": max(values),
                "runs": len(found), "protocol": f"{len(found)} runs (seeds {', '.join(map(str, seeds))}): {sentence}"}

    def protocol(self, stem, key):
        return self.files.get(stem, {}).get("protocols", {}).get(key, key or "")

    def make(self, name):
        """Lines of a table, its cells by row and heading, and its notes."""
        if name in self.made:
            return self.made[name]
        if name not in self.tables:
            raise Wrong(f"table {name} is in no data file")
        if name in self.begun:
            raise Wrong(f"table {name} reads its own cells")
        self.begun.add(name)
        stem, table = self.tables[name]
        by, columns, notes, cells, values = table.get("by", "label"), table["columns"], [], {}, {}
        fits = lambda record: any(has(record, column.get("where", {})) for column in columns)
        keys = table.get("rows") or list(dict.fromkeys(record[by] for record in self.records[stem] if fits(record)))
        rows = [row if isinstance(row, dict) else {"shown": row} for row in keys]
        for row in rows:
            for plain in columns:
                heading = plain["heading"]
                column = {**plain, **{field: row[field] for field in row if field not in ("shown", "key", "in")},
                          **row.get("in", {}).get(heading, {})}
                what = f"table {name}, {row['shown']}, {heading}"
                data, same = column.get("data", stem), set()
                for key in row["key"] if isinstance(row.get("key"), list) else [row.get("key", row["shown"])]:
                    key = column.get("key", "{row}").format(row=key)
                    if "minus" in column:
                        ends = [values.get((row["shown"], other)) for other in column["minus"]]
                        record = None if None in ends else {"value": ends[0] - ends[1]}
                    else:
                        record = self.find(data, column.get("where", {}), column.get("by", by), key, what)
                    owner = stem if column.get("protocols") else data
                    same.add(self.cell(column, record, owner, key, notes, what))
                    values[row["shown"], heading] = record and record.get("value")
                if len(same) > 1:
                    raise Wrong(f"{what}: expected the same of all of {row['key']}, found {sorted(same)}")
                cells[row["shown"], heading] = same.pop()
        for heading in (column["heading"] for column in columns if column.get("bold")):
            best = max(rows, key=lambda row: values[row["shown"], heading] or 0)["shown"], heading
            cells[best] = re.sub(r"[\d.]+", r"**\g<0>**", cells[best], count=1)
        lines = [[table.get("heading", ""), *(column["heading"] for column in columns)],
                 ["---", *("---" if column.get("align") == "left" else "---:" for column in columns)],
                 *([row["shown"], *(cells[row["shown"], column["heading"]] for column in columns)] for row in rows)]
        spaced = lambda text: text if text.startswith("---") else f" {text} " if text else " "
        self.made[name] = [f"|{'|'.join(map(spaced, line))}|" for line in lines], cells, notes
        return self.made[name]

    def cell(self, column, record, stem, key, notes, what):
        if record is None:
            return column.get("empty", "–")
        protocols = column.get("protocols", {})
        chosen = self.protocol(stem, protocols.get(key, protocols.get("*", record.get("protocol"))))
        for template in column["cells"]:
            number = (notes.index(chosen) if chosen in notes else len(notes)) + 1
            try:
                text = self.formatter.vformat(template, (), {**record, **({"note": f"({number})"} if chosen else {})})
            except KeyError:
                continue
            if "{note}" in template and chosen not in notes:
                notes.append(chosen)
            return text
        raise Wrong(f"{what}: the record {record} fits none of {column['cells']}")

    def number(self, name, row, heading):
        found = re.search(r"−?\d[\d.]*", self.make(name)[1].get((row, heading), ""))
        if not found:
            raise Wrong(f"table {name} has no number in {row}, {heading}")
        return found[0]

    def block(self, kind, name):
        lines, _, notes = self.make(name)
        if kind == "notes":
            wrap = textwrap.TextWrapper(120, subsequent_indent="   ", break_on_hyphens=False, break_long_words=False)
            lines = [wrap.fill(f"{number}. {note}") for number, note in enumerate(notes, 1)]
        return "\n" + "\n".join(lines) + "\n\n"

    def pages(self):
        """Each page: path, what stands there, what should, names of the blocks that differ."""
        placed = set()
        for path in [self.docs / "results.md", *sorted((self.docs / "results").glob("*.md"))]:
            text, differ = path.read_text(encoding="utf-8"), []
            if len(BLOCK.findall(text)) != len(re.findall(r"<!-- (?:table|notes):", text)) or any(
                    "<!--" in body for _, _, body in BLOCK.findall(text)):
                raise Wrong(f"{path}: a block has no `<!-- end -->`")
            prose = re.sub(r"^```.*?^```", "", BLOCK.sub("", text), flags=re.S | re.M)
            by_hand = re.search(r"^ *\|?(?=[^\n]*\|) *:?-+:? *[-:| ]*$", prose, re.M)
            if by_hand:
                raise Wrong(f"{path}: a table stands in no block: {by_hand[0]}")

            def filled(match):
                kind, name, before = match.groups()
                placed.add((kind, name))
                try:
                    now = self.block(kind, name)
                except Wrong as error:
                    raise Wrong(f"{path}: {error}") from None
                except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
                    raise Wrong(f"{path}: {kind} {name}: its data do not fit: {error!r}") from None
                if now != before:
                    differ.append(f"{kind} {name}")
                return f"<!-- {kind}: {name} -->\n{now}<!-- end -->\n"

            yield path, text, BLOCK.sub(filled, text), differ
        for name, (stem, _) in self.tables.items():
            for kind in ["table", "notes"]:
                if (kind, name) not in placed and (kind == "table" or self.make(name)[2]):
                    raise Wrong(f"{kind} {name} of {stem}.json stands on no page")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 where a page differs")
    parser.add_argument("--collect", type=Path, metavar="RUNS", help="folder of finished runs")
    parser.add_argument("--out", type=Path, metavar="FILE", help="data file that --collect makes or renews")
    parser.add_argument("--docs", type=Path, default=Path(__file__).resolve().parent.parent / "docs",
                        help="folder with results.md and results/ (default: the repository's)")
    given = parser.parse_args()
    if (given.collect is None) != (given.out is None) or (given.collect and given.check):
        parser.error("expected --collect RUNS --out FILE, --check, or neither")
    try:
        if given.collect:
            results_collect.write(given.collect, given.out)
            return 0
        wrong = 0
        for path, before, after, differ in list(Results(given.docs).pages()):
            for block in differ:
                print(f"{path}: {block} {'differs from its data' if given.check else 'filled'}")
            wrong += len(differ)
            if before != after and not given.check:
                path.write_text(after, encoding="utf-8")
    except Wrong as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 1 if given.check and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
