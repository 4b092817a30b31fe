# SPDX-License-Identifier: ISC
"""A real Chromium, headless, and a small server for parts of the page that need no gateway."""

import base64
import contextlib
import hashlib
import http.server
import shutil
import socket
import struct
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
    """Headless, with a new profile that goes with it. close() fails if a policy was violated, unless that is
    what is tried."""

    def __init__(self, width=1280, height=800, args=(), hostile=False):
        self.hostile = hostile
        self.profile = tempfile.mkdtemp(prefix="mirrord-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking", "--mute-audio",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                     "--no-default-browser-check", f"--user-data-dir={self.profile}",
                     f"--window-size={width},{height}", *args):
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
        assert self.hostile or self.violations_so_far() == []

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


class ScriptedGateway:
    """Serves the page and says on its WebSocket what a test wants: one list of messages for each connection,
    after HELLO; the last list again for any further one. `hellos` is what pages said first."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.hellos = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self.socket.accept()[:1], daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                data = sock.recv(4096)
                if not data:
                    return
                request += data
            path = request.split()[1].decode()
            if path == "/watch":
                self._watch(sock, request)
            else:
                self._file(sock, path.strip("/") or "index.html")

    def _file(self, sock, name):
        body = b""
        if "/" not in name and (PAGE / name).is_file():
            body = (PAGE / name).read_bytes().replace(b"@ASSETS@", b"")
        policy = POLICY.replace("connect-src 'self'", f"connect-src 'self' ws://127.0.0.1:{self.port}")
        sock.sendall((f"HTTP/1.1 {200 if body else 404} x\r\nContent-Type: {TYPES.get(Path(name).suffix)}\r\n"
                      f"Content-Security-Policy: {policy}\r\nContent-Length: {len(body)}\r\n"
                      "Connection: close\r\n\r\n").encode() + body)

    def _watch(self, sock, request):
        key = next(line.split(b": ")[1] for line in request.split(b"\r\n")
                   if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        sock.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Protocol: mirrord.1\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        head = sock.recv(6)
        mask, rest = head[2:], sock.recv(head[1] & 127)
        self.hellos.append(bytes(byte ^ mask[i % 4] for i, byte in enumerate(rest)))
        for message in self.scripts[min(len(self.hellos), len(self.scripts)) - 1]:
            size = struct.pack(">BQ", 127, len(message)) if len(message) > 125 else bytes([len(message)])
            sock.sendall(b"\x82" + size + message)
        while sock.recv(4096):
            pass

    def close(self):
        self.socket.close()
