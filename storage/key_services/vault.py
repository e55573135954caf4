"""HashiCorp Vault's transit engine, and OpenBao's, through hvac: `vault:MOUNT/KEY`.

Owns the calls for one key. Address and token come from Vault's own variables (VAULT_ADDR, VAULT_TOKEN or
`~/.vault-token`, VAULT_NAMESPACE, VAULT_CACERT). Associated data is not used: Vault cannot rewrap what has some.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import hvac
import requests

from storage.key_encryption import CiphertextRefused, ServiceAway

SECONDS = (1.0, 1.5)
"""For connecting, and for reading."""


class VaultKey:
    """One key of a transit engine."""

    def __init__(self, name: str) -> None:
        """Name the key by `MOUNT/KEY`; raises ValueError. Asks nobody."""
        self._mount, slash, self._key = name.rpartition("/")
        if not slash or not self._mount or not self._key:
            raise ValueError("is vault:MOUNT/KEY")
        self.place = f"Vault's key {name}"
        self._client: Any = None

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return the ciphertext, `vault:v1:…`."""
        return str(self._ask(self._encrypt, b64encode(plaintext).decode())).encode()

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return the plaintext."""
        return b64decode(self._ask(self._decrypt, ciphertext.decode("utf-8", "replace")))

    def _encrypt(self, plaintext: str) -> Any:
        # Asked first: a policy with `create` makes a new key of a misspelt name, without a word.
        self._client.secrets.transit.read_key(self._key, mount_point=self._mount)
        answer = self._client.secrets.transit.encrypt_data(self._key, plaintext=plaintext, mount_point=self._mount)
        return answer["data"]["ciphertext"]

    def _decrypt(self, ciphertext: str) -> Any:
        answer = self._client.secrets.transit.decrypt_data(self._key, ciphertext=ciphertext, mount_point=self._mount)
        return answer["data"]["plaintext"]

    def _ask(self, call: Callable[[str], Any], argument: str) -> Any:
        """Make a call, and once more with the token as it is now: an agent may have renewed it."""
        try:
            self._client = self._client or _client()
            try:
                return call(argument)
            except hvac.exceptions.Forbidden:
                self._client = _client()
                return call(argument)
        except hvac.exceptions.InvalidRequest as error:
            if "encryption key not found" in str(error):
                raise ServiceAway("there is no such key") from None
            raise CiphertextRefused from None
        except hvac.exceptions.InvalidPath:
            raise ServiceAway("there is no such key or engine") from None
        except (hvac.exceptions.VaultError, requests.RequestException, ValueError, KeyError, OSError) as error:
            # Without the text: it may quote the address with what is in it.
            raise ServiceAway(type(error).__name__) from None


def _client() -> Any:
    if not os.environ.get("VAULT_ADDR"):
        raise ServiceAway("VAULT_ADDR is not set")
    return hvac.Client(timeout=SECONDS, namespace=os.environ.get("VAULT_NAMESPACE"))
