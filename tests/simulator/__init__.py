"""A Docker host, its registry, history and stickers in memory: the fast and breakable side of each interface.

Every class here passes the same contract suite as its real counterpart (``tests/contracts``).
"""
