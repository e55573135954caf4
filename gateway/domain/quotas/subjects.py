"""On whose behalf a quota is counted: a connection, whom its grant speaks for, an account, or a whole provider.

Owns both names of it: the ledger's, which all share who share the limit, and the one that a caller is shown. Counts
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
    """Who uses a quota; `granted` is the vendor's name of whom the connection's grant speaks for, empty if not known.

    `granted` is looked up only where the provider has a rule that counts by it.
    """

    provider: str
    location: str
    account: str = ""
    connection: str = ""
    granted: str = ""

    def key(self, rule: QuotaRule) -> str:
        """Name it in the ledger: connections of any location whose grants speak for one and the same share a count."""
        if rule.per == "subject" and self.granted:
            return f"providers/{self.provider}/subjects/{self.granted}"
        return self.name(rule)

    def name(self, rule: QuotaRule) -> str:
        """Name it to its own caller, who does not learn from it that others share the count."""
        if rule.per == "provider":
            return f"providers/{self.provider}"
        kind, id = ("accounts", self.account) if rule.per == "account" else ("connections", self.connection)
        return f"locations/{self.location}/{kind}/{id}"


async def of_connection(domain: Domain, provider: str, location: str, connection: str, *, account: str = "") -> Subject:
    """Return the subject of one connection's calls; one read where the provider counts by whom a grant speaks for."""
    granted = ""
    if any(rule.per == "subject" for rule in domain.providers[provider].table.quotas):
        async with domain.db.read() as tx:
            row = await connections.find(tx, location, connection)
        granted = row.provider_subject if row is not None else ""
    return Subject(provider, location, account, connection, granted)


async def of_account(domain: Domain, row: AccountRow) -> Subject:
    """Return the subject of what is done with an account."""
    return await of_connection(domain, row.provider, row.location, row.connection, account=row.id)


async def of_post(domain: Domain, row: PostRow) -> Subject:
    """Return the subject of what a post uses."""
    return await of_connection(domain, row.provider, row.location, row.connection, account=row.account)
