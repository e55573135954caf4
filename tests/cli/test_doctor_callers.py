"""`doctor` about callers beside those with API keys: the file, and the keys of each issuer.

Owns the proofs of `gateway/cli/callers.py`.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cli.test_doctor import examine, wrong
from tests.fixtures.clock import Clock
from tests.fixtures.issuer import NAME, Issuer
from tests.rpc.certificates import make_certificate

LOOPBACK = {"allow_loopback_vendors": "true", "tiktok_api_url": "http://127.0.0.1:9"}


@contextmanager
def published(issuer: Issuer) -> Iterator[None]:
    """Serve the issuer's keys from a thread of its own: the command has an event loop of its own."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": issuer.published}).encode()
            self.send_response(503 if issuer.down else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()


def test_the_keys_of_each_issuer_are_fetched(database_url: str, tmp_path: Path) -> None:
    """An issuer that answers is fine, and one that does not is named with what follows from it."""
    issuer, file = Issuer(Clock()), tmp_path / "callers.toml"
    with published(issuer):
        file.write_text(issuer.entry())
        fine = examine(database_url, tmp_path, callers_file=str(file), **LOOPBACK)
        issuer.down = True
        down = examine(database_url, tmp_path, callers_file=str(file), **LOOPBACK)
    assert (0, True) == (fine.code, f"issuer {NAME}: 1 keys" in fine.out), fine.out
    assert [f"WRONG  issuer {NAME}: 127.0.0.1 answered 503."] == [line.partition("  →")[0] for line in wrong(down)]


def test_clients_that_need_a_certificate_are_said(database_url: str, tmp_path: Path) -> None:
    """With authorities of clients the line about TLS says what that means."""
    files = make_certificate(tmp_path, "server")
    ran = examine(
        database_url, tmp_path, tls_cert=str(files.cert), tls_key=str(files.key), tls_client_ca=str(files.cert)
    )
    assert (0, True) == (ran.code, "clients need a certificate" in ran.out), ran.out
