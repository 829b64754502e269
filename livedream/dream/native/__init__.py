"""A compiled pass through a network on a CPU. The only place that touches private parts of torch on a CPU."""
