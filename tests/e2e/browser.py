# SPDX-License-Identifier: ISC
"""A real Chromium, headless, and a small server for parts of the page that need no gateway."""

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import rig
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PAGE = rig.PROJECT / "web/page"
PARTS = rig.PROJECT / "tests/e2e/page"
CASTS = rig.PROJECT.parent / "shared/corpus/casts/dev"
CONFORMANCE = rig.PROJECT.parent / "shared/corpus/conformance"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
# As the gateway's, docs/protocol.md "Web".
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'")


class Chromium:
    """Headless, with a new profile that goes with it. close() fails if a policy was violated."""

    def __init__(self, width=1280, height=800, dark=True):
        self.profile = tempfile.mkdtemp(prefix="mirrord-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking", "--mute-audio",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                     "--no-default-browser-check", f"--user-data-dir={self.profile}",
                     f"--window-size={width},{height}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(120)
        self.entries = []
        self.resize(width, height)

    def resize(self, width, height):
        """To this many CSS pixels within the window."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def run(self, script, *args):
        """The value of an expression that may await; `a` holds the arguments."""
        answer = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1], a = [...arguments].slice(0, -1);"
            f"(async () => ({script}))().then(v => done({{v}}), e => done({{e: String(e.stack || e)}}))",
            *args)
        assert "e" not in answer, answer["e"]
        return answer.get("v")

    def wait(self, script, *args, what=""):
        return rig.wait_until(lambda: self.run(script, *args), what=what or script)

    def log(self):
        """All that the console and the policy have said so far."""
        self.entries += [entry["message"] for entry in self.driver.get_log("browser")]
        return self.entries

    def violations(self):
        return [line for line in self.log()
                if "Content Security Policy" in line or "Trusted" in line or "Refused to" in line]

    def close(self):
        with contextlib.suppress(Exception):
            self.log()
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)
        assert self.violations_so_far() == []

    def violations_so_far(self):
        return [line for line in self.entries
                if "Content Security Policy" in line or "TrustedHTML" in line]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.split("?")[0].lstrip("/")
        body, kind = self.server.find(name)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_args):
        pass


class Server(http.server.ThreadingHTTPServer):
    """The page's files, the tests' own beside them, and samples of recordings, on a free port."""

    daemon_threads = True

    def __init__(self, build):
        super().__init__(("127.0.0.1", 0), Handler)
        self.build = build
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def find(self, name):
        if name.startswith("samples/"):
            return self.samples(*name.split("/", 1)[1].rsplit("/", 1)), "application/json"
        for folder in (PAGE, PARTS):
            path = folder / name
            if "/" not in name and path.is_file():
                return path.read_bytes(), TYPES[path.suffix]
        return None, "text/plain"

    def samples(self, name, stops):
        path = CASTS / name if name.endswith(".cast") else CONFORMANCE / name
        run = subprocess.run([str(self.build / "tests/samples_main"), str(path), stops],
                             capture_output=True)
        return run.stdout

    def close(self):
        self.shutdown()
        self.server_close()
