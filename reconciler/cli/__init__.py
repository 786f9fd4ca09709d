"""The command line: reads arguments, calls the service, shows what it answers, chooses the exit status.

One file per command group; ``root`` names them all and imports none, so that help and completion start fast.
"""
