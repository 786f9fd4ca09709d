"""What a member can say of its own passport before it connects: in words, because TLS says none.

With TLS 1.3 a client whose certificate is refused only sees its connection end. So the member looks itself, first,
and tells what is wrong: the clock, the certificate, the authority. Pure: the time is handed in.

Decides too when a certificate is renewed: at a point between 50 and 70 % of its life that the caller's chance
chooses, so that a fleet that was enrolled together does not come back together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from reconciler.tls.certificates import BACKDATED
from reconciler.tls.passport import Passport
from reconciler.tls.passport_folder import Papers

TOLERATED: Final = timedelta(minutes=5)
"""Between two clocks; certificates bear an hour, tasks that expire bear less."""

EARLIEST: Final = 0.5
LATEST: Final = 0.7

State = Literal["none", "asking", "early", "expired", "unproven", "due", "valid"]
"""``none``: never enrolled; ``asking``: enrolling; ``early``: by this clock none counts yet; ``expired``: none
counts any more; ``unproven``: a new one is there and has to work once; ``due``: to be renewed; ``valid``.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``passport``: the one to connect with, where one counts; ``left``: until it ends, negative after that."""

    state: State
    passport: Passport | None = None
    left: timedelta | None = None


def renewal_point(passport: Passport, chance: float) -> datetime:
    """When to renew. ``chance``: from 0 to 1, drawn once for each passport."""
    life = passport.ends - passport.begins
    return passport.begins + life * (EARLIEST + (LATEST - EARLIEST) * chance)


def standing(papers: Papers, *, now: datetime, chance: float) -> Standing:
    """How a member stands with what lies in its folder."""
    found = papers.to_try
    if not found:
        return Standing(state="asking" if papers.asking else "none")
    counting = [item for item in found if item.begins <= now < item.ends]
    if not counting:
        newest = max(found, key=lambda item: item.ends)
        state: State = "early" if now < newest.begins else "expired"
        return Standing(state=state, left=newest.ends - now)
    chosen, left = counting[0], counting[0].ends - now
    if chosen is papers.unproven:
        return Standing(state="unproven", passport=chosen, left=left)
    due = now >= renewal_point(chosen, chance)
    return Standing(state="due" if due else "valid", passport=chosen, left=left)


def problems(passport: Passport, *, now: datetime, server_says: datetime | None = None) -> tuple[str, ...]:
    """All that is wrong, each in a sentence that says what to do; nothing where nothing is.

    ``server_says``: the server's time, where it is known; it is believed as little as who said it, so it explains
    and decides nothing.
    """
    found = (_too_early(passport, now), _expired(passport, now), clock_difference(now, server_says))
    return tuple(item for item in found if item)


def refused_by(server_roots: tuple[str, ...], passport: Passport) -> str:
    """Why a server whose authority has these roots (fingerprints) and the member with this passport will not take
    each other; "" where they have one in common.
    """
    if set(server_roots) & set(passport.trusted):
        return ""
    return (
        f"the server is of another authority: its root is {_short(server_roots)}, and the certificate of "
        f"{passport.member} is of {_short(passport.trusted)}. Check the server's address; where its authority was "
        "made anew, enroll again with a new join token"
    )


def clock_difference(now: datetime, server_says: datetime | None) -> str:
    """What to say where this host and the server do not agree on the time; "" where they do."""
    if server_says is None or abs(server_says - now) <= TOLERATED:
        return ""
    way = "behind" if now < server_says else "ahead of"
    return (
        f"this host's clock is {_span(abs(server_says - now))} {way} the server's ({_moment(now)} here, "
        f"{_moment(server_says)} there): set the one that is wrong"
    )


def _too_early(passport: Passport, now: datetime) -> str:
    if now >= passport.begins:
        return ""
    made = passport.begins + BACKDATED
    return (
        f"the certificate of {passport.member} does not count yet: it was made at {_moment(made)}, and this "
        f"host's clock says {_moment(now)}. The clock is at least {_span(made - now)} behind: set it "
        "('timedatectl' shows whether it is kept right)"
    )


def _expired(passport: Passport, now: datetime) -> str:
    if now < passport.ends:
        return ""
    ago = _span(now - passport.ends)
    return (
        f"the certificate of {passport.member} expired at {_moment(passport.ends)}, {ago} ago by this host's "
        f"clock ({_moment(now)}). If the clock is right, enroll again with a new join token; the name and all "
        "that runs here stay"
    )


def _short(roots: tuple[str, ...]) -> str:
    return " or ".join(item[:16] for item in roots) or "unknown"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _span(length: timedelta) -> str:
    """In the two largest units: ``2 d 3 h``."""
    seconds = int(length.total_seconds())
    units = (
        ("d", seconds // 86400),
        ("h", seconds // 3600 % 24),
        ("min", seconds // 60 % 60),
        ("s", seconds % 60),
    )
    first = next((place for place, (_, count) in enumerate(units) if count), len(units) - 1)
    return " ".join(f"{count} {unit}" for unit, count in units[first : first + 2] if count) or "0 s"
