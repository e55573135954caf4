"""Who acts now, and the audit entries of what is done: written in the transaction that does it.

Owns the context variable that carries who acts through a call, and that a call is recorded once. Does not know how a
call ends (`trail.py`).
"""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from gateway import log
from storage import audit
from storage.audit import AuditEntry
from storage.database import Transaction, after_commit
from storage.places import tenant
from storage.states import AuditOutcome

GATEWAY = "gateway"
"""The actor of what the gateway does by itself."""

_NAME = re.compile(r"[A-Za-z]{1,32}(/[A-Za-z0-9._~-]{1,128}){1,12}")
_ID = re.compile(r"[A-Za-z0-9._~,-]{1,512}")
_RECORDED = "audit entry"


@dataclass(slots=True)
class Act:
    """Something that is done for somebody: a call, or a step of work in the background.

    `changes` is whether the method changes something, so that it leaves an entry however it ends; `committed` whether
    its entry was committed with the change.
    """

    method: str
    actor: str = ""
    agency: str = ""
    peer: str = ""
    request_id: str = ""
    changes: bool = False
    resource: str = ""
    committed: bool = False

    def about(self, resource: str) -> None:
        """Remember which resource a change is about, if this is a name: the first one, or what is in the one before."""
        closer = not self.resource or resource.startswith(f"{self.resource}/")
        if self.changes and closer and is_name(resource):
            self.resource = resource

    def entry(self, now: datetime, outcome: AuditOutcome, *, result_id: str = "", reason: str = "") -> AuditEntry:
        """Return the entry that says what has become of this."""
        shown, agency = _shown_id(result_id, self.resource), self.agency or tenant().agency
        return AuditEntry(
            now, agency, self.actor, self.method, self.resource, shown, self.peer, self.request_id, outcome, reason
        )


_BY_ITSELF = Act("", GATEWAY)
current_act: ContextVar[Act] = ContextVar("current_act", default=_BY_ITSELF)
"""What is done now; outside of calls it is the gateway that acts."""


def is_name(text: str) -> bool:
    """Return whether a text is a resource's name and can be stored: nothing else of a request may be."""
    return bool(_NAME.fullmatch(text)) and log.clean_text(text) == text


async def record(tx: Transaction, now: datetime, *, resource: str = "", result_id: str = "", agency: str = "") -> None:
    """Write the entry of the current call, which changes something in `tx`; nothing if it has been written.

    `agency` is whose resource it is, if nobody known to us acts.
    """
    act = current_act.get()
    if not act.changes or act.committed or tx.info.get(_RECORDED):
        return
    act.about(resource)
    act.agency = act.agency or agency
    tx.info[_RECORDED] = True
    await audit.insert(tx, act.entry(now, AuditOutcome.COMMITTED, result_id=result_id))

    def committed() -> None:
        act.committed = True

    after_commit(tx, committed)


async def announce(tx: Transaction, use: Act, now: datetime) -> None:
    """Write the entry of a token's use, in a transaction that is committed before the vendor is called."""
    await audit.insert(tx, use.entry(now, AuditOutcome.ANNOUNCED))


def use_of_token(provider: str, call: str, connection: str) -> Act:
    """Return what whoever acts now does with the token of a connection: one call to its vendor."""
    act = current_act.get()
    return Act(f"{provider}:{call}", act.actor, act.agency, act.peer, act.request_id, resource=connection)


def _shown_id(id: str, resource: str) -> str:
    """Return the id of what was created, "" for the resource itself."""
    if resource.endswith(f"/{id}") or not _ID.fullmatch(id) or log.clean_text(id) != id:
        return ""
    return id
