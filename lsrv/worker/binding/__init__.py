"""What binds an answer: its grammar on the way to a matcher, its marks as tokens, the budget of its thoughts."""
