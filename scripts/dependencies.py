#!/usr/bin/env python3
"""Check the licences and sources of all crates against deny.toml, as `cargo deny check licenses bans sources` does.

dependencies.py

For continuous integration, which would have to build cargo-deny first. Where it is installed, .ci/run asks it as well, with its
database of advisories.
"""
import json
import re
import subprocess
import sys
import tomllib

TRIPLE = "x86_64-unknown-linux-gnu"
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def allowed(expression, allow):
    """Whether an SPDX expression can be met by licences of `allow`; ValueError where it is none."""
    tokens = re.findall(r"[()]|[^\s()/]+|/", expression)
    at = 0

    def take(*words):
        nonlocal at
        if at < len(tokens) and tokens[at] in words:
            at += 1
            return True
        return False

    def either():
        fits = both()
        while take("OR", "/"):  # `/` in old crates
            fits = both() or fits
        return fits

    def both():
        fits = one()
        while take("AND"):
            fits = one() and fits
        return fits

    def one():
        nonlocal at
        if take("("):
            fits = either()
            if not take(")"):
                raise ValueError(expression)
            return fits
        if at == len(tokens) or tokens[at] in ("AND", "OR", "WITH", ")", "/"):
            raise ValueError(expression)
        name = tokens[at]
        at += 1
        if take("WITH"):
            name += " WITH " + tokens[at] if at < len(tokens) else ""
            at += 1
        return name in allow

    fits = either()
    if at != len(tokens):
        raise ValueError(expression)
    return fits


def wrong(package, allow):
    """What is against the rules in a package of `cargo metadata`, each in words."""
    title = f"{package['name']} {package['version']}"
    if package["source"] is None:
        wild = [need["name"] for need in package["dependencies"] if need["req"] == "*" and "path" not in need]
        return [f"{title}: any version of {name}, expected a requirement" for name in wild]
    found = []
    if package["source"] != REGISTRY:
        found.append(f"{title}: from {package['source']}, expected the registry")
    expression = package["license"]
    if expression is None:
        found.append(f"{title}: no licence expression")
    else:
        try:
            if not allowed(expression, allow):
                found.append(f"{title}: {expression}, expected licences of deny.toml")
        except ValueError:
            found.append(f"{title}: {expression} is no licence expression")
    return found


def main():
    with open("deny.toml", "rb") as file:
        allow = set(tomllib.load(file)["licenses"]["allow"])
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features", "--filter-platform", TRIPLE]
    metadata = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    found = [line for package in metadata["packages"] for line in wrong(package, allow)]
    if found:
        sys.exit("\n".join(f"error: {line}" for line in found))
    print(f"{len(metadata['packages'])} crates: licences and sources as deny.toml has them", file=sys.stderr)


if __name__ == "__main__":
    main()
