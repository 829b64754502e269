"""What to dream of: terms, the objective they add up to, and its language."""
