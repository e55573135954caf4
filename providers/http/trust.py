"""The TLS context that verifies vendors and media hosts, one for the whole process.

Owns how it is made: with SSL_CERT_FILE and SSL_CERT_DIR if set, else with the certificates of certifi.
"""

import os
import ssl
from functools import cache

import httpx


def context() -> ssl.SSLContext:
    """Return the context; loading the certificates takes about 20 ms, so it is cached for each environment."""
    return _made(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _made(file: str | None, folder: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=True)
