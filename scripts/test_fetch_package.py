#!/usr/bin/env python3
"""What scripts/fetch_package.py and scripts/libtorch.sh promise, shown against a package index on this machine. Standard library only.

Usage: python3 scripts/test_fetch_package.py
"""
import hashlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
# Runs the script without its pauses between tries.
UNPAUSED = "import runpy, sys, time; time.sleep = lambda secs: None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
PROJECT, NAME = "some-project", "some_project-1.0+cpu-py3-none-any.whl"
# 2.5 of the script's chunks, of no period that a chunk in the wrong place would fit.
CONTENT = b"".join(hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(5 << 14))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Index(http.server.ThreadingHTTPServer):
    """A package index with one project of two files. Connections that send the file are cut after so many bytes of `cuts`, in turn."""

    def __init__(self, cuts=(), ranges=True, cut_page=False):
        super().__init__(("127.0.0.1", 0), Answer)
        self.cuts, self.ranges, self.cut_page = list(cuts), ranges, cut_page
        self.asked = []  # (path, Range)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/simple"

    def ranges_asked(self):
        return [asked for path, asked in self.asked if path.startswith("/files/")]


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Range"]))
        if self.path == f"/simple/{PROJECT}/":
            # Relative, quoted and with a fragment, as indices have them; a name that ends alike comes first.
            quoted = NAME.replace("+", "%2B")
            links = "".join(f'<a href="../../files/{name}#sha256=0">{name}</a>' for name in ("x" + quoted, quoted))
            page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
            self.answer(200, page, cut=20 if self.server.cut_page else None)
        elif self.path == "/files/" + NAME.replace("+", "%2B"):
            self.send_file()
        else:
            self.send_error(404)

    def send_file(self):
        asked = self.headers["Range"]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        self.answer(206 if start else 200, CONTENT[start:], cut)

    def answer(self, status, body, cut=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])

    def log_message(self, *_):
        pass


class FetchPackage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.wheels = self.root / "wheels"

    def environment(self, url=None, **more):
        """This process', without what the user's pip is set up for; proxies are not for this machine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "LIBTORCH", "VESALIUS_"))}
        index = {"PIP_INDEX_URL": url} if url else {}
        return kept | {"PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | index | more

    def fetch(self, url, sha256=SHA256, name=NAME, folder=None, **more):
        command = [sys.executable, "-c", UNPAUSED, str(SCRIPTS / "fetch_package.py"), PROJECT, name, sha256, str(folder or self.wheels)]
        return subprocess.run(command, env=self.environment(url, **more), capture_output=True, text=True, timeout=60)

    def there(self):
        return sorted(path.name for path in self.wheels.iterdir()) if self.wheels.exists() else []

    def assert_fetched(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.there(), [NAME])
        self.assertEqual(hashlib.sha256((self.wheels / NAME).read_bytes()).hexdigest(), SHA256)

    def assert_refused(self, done, *parts, status=1):
        """Ends with that status and, after what it is doing, one line that says why."""
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        said = [line for line in done.stderr.splitlines() if not line.startswith(("fetching ", "  "))]
        self.assertEqual(len(said), 1, done.stderr)
        self.assertTrue(said[0].startswith("error: "), said[0])
        for part in parts:
            self.assertIn(part, said[0])

    def closed_port(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{listener.getsockname()[1]}/simple"

    def test_a_file_is_fetched_whole_and_not_again(self):
        with Index() as index:
            self.assert_fetched(self.fetch(index.url))
            self.assertEqual(index.ranges_asked(), [None])
            index.asked.clear()
            self.assert_fetched(self.fetch(index.url))
            self.assertEqual(index.asked, [], "what is there is not asked for")

    def test_a_file_of_another_digest_is_replaced(self):
        self.wheels.mkdir()
        (self.wheels / NAME).write_bytes(CONTENT[:-1] + b"?")
        with Index() as index:
            self.assert_fetched(self.fetch(index.url))

    def test_cut_connections_are_resumed_where_they_broke_off(self):
        with Index(cuts=[1_500_000, 700_000]) as index:
            self.assert_fetched(self.fetch(index.url))
            self.assertEqual(index.ranges_asked(), [None, "bytes=1500000-", "bytes=2200000-"])

    def test_a_later_start_resumes_what_an_earlier_one_left(self):
        with Index(cuts=[400_000] * 5) as index:
            self.assert_refused(self.fetch(index.url), "connection closed after 2000000 of", "what has arrived is kept")
            self.assertEqual(self.there(), [NAME + ".part"])
            index.asked.clear()
            self.assert_fetched(self.fetch(index.url))
            self.assertEqual(index.ranges_asked(), ["bytes=2000000-"])

    def test_what_had_arrived_whole_is_only_verified(self):
        self.wheels.mkdir()
        (self.wheels / (NAME + ".part")).write_bytes(CONTENT)
        with Index() as index:
            self.assert_fetched(self.fetch(index.url))

    def test_a_server_without_ranges_sends_everything_again(self):
        with Index(cuts=[1_500_000], ranges=False) as index:
            self.assert_fetched(self.fetch(index.url))
            self.assertEqual(index.ranges_asked(), [None, "bytes=1500000-"])

    def test_a_wrong_digest_leaves_nothing(self):
        with Index() as index:
            self.assert_refused(self.fetch(index.url, sha256="0" * 64), NAME, SHA256, "0" * 64, "removed")
            self.assertEqual(self.there(), [])

    def test_without_network_one_line_says_so(self):
        self.assert_refused(self.fetch(self.closed_port()), NAME, "Connection refused", "run the same command again")
        self.assertEqual(self.there(), [])

    def test_an_index_that_breaks_off_or_lacks_the_file_is_said_in_one_line(self):
        with Index(cut_page=True) as index:
            self.assert_refused(self.fetch(index.url), NAME, "IncompleteRead")
        with Index() as index:
            self.assert_refused(self.fetch(index.url, name="other.whl"), "other.whl", "does not list it")
            self.assert_refused(self.fetch(index.url + "/nowhere"), NAME, "Not Found")
        self.assertEqual(self.there(), [])

    def test_a_folder_or_certificates_that_cannot_be_had_are_said_in_one_line(self):
        (self.root / "file").touch()
        with Index() as index:
            self.assert_refused(self.fetch(index.url, folder=self.root / "file"), "file")
            self.assert_refused(self.fetch(index.url, PIP_CERT=str(self.root / "none.pem")), "none.pem")

    def test_the_index_of_pips_own_configuration_is_asked(self):
        with Index() as index:
            (self.root / "pip.conf").write_text(f"[global]\nindex-url = {index.url}/\n")
            self.assert_fetched(self.fetch(None, PIP_CONFIG_FILE=str(self.root / "pip.conf")))

    def libtorch(self, **more):
        """Runs a copy of libtorch.sh, so that nothing of this checkout is touched."""
        shutil.copytree(SCRIPTS, self.root / "scripts", dirs_exist_ok=True)
        command = ["bash", str(self.root / "scripts" / "libtorch.sh")]
        return subprocess.run(command, env=self.environment(self.closed_port(), **more), capture_output=True, text=True, timeout=60)

    def test_libtorch_without_network_ends_in_one_line_and_leaves_no_half(self):
        self.assert_refused(self.libtorch())
        self.assertFalse((self.root / ".libtorch").exists())

    def test_libtorch_of_the_user_or_already_there_needs_no_network(self):
        for own in ({"LIBTORCH": "/somewhere"}, {"LIBTORCH_USE_PYTORCH": "1"}):
            self.assertEqual(self.libtorch(**own).returncode, 0)
        (self.root / ".libtorch").mkdir()
        version = next(line for line in (SCRIPTS / "libtorch.py").read_text().splitlines() if line.startswith("VERSION = "))
        (self.root / ".libtorch" / "build-version").write_text(version.split('"')[1] + "\n")
        self.assertEqual(self.libtorch().returncode, 0)


if __name__ == "__main__":
    unittest.main()
