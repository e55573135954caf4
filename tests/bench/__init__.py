"""What the gateway costs beside a bare server of the same kind, on this machine: `python -m tests.bench`.

Owns measurements, which are no tests: nothing here is collected by pytest.
"""
