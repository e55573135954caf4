"""The contract tests of every provider, one class per facet, run over each simulator and over the real vendor."""
