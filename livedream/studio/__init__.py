"""The dream in a browser: a page and its server."""
