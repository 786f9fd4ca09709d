"""Tests of the room ``compose``."""
