"""Networks: which there are, and how they are loaded."""

from livedream.models.registry import Network, build, find_network, load, network_names, network_table, weights_file

__all__ = ["Network", "build", "find_network", "load", "network_names", "network_table", "weights_file"]
