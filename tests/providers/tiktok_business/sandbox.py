"""TikTok for Business in a sandbox: the provider, the simulated vendor behind it, and a browser that consents.

Owns how a code and a grant are obtained, for each kind of grant. Knows no contract test.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from providers.interface import Authorization
from providers.models.grants import ConsentRequest, GrantKind
from providers.simulators.tiktok_business import Vendor
from providers.tiktok import TikTok
from tests.fixtures.consent import decide
from tests.providers.faking import VERIFIER, Line, Renewing

REDIRECT = "https://gateway.example/oauth/tiktok/callback"


@dataclass
class Sandbox:
    """A provider, the simulated vendor behind it, and a browser; `kind` is that of its grants."""

    provider: TikTok
    vendor: Vendor
    browser: httpx.AsyncClient
    line: Line
    kind: GrantKind

    @property
    def authorization(self) -> Authorization:
        """The grants of this kind."""
        return self.provider.authorizations[self.kind]

    async def code(self, *scopes: str) -> str:
        """Complete the consent page; return the code."""
        asked = ConsentRequest("st", VERIFIER, REDIRECT, self.authorization.scopes)
        back = await decide(self.browser, self.authorization.consent_uri(asked), scopes=scopes or None)
        return parse_qs(urlsplit(back).query)["code"][0]

    async def connect(self, *scopes: str) -> Renewing:
        """Connect whoever consents."""
        code = await self.code(*scopes)
        grant = await self.authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)
        return Renewing(self.authorization, grant)
