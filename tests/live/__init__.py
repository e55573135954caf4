"""The contract classes against the real vendors: with real credentials, never by `make test`."""
