"""Real parts for tests, demo and benchmarks: a Docker engine, a registry, images, proxies that watch or tamper.

Plain Python: nothing here imports pytest. Every part is private to its user (own folder, own port, own bridge),
can be killed and started again, and leaves nothing behind when it is removed.
"""
