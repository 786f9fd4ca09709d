"""Apprise: one address for any of the services that the library of that name speaks with.

The library is imported where such a channel is configured, and nowhere else. It blocks, and nobody can say for how
long: each letter is sent by a thread of its own that nobody waits for at the end, and none begins while one is at
it.

Invariant: no error and no log line tells the address, which is a credential as a rule.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from reconciler.errors import InvalidSettings
from reconciler.notify.channel import ChannelType, Undelivered
from reconciler.notify.wording import Letter

WITHIN_S: Final = 30.0


class Apprise:
    """Opened with the address in a file's content. Raises InvalidSettings."""

    type: ChannelType = "apprise"

    def __init__(self, name: str, address: str, *, path: Path, within_s: float = WITHIN_S) -> None:
        self.name = name
        self._within_s = within_s
        self._busy = threading.Lock()
        self._kinds, self._service = _open(name, address, path)

    async def send(self, letter: Letter) -> None:
        """Try once. Raises Undelivered."""
        if not self._busy.acquire(blocking=False):
            raise Undelivered("what was sent before is still on its way")
        loop = asyncio.get_running_loop()
        sent: asyncio.Future[bool] = loop.create_future()

        def tell(delivered: bool) -> None:  # noqa: FBT001  (what the library says)
            if not sent.done():
                sent.set_result(delivered)

        def work() -> None:
            try:
                delivered = self._notify(letter)
            finally:
                self._busy.release()
            with suppress(RuntimeError):  # the loop has ended, and with it everybody who waited
                loop.call_soon_threadsafe(tell, delivered)

        threading.Thread(target=work, name=f"notify-{self.name}", daemon=True).start()
        try:
            async with asyncio.timeout(self._within_s):
                delivered = await sent
        except TimeoutError:
            raise Undelivered(f"not sent within {self._within_s:g} s") from None
        if not delivered:
            raise Undelivered("apprise could not deliver it; try the address with its own command")

    def _notify(self, letter: Letter) -> bool:
        kind = self._kinds.SUCCESS if letter.status == "resolved" else self._kinds.WARNING
        try:
            return bool(self._service.notify(title=letter.title, body=letter.text, notify_type=kind))
        except Exception:  # noqa: BLE001  (whatever a service's plugin raises may quote its address)
            return False


def _open(name: str, address: str, path: Path) -> tuple[Any, Any]:
    """The library's words for kinds of messages, and the service at the address."""
    if find_spec("apprise") is None:
        raise InvalidSettings(
            f"the channel {name} needs apprise, which is not installed",
            hint="install the extra: pip install '.[notify]' in a checkout, or build the image with EXTRAS=notify",
        )
    logging.getLogger("apprise").disabled = True  # its lines may quote the address
    import apprise  # noqa: PLC0415  (an extra, and slow to load)

    service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="reconciler", async_mode=False))
    if not service.add(address):
        raise InvalidSettings(
            f"the channel {name}: {path} holds no address that apprise knows",
            hint="one line, as apprise's own documentation has them for each service",
        )
    return apprise.NotifyType, service
