"""The subject of a quota: a connection, the vendor's user or agency behind its grant, an account, or a whole provider.

Owns a subject's two names: the ledger's key, which all who share the limit share, and the name shown to callers. Counts
nothing.
"""

from dataclasses import dataclass

from gateway.domain.context import Domain
from providers.capabilities import QuotaRule
from storage import connections
from storage.accounts import AccountRow
from storage.posts import PostRow


@dataclass(frozen=True, slots=True)
class Subject:
    """Who uses a quota; `grant_subject` is the vendor's id of the user or agency behind the connection's grant.

    `grant_subject` is looked up only where the provider has a rule that counts by it; empty if unknown.
    """

    provider: str
    location: str
    account: str = ""
    connection: str = ""
    grant_subject: str = ""

    def key(self, rule: QuotaRule) -> str:
        """Return the ledger's key: connections of any location whose grants have the same subject share a count."""
        if rule.per == "subject" and self.grant_subject:
            return f"providers/{self.provider}/subjects/{self.grant_subject}"
        return self.name(rule)

    def name(self, rule: QuotaRule) -> str:
        """Return the name shown to the subject's own caller, which does not reveal that others share the count."""
        if rule.per == "provider":
            return f"providers/{self.provider}"
        kind, id = ("accounts", self.account) if rule.per == "account" else ("connections", self.connection)
        return f"locations/{self.location}/{kind}/{id}"


async def of_connection(domain: Domain, provider: str, location: str, connection: str, *, account: str = "") -> Subject:
    """Return the subject of one connection's calls; reads the connection if the provider counts by grant subject."""
    grant_subject = ""
    if any(rule.per == "subject" for rule in domain.providers[provider].table.quotas):
        async with domain.db.read() as tx:
            row = await connections.find(tx, location, connection)
        grant_subject = row.provider_subject if row is not None else ""
    return Subject(provider, location, account, connection, grant_subject)


async def of_account(domain: Domain, row: AccountRow) -> Subject:
    """Return the subject of calls for an account."""
    return await of_connection(domain, row.provider, row.location, row.connection, account=row.id)


async def of_post(domain: Domain, row: PostRow) -> Subject:
    """Return the subject of what a post uses."""
    return await of_connection(domain, row.provider, row.location, row.connection, account=row.account)
