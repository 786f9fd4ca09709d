"""Random faults on many documents at once, from a seed, and the oracle whenever it is quiet."""
