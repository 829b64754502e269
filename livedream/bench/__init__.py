"""`livedream bench`: measures throughput, latency, temporal stability and looks on this machine."""
