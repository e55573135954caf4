"""Campaigns in TikTok's words: the body of a create and of an update, and a row of the list.

Owns `/campaign/…` but for the switch. What may be wanted is in rules.py.
"""

from collections.abc import Mapping
from typing import Any

from providers.models.ads import AdBudget, AdLevel, AdNode, BudgetKind, CampaignSpec
from providers.tiktok_business.ads import words
from providers.tiktok_common import values


def create_body(spec: CampaignSpec, key: str) -> dict[str, Any]:
    """Return the body of a create, paused."""
    return {
        "request_id": words.request_id(key, AdLevel.CAMPAIGN),
        "campaign_name": words.tagged(spec.name, key),
        "objective_type": spec.objective,
        **budget_fields(spec.budget),
        **({"special_industries": list(spec.special_industries)} if spec.special_industries else {}),
        "operation_status": "DISABLE",
    }


def update_body(spec: CampaignSpec, before: CampaignSpec, name: str) -> dict[str, Any]:
    """Return the fields that differ; `name` is the new one as TikTok has it."""
    body: dict[str, Any] = {}
    if spec.name != before.name:
        body["campaign_name"] = name
    if spec.budget != before.budget:
        body["budget"] = float(spec.budget.amount or 0)
    if spec.special_industries != before.special_industries:
        body["special_industries"] = list(spec.special_industries)
    return body


def budget_fields(budget: AdBudget) -> dict[str, Any]:
    """Return a budget in TikTok's words; one without an amount has none."""
    amount = {} if budget.amount is None else {"budget": float(budget.amount)}
    return {"budget_mode": words.BUDGET_MODES[budget.kind], **amount}


def read_budget(row: Mapping[str, Any]) -> AdBudget | None:
    """Parse a budget, None for one of a kind that we do not have."""
    kind = words.ours(words.BUDGET_MODES, values.text(row, "budget_mode"))
    if kind is None:
        return None
    return AdBudget(kind, None if kind is BudgetKind.NONE else words.money(row, "budget"))


def read_node(row: Mapping[str, Any]) -> AdNode:
    """Parse a campaign. One whose ad groups share its budget is not described: its budget means something else."""
    name, tag = words.untagged(values.text(row, "campaign_name"))
    status, budget = values.text(row, "secondary_status"), read_budget(row)
    described = budget is not None and row.get("budget_optimize_on") is not True
    spec = CampaignSpec(
        name=name,
        objective=values.text(row, "objective_type"),
        budget=budget or AdBudget(),
        special_industries=words.strings(row, "special_industries"),
    )
    id = values.identifier(row.get("campaign_id"))
    return AdNode(
        level=AdLevel.CAMPAIGN,
        id=id,
        name=name,
        campaign_id=id,
        spec=spec if described else None,
        switch=words.switch(values.text(row, "operation_status")),
        state=words.state(status),
        vendor_status=status,
        tag=tag,
        create_time=words.time_value(row, "create_time"),
        modify_time=words.time_value(row, "modify_time"),
    )
