"""AWS KMS through boto3: `aws-kms:KEY-ARN`.

Owns the calls for one key. Credentials come from AWS's own variables or the machine's role.
"""

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.key_encryption import CiphertextRefused, ServiceAway

_WRONG = ("InvalidCiphertextException", "IncorrectKeyException")


class AwsKey:
    """One symmetric key."""

    def __init__(self, arn: str) -> None:
        """Name the key by its ARN, which has the region; raises ValueError. Asks nobody."""
        parts = arn.split(":")
        if len(parts) != 6 or parts[0] != "arn" or parts[2] != "kms" or not parts[3] or not parts[5]:
            raise ValueError("is aws-kms: and the ARN of a key")
        self._arn, self._region = arn, parts[3]
        self.place = f"AWS's key {parts[5]} in {parts[3]}"
        self._client: Any = None

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return the ciphertext."""
        return bytes(self._ask("encrypt", Plaintext=plaintext)["CiphertextBlob"])

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return the plaintext."""
        return bytes(self._ask("decrypt", CiphertextBlob=ciphertext)["Plaintext"])

    def _ask(self, operation: str, **values: Any) -> Any:
        try:
            self._client = self._client or self._connected()
            return getattr(self._client, operation)(KeyId=self._arn, **values)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _WRONG:
                raise CiphertextRefused from None
            raise ServiceAway(code or "refused") from None
        except (BotoCoreError, OSError) as error:
            raise ServiceAway(type(error).__name__) from None

    def _connected(self) -> Any:
        # AWS_ENDPOINT_URL may name a store of uploads that is not AWS's, so only KMS's own variable counts. By default
        # boto3 tries a dead endpoint for a minute.
        settings = Config(
            connect_timeout=1, read_timeout=1.5, retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True
        )
        endpoint = os.environ.get("AWS_ENDPOINT_URL_KMS") or None
        return boto3.session.Session().client("kms", region_name=self._region, endpoint_url=endpoint, config=settings)
