"""Webhooks about comments: a new one is kept and told once, whether the webhook or a sync sees it first.

Owns what they change in the store. A notice says little of a comment; the next sync completes it.
"""

from gateway.domain.context import Domain
from gateway.domain.engagement import store
from gateway.domain.webhooks import result
from gateway.domain.webhooks.result import APPLIED, NO_CHANGE, NO_CONNECTION, Result
from providers.models.webhooks import CommentAction, CommentNotice, Webhook
from storage import accounts, engagement
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.engagement import StoredComment
from storage.states import AccountState


async def apply(domain: Domain, provider: str, webhook: Webhook, event_id: str) -> Result:
    """Apply a notice to the account of its user, in every location where it is connected."""
    outcomes = set()
    for connection in await result.live_connections(domain, provider, webhook):
        async with domain.db.transaction() as tx:
            for account in await accounts.of_connection(tx, connection.location, connection.id):
                own = account.provider_account_id == webhook.subject and account.state == AccountState.ACTIVE
                own = own and await store.is_attached(tx, account)
                if own and domain.providers[provider].table.has_comments(account.platform):
                    outcomes.add(await _apply(domain, tx, account, webhook, event_id))
    return Result("+".join(sorted(outcomes)) or NO_CONNECTION)


async def _apply(domain: Domain, tx: Transaction, account: AccountRow, webhook: Webhook, event_id: str) -> str:
    notice = webhook.comment
    if notice is None:
        return NO_CHANGE
    location, id, now = account.location, account.id, domain.clock()
    if notice.action is CommentAction.WRITTEN:
        row = _row(account, notice, webhook, domain)
        row.own = await engagement.is_own_author(tx, location, id, notice.author_id)
        if not await engagement.add_comment(tx, row):
            return NO_CHANGE
        if not row.own:
            await store.record_received(tx, row, now, event_id)
    elif notice.action is CommentAction.DELETED:
        await engagement.remove_comment(tx, location, id, notice.comment, now)
    else:
        hidden = notice.action is CommentAction.HIDDEN
        await engagement.change_comment(tx, location, id, notice.comment, hidden=hidden)
    return APPLIED


def _row(account: AccountRow, notice: CommentNotice, webhook: Webhook, domain: Domain) -> StoredComment:
    now = domain.clock()
    return StoredComment(
        location=account.location,
        account=account.id,
        comment=notice.comment,
        video=notice.video,
        reply_to=notice.reply_to,
        text=notice.text,
        author_id=notice.author_id,
        publish_time=webhook.occur_time or now,
        fetch_time=now,
    )
