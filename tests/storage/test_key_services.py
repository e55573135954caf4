"""The services that keep keys, over their official clients: OpenBao itself, AWS KMS as moto has it, a stub of Google's.

Owns the proofs of `storage/key_services/`. moto makes no refusals that AWS makes (2026-11-29, moto 5.2.5: it decrypts
with a disabled key), so those are stubbed.
"""

import socket
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import google_crc32c
import grpc
import pytest
from botocore.stub import Stubber
from google.cloud import kms
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from storage.key_encryption import CiphertextRefused, KeyService, ServiceAway
from storage.key_ring import KeyRing, KeyRingInvalid
from storage.key_services.aws import AwsKey
from storage.key_services.google import GoogleKey
from storage.key_services.vault import VaultKey
from tests.fixtures.vault import TOKEN, Vault

PLAIN = b"\0canary of the key services\xff" * 2
GOOGLE = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k"
ARN = "arn:aws:kms:eu-central-1:123456789012:key/0b3c"


def check(key: KeyService, other: KeyService) -> bytes:
    """Encrypt and decrypt; what is another key's, or changed, must be refused. Return the ciphertext."""
    sealed = key.encrypt(PLAIN)
    assert PLAIN == key.decrypt(sealed)
    assert PLAIN not in sealed
    for wrong in (other.encrypt(PLAIN), sealed[:-4] + b"AAA=", sealed[:20], b"\xff\0garbage"):
        with pytest.raises(CiphertextRefused):
            key.decrypt(wrong)
    return sealed


def absence(work: Any, argument: bytes = b"x") -> str:
    """Return how a service says that it does not serve a key."""
    with pytest.raises(ServiceAway) as caught:
        work(argument)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_vault(vault: Vault) -> None:
    """A transit key wraps and unwraps what is its own."""
    check(VaultKey(vault.new_key()), VaultKey(vault.new_key()))


def test_vault_makes_no_key_of_a_misspelt_name(vault: Vault) -> None:
    """A key or an engine that is not there is said, and stays not there."""
    sealed = VaultKey(vault.new_key()).encrypt(PLAIN)
    for name in ("transit/misspelt", "nowhere/key"):
        assert "there is no such key" in absence(VaultKey(name).encrypt)
        assert "there is no such key" in absence(VaultKey(name).decrypt, sealed)
    assert "misspelt" not in vault.client.secrets.transit.list_keys()["data"]["keys"]


def test_vault_needs_three_rights(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented policy is enough; without it the refusal is no wrong key; a new token is taken up by itself."""
    name = vault.new_key()
    mount, key = name.split("/")
    policy = "\n".join(
        f'path "{mount}/{path}/{key}" {{ capabilities = ["{right}"] }}'
        for path, right in (("keys", "read"), ("encrypt", "update"), ("decrypt", "update"))
    )
    kept = VaultKey(name)
    monkeypatch.setenv("VAULT_TOKEN", "expired")
    assert "Forbidden" == absence(kept.encrypt)
    monkeypatch.setenv("VAULT_TOKEN", vault.token(policy))
    assert PLAIN == kept.decrypt(kept.encrypt(PLAIN))
    assert "Forbidden" == absence(VaultKey(vault.new_key()).encrypt)


def test_vault_that_is_frozen_or_nowhere(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each absence has an end and a word, and the same key works when it is over."""
    kept = VaultKey(vault.new_key())
    sealed = kept.encrypt(PLAIN)
    with vault.frozen():
        assert "ReadTimeout" == absence(kept.decrypt, sealed)
    assert PLAIN == kept.decrypt(sealed)
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{_closed_port()}")
    assert "ConnectionError" == absence(VaultKey("transit/k").encrypt)
    monkeypatch.delenv("VAULT_ADDR")
    assert "VAULT_ADDR is not set" == absence(VaultKey("transit/k").encrypt)


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a client of a local KMS, to which the variables lead."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "canary-secret",
        "AWS_ENDPOINT_URL_KMS": url,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{_closed_port()}",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("kms", region_name="eu-central-1", endpoint_url=url)
    server.stop()


def test_aws(aws: Any) -> None:
    """A KMS key wraps and unwraps what is its own, at KMS's own endpoint, whatever the store of uploads has."""
    key, other = (AwsKey(aws.create_key()["KeyMetadata"]["Arn"]) for _ in range(2))
    sealed = key.encrypt(PLAIN)
    assert PLAIN == key.decrypt(sealed)
    assert absence(AwsKey(ARN).encrypt) == "NotFoundException"
    assert other.decrypt(other.encrypt(PLAIN)) == PLAIN


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("InvalidCiphertextException", True),
        ("IncorrectKeyException", True),
        ("AccessDeniedException", False),
        ("DisabledException", False),
        ("KMSInvalidStateException", False),
        ("ThrottlingException", False),
        ("KMSInternalException", False),
    ],
)
def test_what_aws_refuses(monkeypatch: pytest.MonkeyPatch, code: str, wrong: bool) -> None:
    """Two refusals are about the ciphertext; all others are an absence with AWS's own word."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    key = AwsKey(ARN)
    key._client = key._connected()
    with Stubber(key._client) as stub:
        stub.add_client_error("decrypt", service_error_code=code, service_message="canary-message")
        if wrong:
            with pytest.raises(CiphertextRefused):
                key.decrypt(b"x")
        else:
            assert code == absence(key.decrypt)


def test_aws_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead endpoint is said after one try."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{_closed_port()}")
    assert "EndpointConnectionError" == absence(AwsKey(ARN).encrypt)


class Google(grpc.GenericRpcHandler):
    """Google's service as far as it is used: it turns bits under a prefix, checks checksums, and refuses when told."""

    def __init__(self) -> None:
        self.refusal: grpc.StatusCode | None = None
        self.damaged = False

    def service(self, details: Any) -> Any:
        """Serve Encrypt and Decrypt."""
        verb = details.method.rpartition("/")[2]
        request, response = (kms.EncryptRequest, kms.EncryptResponse) if verb == "Encrypt" else _DECRYPT
        return grpc.unary_unary_rpc_method_handler(getattr(self, verb.lower()), request.deserialize, response.serialize)

    def encrypt(self, request: Any, context: Any) -> Any:
        """Turn the bits, and say whether the checksum was right."""
        self._refuse(context)
        ciphertext = b"G" + bytes(byte ^ 0x5A for byte in request.plaintext)
        return kms.EncryptResponse(
            ciphertext=ciphertext,
            ciphertext_crc32c=google_crc32c.value(ciphertext),
            verified_plaintext_crc32c=request.plaintext_crc32c == google_crc32c.value(request.plaintext)
            and not self.damaged,
        )

    def decrypt(self, request: Any, context: Any) -> Any:
        """Turn them back."""
        self._refuse(context)
        if request.ciphertext[:1] != b"G" or request.ciphertext_crc32c != google_crc32c.value(request.ciphertext):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Decryption failed")
        plaintext = bytes(byte ^ 0x5A for byte in request.ciphertext[1:])
        return kms.DecryptResponse(
            plaintext=plaintext, plaintext_crc32c=google_crc32c.value(plaintext) + int(self.damaged)
        )

    def _refuse(self, context: Any) -> None:
        if self.refusal is not None:
            context.abort(self.refusal, "canary-message")


_DECRYPT = (kms.DecryptRequest, kms.DecryptResponse)


@contextmanager
def google() -> Iterator[tuple[Google, GoogleKey]]:
    """Serve the stub, and yield it with a key whose client calls it."""
    stub = Google()
    with futures.ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, handlers=[stub])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            transport = KeyManagementServiceGrpcTransport(channel=channel)
            yield stub, GoogleKey(GOOGLE, lambda: kms.KeyManagementServiceClient(transport=transport))
        server.stop(None).wait()


def test_google() -> None:
    """A key wraps and unwraps; refusals are told apart, and damage on the way is found by the checksums."""
    with google() as (stub, key):
        sealed = key.encrypt(PLAIN)
        assert PLAIN == key.decrypt(sealed)
        with pytest.raises(CiphertextRefused):
            key.decrypt(b"garbage")
        for stub.refusal, says in {
            grpc.StatusCode.PERMISSION_DENIED: "PermissionDenied",
            grpc.StatusCode.FAILED_PRECONDITION: "FailedPrecondition",
            grpc.StatusCode.NOT_FOUND: "NotFound",
            grpc.StatusCode.UNAVAILABLE: "ServiceUnavailable",
        }.items():
            assert says == absence(key.decrypt, sealed)
        stub.refusal, stub.damaged = None, True
        assert "damaged" in absence(key.encrypt)
        assert "damaged" in absence(key.decrypt, sealed)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("k:vault:transit", "is vault:MOUNT/KEY"),
        ("k:vault:/key", "is vault:MOUNT/KEY"),
        ("k:aws-kms:alias/x", "the ARN of a key"),
        ("k:aws-kms:arn:aws:s3:eu-central-1:1:bucket", "the ARN of a key"),
        ("k:google-kms:projects/p", "is google-kms:projects/"),
        ("k:azure:vault", "services are vault, aws-kms, google-kms"),
    ],
)
def test_a_bad_name_is_said_at_once(entry: str, says: str) -> None:
    """An entry that can be no key of its service is refused when the ring is read; nobody is asked."""
    with pytest.raises(KeyRingInvalid, match=says):
        KeyRing.parse(entry)


def test_services_stand_beside_keys_of_our_own() -> None:
    """A ring may mix them; reading it asks nobody, and none of a service's entry is a secret."""
    ring = KeyRing.parse(f"new:vault:transit/gateway,aws:aws-kms:{ARN},g:google-kms:{GOOGLE},old:{'A' * 43}=")
    assert ["new", "aws", "g"] == [key.key_id for key in ring.services]
    assert ["Vault's key transit/gateway", "AWS's key key/0b3c in eu-central-1", f"Google's key {GOOGLE}"] == [
        key.service.place for key in ring.services
    ]
    ring.close()
