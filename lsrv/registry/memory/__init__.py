"""Who gets memory: budgets, exact plans, and the one decision over all entries."""
