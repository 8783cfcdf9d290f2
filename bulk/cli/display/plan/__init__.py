"""How a plan looks to people: its review, its cost, and its persons."""
