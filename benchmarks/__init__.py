"""Comparisons of livedream with other implementations, and the page RESULTS.md; scripts/benchmark runs them."""
