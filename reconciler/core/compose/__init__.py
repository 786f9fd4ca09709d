"""Decisions about ComposeProject documents: whose a container is, what differs, what is to be done. Pure."""
