#!/usr/bin/env python3
"""Tests of dependencies.py."""
import unittest

from dependencies import REGISTRY, allowed, wrong

ALLOW = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"}


class Licences(unittest.TestCase):
    def test_expressions_are_met_or_not(self):
        for expression, expected in [
            ("MIT", True),
            ("GPL-3.0", False),
            ("MIT OR GPL-3.0", True),
            ("GPL-3.0 OR MIT", True),
            ("MIT AND GPL-3.0", False),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", True),
            ("MIT/Apache-2.0", True),
            ("Apache-2.0 WITH LLVM-exception", True),
            ("MIT WITH LLVM-exception", False),
            ("GPL-3.0 OR MIT AND GPL-2.0", False),
        ]:
            self.assertEqual(allowed(expression, ALLOW), expected, expression)
        for expression in ["", "MIT OR", "(MIT", "MIT MIT", "AND"]:
            with self.assertRaises(ValueError, msg=expression):
                allowed(expression, ALLOW)

    def test_what_is_wrong_with_a_package_is_said(self):
        good = {"name": "a", "version": "1.0.0", "source": REGISTRY, "license": "MIT", "dependencies": []}
        self.assertEqual(wrong(good, ALLOW), [])
        for change, part in [
            ({"source": "git+https://example.org/a"}, "expected the registry"),
            ({"license": "GPL-3.0"}, "expected licences of deny.toml"),
            ({"license": None}, "no licence expression"),
            ({"license": "as you like"}, "is no licence expression"),
            ({"source": None, "dependencies": [{"name": "b", "req": "*"}]}, "any version of b"),
        ]:
            (line,) = wrong({**good, **change}, ALLOW)
            self.assertIn(part, line)
        ours = {**good, "source": None, "license": None, "dependencies": [{"name": "b", "req": "*", "path": "b"}]}
        self.assertEqual(wrong(ours, ALLOW), [])


if __name__ == "__main__":
    unittest.main()
