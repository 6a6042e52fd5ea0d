#!/usr/bin/env python3
"""Write the licences of all crates that the program links into one file.

licences.py TARGET

Reads `cargo metadata`: every crate that the program depends on at run time, with the licence files that it came with. A crate without
such a file is named with its licence expression, and one without either is an error.
"""
import json
import os
import subprocess
import sys

TRIPLE = "x86_64-unknown-linux-gnu"
NAMES = ("license", "licence", "copying", "notice", "unlicense", "copyright")


def linked(metadata):
    """Packages behind the program, itself not among them: normal dependencies, and theirs."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    (root,) = (identity for identity, package in packages.items() if package["name"] == "vesalius")
    seen, todo = set(), [root]
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                todo.append(dependency["pkg"])
    # Ours have the project's licence.
    return sorted((packages[identity] for identity in seen if packages[identity]["source"]), key=lambda p: (p["name"], p["version"]))


def texts(package):
    """Licence files of a package: name and text."""
    folder = os.path.dirname(package["manifest_path"])
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.lower().startswith(NAMES) and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                yield name, file.read().strip()


def main():
    if len(sys.argv) != 2:
        sys.exit("error: licences.py: expected TARGET")
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TRIPLE]
    metadata = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    # Many crates have the same text: it stands there once.
    names, having = [], {}
    for package in linked(metadata):
        title = f"{package['name']} {package['version']}"
        found = list(texts(package))
        if not found and not package["license"]:
            sys.exit(f"error: {title}: no licence")
        names.append(f"{title}: {package['license'] or package['license_file']}, {package['repository'] or 'no repository'}")
        for _, text in found:
            having.setdefault(text, []).append(title)
    parts = ["Crates that the program links, with their licences:\n", *names, ""]
    parts += [f"{'=' * 80}\n{', '.join(titles)}\n{'=' * 80}\n{text}\n" for text, titles in having.items()]
    os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)
    with open(sys.argv[1], "w", encoding="utf-8") as target:
        target.write("\n".join(parts))
    print(f"{sys.argv[1]}: {len(names)} crates, {len(having)} texts", file=sys.stderr)


if __name__ == "__main__":
    main()
