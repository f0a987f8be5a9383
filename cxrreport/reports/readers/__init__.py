"""One reader a format, each with `read`."""
