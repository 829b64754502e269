"""The dream that runs behind the page, without HTTP."""
