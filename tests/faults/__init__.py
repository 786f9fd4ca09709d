"""Faults, one readable row each, on real parts; what they show is docs/faults.md."""
