"""The contract itself: its shape, its comments, its generated code, and the retry policy that ships with it."""
