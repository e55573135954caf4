"""The switches of campaigns, ad groups and ads: enabled, paused, deleted for ever, each node with its own error.

Owns: /campaign|adgroup|ad/status/update/.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.ads.tree import PLURAL, SCOPES
from providers.simulators.tiktok_business.ads.wire import advertiser_of, ids_in
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.nodes import SimNode
from providers.simulators.tiktok_business.wire import Values, choice, envelope, json_body, vendor_of

MOST = 20
SWITCHES = ("ENABLE", "DISABLE", "DELETE")


async def _switch(request: Request, *, level: str) -> Response:
    """Switch up to 20 nodes. Of ad groups some may fail if the caller allows it (20001), of ads and campaigns too."""
    values = await json_body(request)
    advertiser = advertiser_of(request, f"{level}.status", SCOPES[level][1], values)
    ids = ids_in(values, PLURAL[level], MOST)
    wanted = choice(values, "operation_status", SWITCHES)
    vendor = vendor_of(request)
    found: dict[str, SimNode] = {}
    errors: list[Values] = []
    for id in ids:
        try:
            node = vendor.marketing.node(level, id, advertiser.advertiser_id)
            if node.operation_status == "DELETE" and wanted != "DELETE":
                raise VendorError(40002, f"{level}_id: is deleted")
            found[id] = node
        except VendorError as error:
            errors.append({f"{level}_id": id, "error_code": error.code, "error_message": error.message})
    if errors and (not found or (level == "adgroup" and values.get("allow_partial_success") is not True)):
        raise VendorError(int(errors[0]["error_code"]), str(errors[0]["error_message"]))
    for node in found.values():
        if node.operation_status != wanted and wanted == "ENABLE":
            vendor.marketing.launched.append((level, node.id))
        node.operation_status, node.modified = wanted, vendor.now()
    data = {PLURAL[level]: list(found), "status": wanted, **({"error_list": errors} if errors else {})}
    return envelope(vendor, data, 20001 if errors else 0, "Partial success" if errors else "OK")


campaign, adgroup, ad = (partial(_switch, level=level) for level in PLURAL)
