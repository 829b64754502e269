"""What measures livedream beside others and writes RESULTS.md; run by scripts/benchmark."""
