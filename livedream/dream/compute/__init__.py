"""What the machine offers: threads, precision, durations, and what to do when memory runs out."""
