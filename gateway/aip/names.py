"""Resource names: formatting, parsing and validation.

Owns the contract's name patterns and the format of ids. Does not know whether a resource exists or who may see it.
"""

import re
from dataclasses import dataclass, field

from gateway.errors import FieldInvalid

WILDCARD = "-"
# Vendors' ids become parts of names, and HighLevel's have upper case: more is accepted than we generate.
_ID = r"(?!-(?:/|\Z))[A-Za-z0-9_-]{1,64}"
_ID_OR_WILDCARD = r"[A-Za-z0-9_-]{1,64}"
_OWN_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of resource name, such as `locations/{location}/posts/{post}`."""

    template: str
    _strict: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _loose: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the template twice: for ids only, and with the wildcard `-` allowed."""
        object.__setattr__(self, "_strict", _compile(self.template, _ID))
        object.__setattr__(self, "_loose", _compile(self.template, _ID_OR_WILDCARD))

    def parse(self, name: str, *, path: str = "name", wildcard: bool = False) -> tuple[str, ...]:
        """Return the ids in `name`, in order.

        `path` is the request field that holds the name; `wildcard` accepts `-` for "any". Raises FieldInvalid.
        """
        found = (self._loose if wildcard else self._strict).fullmatch(name)
        if found is None:
            # The name is not repeated in the message: it may be of any length, or a secret pasted by mistake.
            raise FieldInvalid(path, f"must look like {self.template}")
        return found.groups()

    def parse_in(self, location: str, name: str, *, path: str) -> str:
        """Return the id in the `name` of a resource that must belong to this location; raises FieldInvalid."""
        found, id = self.parse(name, path=path)
        if found != location:
            kind = self.template.rpartition("{")[2].rstrip("}")
            article = "an" if kind[0] in "aeiou" else "a"
            raise FieldInvalid(path, f"must be {article} {kind} of locations/{location}")
        return id

    def format(self, *ids: str) -> str:
        """Return the name with these ids filled in, in order."""
        parts = iter(ids)
        return re.sub(r"\{\w+\}", lambda _: next(parts), self.template)


def _compile(template: str, id_pattern: str) -> re.Pattern[str]:
    """Compile a template into a regular expression whose groups are the ids."""
    return re.compile(re.sub(r"\{\w+\}", lambda _: f"({id_pattern})", template))


PROVIDER = Pattern("providers/{provider}")
LOCATION = Pattern("locations/{location}")
CONNECTION = Pattern("locations/{location}/connections/{connection}")
ACCOUNT = Pattern("locations/{location}/accounts/{account}")
CREATOR_INFO = Pattern("locations/{location}/accounts/{account}/creatorInfo")
VIDEO = Pattern("locations/{location}/accounts/{account}/videos/{video}")
COMMENT = Pattern("locations/{location}/accounts/{account}/comments/{comment}")
ENGAGEMENT_SYNC = Pattern("locations/{location}/engagementSyncs/{engagement_sync}")
QUOTA = Pattern("locations/{location}/accounts/{account}/quotas/{quota}")
UPLOAD = Pattern("locations/{location}/uploads/{upload}")
POST = Pattern("locations/{location}/posts/{post}")
POST_IMPORT = Pattern("locations/{location}/postImports/{post_import}")
CATEGORY = Pattern("locations/{location}/connections/{connection}/categories/{category}")
TAG = Pattern("locations/{location}/connections/{connection}/tags/{tag}")
WEBHOOK_ENDPOINT = Pattern("locations/{location}/webhookEndpoints/{webhook_endpoint}")
AD_ACCOUNT = Pattern("locations/{location}/adAccounts/{ad_account}")
CAMPAIGN = Pattern("locations/{location}/adAccounts/{ad_account}/campaigns/{campaign}")
AD_GROUP = Pattern("locations/{location}/adAccounts/{ad_account}/campaigns/{campaign}/adGroups/{ad_group}")
AD = Pattern("locations/{location}/adAccounts/{ad_account}/campaigns/{campaign}/adGroups/{ad_group}/ads/{ad}")
AD_REPORT = Pattern("locations/{location}/adAccounts/{ad_account}/adReports/{ad_report}")
AUDIENCE = Pattern("locations/{location}/adAccounts/{ad_account}/audiences/{audience}")
EVENT = Pattern("locations/{location}/events/{event}")
API_KEY = Pattern("apiKeys/{api_key}")
AGENCY = Pattern("agencies/{agency}")
FAILED_JOB = Pattern("agencies/{agency}/failedJobs/{failed_job}")
ENCRYPTION_KEY = Pattern("encryptionKeys/{encryption_key}")
AGENCY_API_KEY = Pattern("agencies/{agency}/apiKeys/{api_key}")


def provider(name: str, *, path: str = "provider") -> str:
    """Return the id in `providers/{provider}`; raises FieldInvalid."""
    return PROVIDER.parse(name, path=path)[0]


def location(name: str, *, path: str = "parent", wildcard: bool = False) -> str:
    """Return the id in `locations/{location}`; raises FieldInvalid."""
    return LOCATION.parse(name, path=path, wildcard=wildcard)[0]


def check_own_id(value: str, *, path: str) -> str:
    """Return an id that the caller chose for a new resource (AIP-122); raises FieldInvalid if it is malformed.

    It has 1 to 63 characters of a-z, 0-9 and `-`, begins with a letter and does not end with `-`.
    """
    if _OWN_ID.fullmatch(value) is None:
        raise FieldInvalid(path, "must be 1 to 63 characters of a-z, 0-9 and -, begin with a letter, not end with -")
    return value
