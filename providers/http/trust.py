"""Which certificates vendors and media hosts are trusted by: one context for the whole process.

Owns how it is made. SSL_CERT_FILE and SSL_CERT_DIR are respected, else the certificates of certifi.
"""

import os
import ssl
from functools import cache

import httpx


def context() -> ssl.SSLContext:
    """Return the context; reading the certificates takes some 20 ms, so it is made once for what the
    environment says.
    """
    return _made(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _made(file: str | None, folder: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=True)
