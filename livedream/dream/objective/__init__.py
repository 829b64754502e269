"""What to dream of: terms, the objective they add up to, its language, and the network that has its layers."""
