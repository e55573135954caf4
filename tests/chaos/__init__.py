"""What survives kills, freezes and lost answers: real processes, a real database, a vendor that keeps a ledger."""
