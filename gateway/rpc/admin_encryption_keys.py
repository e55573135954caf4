"""EncryptionKeyService: shows which encryption keys are in use, and rewraps everything with the active one.

Owns the conversions. Makes no decisions.
"""

from typing import Any

from gateway.aip import names
from gateway.domain.admin import encryption_keys
from gateway.domain.admin.encryption_keys import KeyView
from gateway.rpc.admin_guard import AdminDomain, AdminGuard
from gateway.rpc.convert import write_times
from gateway.rpc.request import or_not_found
from socialgateway.admin.v1 import encryption_key_pb2, encryption_key_service_pb2, encryption_key_service_pb2_grpc
from storage.admin_jobs import AdminJobRow
from storage.states import AdminJobState

EncryptionKey = encryption_key_pb2.EncryptionKey


class EncryptionKeyService(encryption_key_service_pb2_grpc.EncryptionKeyServiceServicer):
    """Serves the state of encryption keys to operators."""

    def __init__(self, admin: AdminDomain, guard: AdminGuard) -> None:
        """Serve `admin` to the callers that `guard` admits."""
        self._domain = admin.domain
        self._guard = guard

    async def GetEncryptionKey(
        self, request: encryption_key_service_pb2.GetEncryptionKeyRequest, context: Any
    ) -> EncryptionKey:
        """Return an encryption key."""
        self._guard.operator()
        (id,) = names.ENCRYPTION_KEY.parse(request.name)
        return to_proto(await or_not_found(request.name, encryption_keys.get(self._domain, id)))

    async def ListEncryptionKeys(
        self, request: encryption_key_service_pb2.ListEncryptionKeysRequest, context: Any
    ) -> encryption_key_service_pb2.ListEncryptionKeysResponse:
        """List the encryption keys."""
        self._guard.operator()
        page = self._guard.guard.read_page(request)
        after = str(page.after[0]) if page.after else ""
        found = [each for each in await encryption_keys.all_keys(self._domain) if each.id > after]
        items, token = self._guard.guard.split_page(request, page, found, to_proto, lambda view: (view.id,))
        return encryption_key_service_pb2.ListEncryptionKeysResponse(encryption_keys=items, next_page_token=token)

    async def RotateEncryptionKey(
        self, request: encryption_key_service_pb2.RotateEncryptionKeyRequest, context: Any
    ) -> EncryptionKey:
        """Begin to wrap everything with the active key."""
        self._guard.operator()
        (id,) = names.ENCRYPTION_KEY.parse(request.name)
        return to_proto(await or_not_found(request.name, encryption_keys.rotate(self._domain, id)))


def to_proto(view: KeyView) -> EncryptionKey:
    """Return an encryption key."""
    message = EncryptionKey(
        name=names.ENCRYPTION_KEY.format(view.id), state=view.state.value, wrapped_count=view.wrapped
    )
    if view.rewrap is not None:
        message.rewrap.CopyFrom(_rewrap(view.rewrap))
    return message


def _rewrap(job: AdminJobRow) -> encryption_key_pb2.Rewrap:
    message = encryption_key_pb2.Rewrap(done_count=job.done, total_count=job.total, last_error=job.last_error)
    ended = job.update_time if job.state == AdminJobState.SUCCEEDED else None
    write_times(message, create_time=job.create_time, end_time=ended)
    return message
