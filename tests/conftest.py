"""What every test finds at hand.

Owns the list of fixture modules; the fixtures themselves live in `tests/fixtures`.
"""

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.gateway"]
