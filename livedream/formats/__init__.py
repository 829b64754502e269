"""What sources and sinks both need to know of files: formats, suffixes, times, aspect ratios, recipes in images."""
