"""The messages and what is in them, as frozen values. Names are those of the schemas, in Python's spelling."""
