"""What the machine offers: threads, precision, and what to do when memory runs out."""
