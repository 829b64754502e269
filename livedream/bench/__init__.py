"""`livedream bench`: throughput, latency, steadiness and looks, measured on this machine."""
