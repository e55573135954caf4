"""gRPC server reflection, in both versions that clients ask for.

Owns registering it. The published servicer (grpcio-reflection 1.85.1, read 2026-11-30) has v1alpha only; v1 has the
same messages under another package name (grpc/reflection/v1/reflection.proto of grpc/grpc-proto), so the same servicer
serves it. Does not know the services.
"""

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2  # type: ignore[import-untyped]

# A file that no service imports is found by its symbols only once it is loaded.
from socialgateway.v1 import error_reason_pb2 as error_reason_pb2

ALPHA = reflection.SERVICE_NAME
V1 = "grpc.reflection.v1.ServerReflection"
_FILE = "grpc/reflection/v1/reflection.proto"


def add_to(names: Iterable[str], server: Any) -> None:
    """Serve reflection of the services with these names, and of itself."""
    _load_v1()
    servicer = reflection.aio.ReflectionServicer(service_names=(*names, ALPHA, V1))
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = (grpc.method_handlers_generic_handler(each, {"ServerReflectionInfo": method}) for each in (ALPHA, V1))
    server.add_generic_rpc_handlers(handlers)


def _load_v1() -> None:
    """Add v1's descriptors, which are v1alpha's in another package, to the pool that reflection answers from."""
    pool: Any = descriptor_pool.Default()
    try:
        pool.FindFileByName(_FILE)
        return
    except KeyError:
        pass
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = _FILE, V1.rpartition(".")[0]
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = _renamed(field.type_name)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = _renamed(method.input_type), _renamed(method.output_type)
    pool.Add(file)


def _renamed(type_name: str) -> str:
    return type_name.replace(".grpc.reflection.v1alpha.", ".grpc.reflection.v1.")
