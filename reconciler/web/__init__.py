"""What the reconciler serves over HTTP: read-only, on the loopback address unless told otherwise."""
