"""One well-formed request for every method of the Admin API; a method without a row here fails the sweep.

Owns the table. Does not know what is done with a request.
"""

from dataclasses import asdict, dataclass
from typing import Any

from tests.fixtures.client import ADMIN_METHODS
from tests.security.requests import filled


@dataclass(frozen=True, slots=True)
class Tenant:
    """The ids of an agency and of what it has."""

    agency: str
    location: str
    key: str


AGENCY = "agencies/{agency}"
LOCATION = "locations/{location}"
KEY = f"{AGENCY}/apiKeys/{{key}}"
VALUES: dict[str, dict[str, Any]] = {
    "AgencyService/CreateAgency": {"agency": {"display_name": "theirs"}, "agency_id": "{agency}"},
    "AgencyService/GetAgency": {"name": AGENCY},
    "AgencyService/ListAgencies": {},
    "AgencyService/SuspendAgency": {"name": AGENCY},
    "AgencyService/ResumeAgency": {"name": AGENCY},
    "AgencyService/DeleteAgency": {"name": AGENCY},
    "LocationService/GetLocation": {"name": LOCATION},
    "LocationService/ListLocations": {"parent": AGENCY},
    "LocationService/MoveLocation": {"name": LOCATION, "destination_agency": AGENCY},
    "LocationService/DeleteLocation": {"name": LOCATION},
    "FailedJobService/ListFailedJobs": {"parent": AGENCY},
    "FailedJobService/RetryFailedJob": {"name": f"{AGENCY}/failedJobs/f1"},
    "FailedJobService/DropFailedJob": {"name": f"{AGENCY}/failedJobs/f1"},
    "AgencyService/ListAgencyWebhookEndpoints": {"parent": AGENCY},
    "AgencyService/ListAgencyQuotas": {"parent": AGENCY},
    "EncryptionKeyService/GetEncryptionKey": {"name": "encryptionKeys/k1"},
    "EncryptionKeyService/ListEncryptionKeys": {},
    "EncryptionKeyService/RotateEncryptionKey": {"name": "encryptionKeys/k1"},
    "ApiKeyService/CreateApiKey": {
        "parent": AGENCY,
        "api_key": {"locations": [LOCATION], "scopes": ["posts.read"], "display_name": "theirs"},
    },
    "ApiKeyService/GetApiKey": {"name": KEY},
    "ApiKeyService/ListApiKeys": {"parent": AGENCY},
    "ApiKeyService/UpdateApiKey": {"api_key": {"name": KEY, "display_name": "other"}},
    "ApiKeyService/RotateApiKey": {"name": KEY},
    "ApiKeyService/RevokeApiKey": {"name": KEY},
}


def sound(method: str, tenant: Tenant) -> Any:
    """Return a request of the method that nothing is wrong with."""
    return ADMIN_METHODS[method].request(**filled(VALUES[method], asdict(tenant)))
