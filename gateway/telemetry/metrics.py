"""Every metric of the gateway: its name, kind, labels and meaning, in one table, from which docs/metrics.md is printed.

Owns the names. Does not know who measures, nor how a value leaves the process.

Labels have few values: methods, providers, states, codes of vendors up to a bound. No id, and no tenant unless
`GATEWAY_METRICS_AGENCY_LABEL` asks for agencies.
"""

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "socialgateway_"
AGENCY = "agency"
"""The label that those metrics have which `by_agency` marks, if the settings ask for it."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Kind(StrEnum):
    """How the values of a metric add up."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `name` is without the prefix, and a counter's without `_total`."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS
    by_agency: bool = False

    @property
    def full_name(self) -> str:
        """The name as Prometheus shows it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


CALLS = Metric(
    "call_seconds",
    Kind.HISTOGRAM,
    "gRPC calls, health probes left out: how long they took. A stream counts when it ends.",
    ("method", "code"),
    by_agency=True,
)
VENDOR_CALLS = Metric(
    "vendor_call_seconds",
    Kind.HISTOGRAM,
    "Calls to a vendor with a token, and refreshes (`refresh`): `call` is the quota that counts it, `outcome` `ok` or "
    "the kind of the error.",
    ("provider", "call", "outcome"),
)
VENDOR_REFUSALS = Metric(
    "vendor_refusals",
    Kind.COUNTER,
    "What vendors refused, by their own code; after 64 codes of a provider others count as `other`.",
    ("provider", "code"),
)
QUOTA_USED = Metric(
    "quota_used_ratio",
    Kind.HISTOGRAM,
    "Which part of a vendor's quota was used when a call took its slot: 1 is the last one.",
    ("provider", "quota"),
    TENTHS,
)
QUOTA_REFUSALS = Metric(
    "quota_refusals",
    Kind.COUNTER,
    "Calls that were not made because no slot of the vendor's quota was near.",
    ("provider", "quota"),
)
POSTS = Metric("post_states", Kind.COUNTER, "Posts that got a new state.", ("provider", "state"), by_agency=True)
DELIVERIES = Metric(
    "deliveries", Kind.COUNTER, "Tries to deliver an event to a webhook endpoint: `taken` or `failed`.", ("outcome",)
)
DATABASE = Metric(
    "database_seconds",
    Kind.HISTOGRAM,
    "Transactions and reads, with the wait for a connection: `kind` is `transaction` or `read`.",
    ("kind",),
)
JOBS = Metric(
    "job_seconds",
    Kind.HISTOGRAM,
    "Rounds of the background work, by loop, and steps of posts (`step`): `outcome` is `ok` or `failed`.",
    ("job", "outcome"),
)
DUE_AGE = Metric("due_post_age_seconds", Kind.GAUGE, "How long the oldest due post has been due; 0 if none is.")
EVENTS_BEHIND = Metric(
    "events_behind", Kind.GAUGE, "The most events that any enabled webhook endpoint has not been delivered yet."
)
ENDPOINTS = Metric("webhook_endpoints", Kind.GAUGE, "Webhook endpoints by state.", ("state",))
CONNECTIONS = Metric("connections", Kind.GAUGE, "Connections by provider and status.", ("provider", "status"))
AUDIT_UNSEALED = Metric(
    "audit_unsealed_rows", Kind.GAUGE, "Rows of the audit log that wait for their place in the chain."
)

METRICS = (
    CALLS,
    VENDOR_CALLS,
    VENDOR_REFUSALS,
    QUOTA_USED,
    QUOTA_REFUSALS,
    POSTS,
    DELIVERIES,
    DATABASE,
    JOBS,
    DUE_AGE,
    EVENTS_BEHIND,
    ENDPOINTS,
    CONNECTIONS,
    AUDIT_UNSEALED,
)
