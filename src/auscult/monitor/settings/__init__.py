"""``monitor.toml``: ``config`` reads it; its sections are values of the parts of the monitor."""
