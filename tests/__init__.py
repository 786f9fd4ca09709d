"""Tests of the reconciler; helpers shared by several of them are packages below."""
