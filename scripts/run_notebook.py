#!/usr/bin/env python3
"""Runs the code cells of a notebook one after the other in an empty folder, without Jupyter: docs show what works.

run_notebook.py NOTEBOOK

The last expression of a cell is printed, as a notebook shows it. VESALIUS_PROGRAM says which program `vesalius.run` takes.
"""
import ast
import json
import os
import sys
import tempfile


def main():
    if len(sys.argv) != 2:
        sys.exit("error: run_notebook.py: expected NOTEBOOK")
    with open(sys.argv[1], encoding="utf-8") as file:
        cells = [cell for cell in json.load(file)["cells"] if cell["cell_type"] == "code"]
    if not cells:
        sys.exit(f"error: {sys.argv[1]}: no code cells")
    names = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for number, cell in enumerate(cells, 1):
            tree = ast.parse("".join(cell["source"]), f"cell {number}")
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, f"cell {number}", "exec"), names)
            if last is not None:
                shown = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
                if shown is not None:
                    print(f"[{number}]: {shown}")
        os.chdir("/")
    print(f"{sys.argv[1]}: {len(cells)} cells ran")


if __name__ == "__main__":
    main()
