"""The contract tests of every provider, one file per facet, run over each simulator and over the real vendor."""
