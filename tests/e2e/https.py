# SPDX-License-Identifier: ISC
"""A web server for one test: HTTPS on a free loopback port, by an authority of its own."""

import http.server
import ssl
import subprocess
import threading


class Pages:
    """Gives out `pages`: what stands at each path, bytes or a function of the handler."""

    def __init__(self, folder):
        folder.mkdir()
        self.authority = folder / "ca.pem"
        self._make(folder)
        self.pages = {}
        pages = self.pages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = pages.get(self.path)
                if callable(page):
                    page(self)
                else:
                    self.answer(404 if page is None else 200, b"Not Found" if page is None else page)

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in {"Content_Length": len(body), **headers}.items():
                    self.send_header(name.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @staticmethod
    def _make(folder):
        def openssl(*args):
            subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                "-subj", "/CN=an authority of the test's")
        openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr",
                "-subj", "/CN=localhost")
        (folder / "ext").write_text("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "ext")

    def env(self):
        """What makes mirrord take this for GitHub, and trust it."""
        return {"MIRRORD_GITHUB": self.url, "SSL_CERT_FILE": str(self.authority)}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
