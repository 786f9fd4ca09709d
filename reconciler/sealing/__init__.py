"""What is for one reader, and what is by one writer: credentials sealed to an agent, tasks signed by a release
key, and data encrypted where it lies.

Three kinds of keys, none of them that of TLS: who owns the channel, or the orchestrator's disk, can neither read
what is sealed nor give orders that are not signed.
"""
