"""The signature of a webhook's message, as Standard Webhooks 1.0 wants it, so that libraries of every language
check it.

Signed are id, time and body together: who repeats an old message cannot make it look new, and nothing of it can be
changed. The time is that of the try, the id that of the message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from reconciler.core.secret import Secret

PREFIX: Final = "whsec_"
LEAST, MOST = 24, 64
"""Bytes of a secret, as the standard bounds them."""


def headers(secret: Secret, *, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of one try; ``at``: seconds since the epoch."""
    signed = f"{message_id}.{at}.".encode() + body
    mac = base64.b64encode(hmac.new(secret.reveal(), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{mac}"}


def read_secret(content: bytes) -> Secret:
    """The secret that a file holds: base64, with the standard's prefix or without. Raises ValueError, which says
    what is wrong and tells nothing of it.
    """
    try:
        value = base64.b64decode(content.decode("ascii").strip().removeprefix(PREFIX), validate=True)
    except (UnicodeDecodeError, binascii.Error):
        raise ValueError("is not base64") from None
    if not LEAST <= len(value) <= MOST:
        raise ValueError(f"has {len(value)} bytes, allowed: {LEAST} to {MOST}")
    return Secret(value)
