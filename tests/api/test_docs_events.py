"""The page about events has each type of the contract."""

import re
from pathlib import Path

from gateway.rpc.event_to_proto import PREFIX
from socialgateway.v1 import event_pb2

PAGE = Path(__file__).resolve().parents[2] / "docs/events.md"


def test_every_type_of_event_is_explained() -> None:
    """The table has a row for each type, and none for what is not one."""
    types = {name.removeprefix(PREFIX) for name in event_pb2.EventType.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert types == set(re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| [^|]+ \|$", PAGE.read_text(), re.MULTILINE))
