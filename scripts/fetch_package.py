#!/usr/bin/env python3
"""Fetch one pinned file of a package from the package index that pip is set up to use, resuming what an earlier try left.

fetch_package.py PROJECT FILENAME SHA256 FOLDER

Wheels and source archives are only unpacked, never installed, so any Python from 3.9 will do. Only the standard library and pip's own
configuration are used. Exit 0 when FOLDER/FILENAME is there and its digest is right; 1 with one line otherwise.
"""
import ast
import functools
import hashlib
import html.parser
import http.client
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

CHUNK = 1 << 20
TRIES = 5
# Seconds between two words about what has arrived: a program that draws a bar from them asks for more of them.
TELL_EVERY = 0.5 if os.environ.get("VESALIUS_PROGRESS") else 5


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


@functools.cache
def pip_files():
    """What pip's files of configuration set, by `section.key`: the machine's, the user's, an environment's and PIP_CONFIG_FILE."""
    # Not `pip config get`, which reads the user's file only.
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    lines = [line.partition("=") for line in listed.stdout.splitlines()] if listed.returncode == 0 else []
    return {key: ast.literal_eval(value) for key, _, value in lines if value}


def pip_config(key):
    """A value of pip's configuration, from PIP_<KEY> or its files; None where it is not set."""
    from_environment = os.environ.get("PIP_" + key.upper().replace("-", "_"))
    return from_environment or pip_files().get("install." + key) or pip_files().get("global." + key)


def index_url():
    configured = pip_config("index-url")
    if configured:
        return configured.rstrip("/")
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        fail("python3 has no pip; expected one (Debian: apt-get install python3-pip)")
    return PyPI.simple_url.rstrip("/")


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.hrefs = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]


def opened(url, context, start=0):
    request = urllib.request.Request(url, headers={"User-Agent": "vesalius-setup"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    return urllib.request.urlopen(request, timeout=60, context=context)


def file_url(project, filename, context):
    page = f"{index_url()}/{project}/"
    with opened(page, context) as answer:
        links = Links()
        links.feed(answer.read().decode("utf-8", "replace"))
    for href in links.hrefs:
        url = urllib.parse.urljoin(page, href.split("#")[0])
        if urllib.parse.unquote(url.rsplit("/", 1)[-1]) == filename:
            return url
    fail(f"{filename}: the package index does not list it (page of {project})")


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return total.hexdigest()


def download(url, part, context):
    """Appends to `part` what it still lacks; narrates on stderr."""
    start = os.path.getsize(part) if os.path.exists(part) else 0
    try:
        answer = opened(url, context, start)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing left to ask for
            return
        raise
    with answer:
        if start and answer.status != 206:  # a server without ranges sends everything again
            start = 0
        total = start + int(answer.headers.get("Content-Length") or 0)
        done, told = start, 0.0
        with open(part, "ab" if start else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if time.monotonic() - told > TELL_EVERY:
                    told = time.monotonic()
                    print(f"  {done >> 20} of {total >> 20} MiB", file=sys.stderr)
        if total and done < total:
            raise OSError(f"connection closed after {done} of {total} bytes")


def main():
    project, filename, expected, folder = sys.argv[1:]
    target = os.path.join(folder, filename)
    if os.path.exists(target) and digest(target) == expected:
        return
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        fail(f"{folder}: no folder can be made there ({error.strerror})")
    certificates = pip_config("cert")
    try:
        context = ssl.create_default_context(cafile=certificates)
    except OSError as error:
        fail(f"{certificates}: pip's setting `cert`, expected a file of certificates ({error})")
    part = target + ".part"
    print(f"fetching {filename}", file=sys.stderr)
    for attempt in range(1, TRIES + 1):
        try:
            download(file_url(project, filename, context), part, context)
            break
        except (OSError, http.client.HTTPException) as error:
            if attempt == TRIES or isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                reason = getattr(error, "reason", error)
                fail(f"{filename}: cannot be fetched from the package index ({reason}); what has arrived is kept, "
                     "run the same command again when the network is back")
            time.sleep(2 * attempt)
    found = digest(part)
    if found != expected:
        os.remove(part)
        fail(f"{filename}: SHA-256 {found}, expected {expected}; the file was removed")
    os.replace(part, target)


if __name__ == "__main__":
    main()
