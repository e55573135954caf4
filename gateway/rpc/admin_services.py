"""Every service of the Admin API: its descriptor, its registration function, and its servicer on top of the domain.

Owns the list. Each servicer has a file; the API that agencies' own services call is in `services.py`.
"""

from types import ModuleType

from gateway.rpc.admin_agencies import AgencyService
from gateway.rpc.admin_api_keys import ApiKeyService
from gateway.rpc.admin_encryption_keys import EncryptionKeyService
from gateway.rpc.admin_failed_jobs import FailedJobService
from gateway.rpc.admin_guard import AdminDomain, AdminGuard
from gateway.rpc.admin_locations import LocationService
from gateway.rpc.request import RequestGuard
from gateway.rpc.service import Service
from socialgateway.admin.v1 import (
    agency_service_pb2,
    agency_service_pb2_grpc,
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    encryption_key_service_pb2,
    encryption_key_service_pb2_grpc,
    failed_job_service_pb2,
    failed_job_service_pb2_grpc,
    location_service_pb2,
    location_service_pb2_grpc,
)

_MODULES: dict[str, tuple[ModuleType, ModuleType]] = {
    "AgencyService": (agency_service_pb2, agency_service_pb2_grpc),
    "LocationService": (location_service_pb2, location_service_pb2_grpc),
    "EncryptionKeyService": (encryption_key_service_pb2, encryption_key_service_pb2_grpc),
    "FailedJobService": (failed_job_service_pb2, failed_job_service_pb2_grpc),
    "ApiKeyService": (api_key_service_pb2, api_key_service_pb2_grpc),
}


def services(admin: AdminDomain, *, page_secret: bytes) -> list[Service]:
    """Return all services on top of `admin`; `page_secret` signs page tokens."""
    guard = AdminGuard(RequestGuard(admin.owners, page_secret))
    servicers = {
        "AgencyService": AgencyService(admin, guard),
        "LocationService": LocationService(admin, guard),
        "EncryptionKeyService": EncryptionKeyService(admin, guard),
        "FailedJobService": FailedJobService(admin, guard),
        "ApiKeyService": ApiKeyService(admin, guard),
    }
    return [
        Service(pb2.DESCRIPTOR.services_by_name[name], getattr(grpc, f"add_{name}Servicer_to_server"), servicers[name])
        for name, (pb2, grpc) in _MODULES.items()
    ]
