"""The contract tests against the real vendors: with real credentials, never by `make test`."""
