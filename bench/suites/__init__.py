"""One file a suite; each registers itself (``bench.suite``). Their order here is that of their names."""
