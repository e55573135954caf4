"""Who may administer what: an operator every agency, an administrator its own.

Owns the check that every method makes before it looks anything up. Does not know how a caller was authenticated.
"""

from gateway.caller import OPERATE_SCOPE, Caller
from gateway.errors import AgencyForbidden, ScopeMissing


def require_operator(caller: Caller) -> None:
    """Raise ScopeMissing unless the caller is an operator."""
    if not caller.operates:
        raise ScopeMissing(OPERATE_SCOPE)


def require_agency(caller: Caller, agency: str) -> None:
    """Raise AgencyForbidden unless the caller is an operator, or administers this agency with a key for all of it.

    A key for some locations only administers nothing: it could give itself the others.
    """
    if not caller.operates and (caller.agency != agency or caller.locations is not None):
        raise AgencyForbidden(agency)
