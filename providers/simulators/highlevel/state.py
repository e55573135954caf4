"""The vendor: one object with the state of a simulated HighLevel, and the controls for tests.

Owns: tenants, grants, accounts, posts, ledgers, faults, time. Knows nothing of HTTP requests.
"""

from datetime import datetime, timedelta
from typing import Any

from providers.simulators.common import vendor
from providers.simulators.faults import UPLOAD_KINDS, Fault
from providers.simulators.highlevel import ids, media_fetch
from providers.simulators.highlevel.config import SCOPES, SimulatorConfig
from providers.simulators.highlevel.grants import Grant, Grants, token_answer
from providers.simulators.highlevel.ledger import Created, Published
from providers.simulators.highlevel.limits import Windows
from providers.simulators.highlevel.media_files import MediaFiles
from providers.simulators.highlevel.operations import NAMES
from providers.simulators.highlevel.planner import Planner
from providers.simulators.highlevel.planner_resources import Comment, CsvImport, first_categories, first_tags
from providers.simulators.highlevel.platforms import OpenPopup, PendingConsent, first_identities
from providers.simulators.highlevel.post_records import PostRecord
from providers.simulators.highlevel.social_accounts import SimAccount, SocialAccounts
from providers.simulators.highlevel.tenants import COMPANY, OWNER, Tenants
from providers.simulators.highlevel.webhooks import WebhookSender


class Vendor(vendor.Vendor):
    """A simulated HighLevel. Tests read the ledgers and may use the controls at any time, also while calls run."""

    config: SimulatorConfig
    webhooks: WebhookSender
    sender = WebhookSender

    def reset(self) -> None:
        """Discard everything but the configuration and the webhooks' key. The app is installed nowhere."""
        super().reset()
        self.tenants = Tenants()
        self.accounts = SocialAccounts(self.entropy, self.now())
        self.identities = first_identities()
        self.grants = Grants(self.config, self.entropy)
        self.installs: dict[str, datetime] = {}
        self.windows = Windows(self.config)
        self.media_files = MediaFiles()
        self.popups: dict[str, OpenPopup] = {}
        self.pending_consents: dict[str, PendingConsent] = {}
        self.uploaded_csvs: dict[str, list[dict[str, str]]] = {}
        self.imports: dict[str, CsvImport] = {}
        self.comments: dict[str, Comment] = {}
        self.categories = first_categories(self.entropy, self.now())
        self.tags = first_tags(self.entropy, self.now())
        self.created: list[Created] = []
        self.planner = Planner(config=self.config, entropy=self.entropy, accounts=self.accounts, fetch=self._fetch)

    def _fetch(self, record: PostRecord) -> None:
        self.spawn(lambda: media_fetch.pull(self, self.planner, self.media_files, record))

    # Time and tasks

    def settle(self) -> None:
        """Apply everything that is due, and start tasks that were spawned outside an event loop."""
        self.planner.settle(self.now())
        super().settle()

    # Ledgers

    @property
    def posts(self) -> list[Published]:
        """Every post that exists on a network now, in the order of publishing."""
        self.planner.settle(self.now())
        return self.planner.published

    def check_fault(self, fault: Fault) -> None:
        """Raise ValueError for an unknown operation, and for a fault of chunked uploads."""
        if fault.kind in UPLOAD_KINDS or fault.match not in {*NAMES, "*"}:
            raise ValueError(f"there is no {fault.match} with {fault.kind} here")

    # Controls: tokens and installations

    def tokens(self, grant: Grant) -> dict[str, Any]:
        """Return a new pair of tokens in the format of the token endpoint."""
        now = self.now()
        return token_answer(
            self.config, grant, self.grants.issue_access(grant, now), self.grants.issue_refresh(grant, now)
        )

    def grant(self, location_id: str | None = None, scopes: tuple[str, ...] = SCOPES) -> dict[str, Any]:
        """Return tokens as after a consent: of a location, in which the app then is installed, or of the company."""
        if location_id is not None:
            self.installs.setdefault(location_id, self.now())
        return self.tokens(Grant(COMPANY, location_id, scopes, OWNER))

    def private_token(self, location_id: str | None = None, scopes: tuple[str, ...] = SCOPES) -> str:
        """Return a Private Integration Token of a location, or of the agency."""
        return self.grants.new_private(Grant(COMPANY, location_id, scopes, OWNER))

    def install(self, location_ids: list[str], *, user_id: str = OWNER, company: bool = False) -> None:
        """Install the app and send INSTALL; for an agency's install without locations it names the company."""
        values = {"companyId": COMPANY, "userId": user_id, "companyName": "Sim Agency", "isWhitelabelCompany": False}
        for location_id in location_ids:
            self.installs[location_id] = self.now()
            self.webhooks.send("INSTALL", installType="Location", locationId=location_id, **values)
        if company and not location_ids:
            self.webhooks.send("INSTALL", installType="Company", **values)

    def uninstall(self, target: str) -> bool:
        """Uninstall the app from a location, or from the company and all its locations, and send UNINSTALL.

        Return False when it was not installed.
        """
        gone = list(self.installs) if target == COMPANY else [each for each in self.installs if each == target]
        ended = [self.grants.end(each) for each in {*gone, target}]
        for location_id in gone:
            del self.installs[location_id]
            self.webhooks.send("UNINSTALL", locationId=location_id, companyId=COMPANY)
        if target == COMPANY:
            self.webhooks.send("UNINSTALL", companyId=COMPANY)
        return bool(gone) or any(ended)

    def expire_access_tokens(self, resource: str | None = None) -> int:
        """Expire the access tokens of a location or company, or all; refresh tokens stay valid. Return the number."""
        return self.grants.expire_access(self.now(), resource)

    # Controls: accounts and posts

    def set_account(self, account_id: str, **changes: Any) -> SimAccount:
        """Change any field of an account; `expired` True expires it, False renews it. Raise KeyError, TypeError."""
        self.settle()
        if (expired := changes.pop("expired", None)) is not None:
            changes["expire"] = self.now() + timedelta(days=0 if expired else 365)
        account = self.accounts.change(account_id, **changes)
        self.settle()
        return account

    def fail_next_publish(self, error: str) -> None:
        """Let the next post that leaves in_progress fail with `error`."""
        self.planner.failures.append(error)

    def review(self, post_id: str, *, approve: bool) -> None:
        """Decide as the approver: schedule the post, or make it a draft again. Raise KeyError, ValueError."""
        record = self.planner.records[post_id]
        if record.status != "in_review":
            raise ValueError("it is not in review")
        details = dict(record.details.get("postApprovalDetails") or {})
        details["approvalStatus"] = "approved" if approve else "rejected"
        record.details["postApprovalDetails"] = details
        record.place("scheduled" if approve else "draft", record.schedule, self.now())
        self.planner.add(record)
        self.settle()

    def add_comment(self, *, location_id: str, platform: str, parent_id: str, **values: Any) -> Comment | None:
        """Add a comment to a post of the planner or to another comment. Return None when there is no such parent."""
        parent, post = self.comments.get(parent_id), self.planner.records.get(parent_id)
        if parent is None and post is None:
            return None
        origin = self.accounts.by_id.get(post.account_ids[0]) if post is not None and post.account_ids else None
        comment = Comment(
            id=ids.mongo(self.entropy),
            location_id=location_id,
            platform=platform,
            parent_id=parent_id,
            post_id=parent.post_id if parent is not None else parent_id,
            origin_id=parent.origin_id if parent is not None else origin.origin_id if origin is not None else "",
            time=self.now(),
            **{"content": "Nice!", "author": "Somebody", **values},
        )
        self.comments[comment.id] = comment
        return comment
