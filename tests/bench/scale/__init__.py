"""How costs grow with size: `python -m tests.bench.scale`, which is `make bench-scale`.

Owns measurements, which are no tests: nothing here is collected by pytest.
"""
