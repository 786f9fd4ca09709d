"""``make demo``: the main stories, told on real containers."""
