"""Google Cloud KMS through its official client: `google-kms:projects/P/locations/L/keyRings/R/cryptoKeys/K`.

Owns the calls for one key. Credentials are Google's application default credentials.
"""

import re
from collections.abc import Callable
from typing import Any

import google_crc32c
from google.api_core.exceptions import GoogleAPIError, InvalidArgument
from google.auth.exceptions import GoogleAuthError
from google.cloud import kms

from storage.key_encryption import CiphertextRefused, ServiceAway

SECONDS = 1.5
_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")


class GoogleKey:
    """One symmetric key; `connect` returns its client."""

    def __init__(self, name: str, connect: Callable[[], Any] = kms.KeyManagementServiceClient) -> None:
        """Name the key by its resource name, without a version; raises ValueError. Asks nobody."""
        if not _NAME.fullmatch(name):
            raise ValueError("is google-kms:projects/P/locations/L/keyRings/R/cryptoKeys/K")
        self._name, self._connect = name, connect
        self.place = f"Google's key {name}"
        self._client: Any = None

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return the ciphertext. Both ways carry checksums, as Google asks of clients (data integrity guidelines)."""
        values = {"plaintext": plaintext, "plaintext_crc32c": _checksum(plaintext)}
        answer = self._ask("encrypt", values)
        if not answer.verified_plaintext_crc32c or answer.ciphertext_crc32c != _checksum(answer.ciphertext):
            raise ServiceAway("the answer was damaged on its way")
        return bytes(answer.ciphertext)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return the plaintext."""
        answer = self._ask("decrypt", {"ciphertext": ciphertext, "ciphertext_crc32c": _checksum(ciphertext)})
        if answer.plaintext_crc32c != _checksum(answer.plaintext):
            raise ServiceAway("the answer was damaged on its way")
        return bytes(answer.plaintext)

    def _ask(self, operation: str, values: dict[str, Any]) -> Any:
        try:
            self._client = self._client or self._connect()
            return getattr(self._client, operation)(request={"name": self._name, **values}, timeout=SECONDS, retry=None)
        except InvalidArgument:
            raise CiphertextRefused from None
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            raise ServiceAway(type(error).__name__) from None


def _checksum(data: bytes) -> int:
    return int(google_crc32c.value(data))
