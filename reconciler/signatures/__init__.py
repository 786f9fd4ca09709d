"""Signatures of images: reads and checks what ``cosign`` makes with a key of its own. Signs nothing."""
