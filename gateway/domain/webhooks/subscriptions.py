"""Where vendors deliver: the gateway sets its own address at those that have a call for it, if the operator chose that.

Owns which address, and that it is set again and again: whatever was lost, or changed by somebody else, is mended by the
next round. Any number of processes may do it.
"""

from gateway import log
from gateway.domain.context import Domain
from providers.capabilities import Capability
from providers.errors import ProviderError

_log = log.get("gateway.webhooks")

PATH = "/webhooks/{0}"


async def keep(domain: Domain) -> None:
    """Have every vendor deliver here; one that refuses is logged, and asked again in the next round."""
    for name, provider in domain.providers.items():
        if not provider.table.can(Capability.WEBHOOKS):
            continue
        try:
            if await provider.webhooks.subscribe(domain.public_url.rstrip("/") + PATH.format(name)):
                _log.info("webhooks subscribed", provider=name)
        except ProviderError as error:
            _log.warning("webhooks not subscribed", provider=name, code=error.code, error=type(error).__name__)
