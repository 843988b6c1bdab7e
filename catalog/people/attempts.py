"""Guessing is slowed down, and nobody is locked out. Counted in Django's default cache, for all doors alike.

A *meter* counts failures. An attempt is counted as one before the password is looked at, so that a hundred attempts at
the same moment are a hundred, and taken back when it was right: successes are not counted. After a meter's free
failures each further attempt has to wait, longer each time up to a limit; who comes too early is refused (429, with
``Retry-After``) at the cost of a look into the cache, and the refusal neither counts nor makes the wait longer. Nothing
sleeps.

Meters of passwords, by what an attacker has:

- *One address, one name.* ``PAIR`` counts the name, as it is looked up, with the address: five free, then 1, 2, 4 … 60 s.
  That is about 1,500 guesses a day, of passwords that are no short and no common ones.
- *One address, many names.* ``ADDRESS`` counts the address: thirty free in an hour, for everybody behind it, then up to 30 s.
- *Thousands of addresses, one name.* ``NAME`` counts the name from everywhere and never refuses: a gate that all callers
  share would be held shut by whoever knocks most often, and the owner would be the one who stays outside. Instead, from
  twenty failures on, each address has one free attempt (``WARY``) and then waits from 5 s up to 60 s. The owner's own
  first attempt from an address without failures is never refused, whatever strangers do. A thousand addresses get about
  sixteen guesses a second together, as far as hashing lets them, which is why a second factor is asked of the roles that matter.
- *The owner's own address* (the same office, the same telephone network, a household). Somebody there can fail under the
  owner's name and hold ``PAIR`` or ``ADDRESS`` shut: each wait that ends is taken by who is quicker. Three ways lead past
  it, and none can be guessed. A browser that the owner signed in with before (``DEVICE``: a signed cookie, with five free
  attempts of its own, counted apart). A right code of the second factor sent with the password (``PROVEN``; each code opens
  the gate for one attempt). A passkey, for which nothing is counted. Who has none of these waits, or takes another network.

A session that is open is never asked again, so suspending a release is out of reach of all of this.

Codes have meters of their own, since who is asked for one has shown the right password: ``CODE`` by person and address,
five free; and ``CODES`` by person from everywhere, ten free, then up to 60 s. Two codes of a million are good besides
the current one, so a thief of a password has a chance of less than half a per cent a day, under alarm. This gate is
shared, so such a thief can hold it shut against codes typed on a new browser; passkeys, known browsers and open sessions
pass, and a changed password ends it.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.core.cache import cache

from catalog.audit.errors import TooMany

PERIODS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
REMEMBERED_S: Final = 3600  # failures are forgotten when none was added for this long
REPORTED_S: Final = 30 * 86400  # how long failures wait for their owner to hear of them
WARY_FROM: Final = 20  # failures under one name, from everywhere


@dataclass(frozen=True, slots=True)
class Meter:
    """``free`` failures cost nothing; then the wait is ``first`` seconds, doubled each time, at most ``longest``."""

    scope: str
    free: int
    first: int = 1
    longest: int = 60

    def wait(self, failures: int) -> int:
        """Seconds from the start of the attempt that may be the ``failures``-th failure to the next attempt.

        >>> [Meter("pair", free=2).wait(n) for n in (1, 2, 3, 4, 9, 10_000)]
        [0, 1, 2, 4, 60, 60]
        """
        if failures < self.free:
            return 0
        return min(self.longest, self.first * 2 ** min(failures - self.free, 16))


PAIR: Final = Meter("pair", free=5)
WARY: Final = Meter("pair", free=1, first=5)  # the same count, looked at more strictly
ADDRESS: Final = Meter("address", free=30, longest=30)
NAME: Final = Meter("name", free=2**31)  # counts, never refuses
DEVICE: Final = Meter("device", free=5)
PROVEN: Final = Meter("proven", free=5)
CODE: Final = Meter("code", free=5)
CODES: Final = Meter("codes", free=10)
CODE_ON_DEVICE: Final = Meter("code-device", free=5)
CONFIRM: Final = Meter("confirm", free=5)  # the password of somebody who is signed in

Claim = tuple[Meter, str]


@dataclass(slots=True)
class Attempt:
    """One that may go on. It counts as a failure from now on, unless :meth:`forgive` or :meth:`succeed` is called."""

    claims: Sequence[Claim]
    gates: list[str] = field(default_factory=list)

    def forgive(self) -> None:
        """It was no failure: as if it had not been made."""
        for meter, ident in self.claims:
            _take_back(_key("failures", meter, ident))
        for gate in self.gates:
            cache.delete(gate)
        self.gates.clear()

    def succeed(self) -> None:
        """It was right: no failure, and what failed before under the same name, from the same place, is forgotten too.

        The counts of the address and of the name from everywhere stay: signing in oneself must not give an attacker
        fresh guesses at others.
        """
        self.forgive()
        cache.delete(_key("failures", *self.claims[0]))


def begin(*claims: Claim) -> Attempt:
    """Start an attempt under these meters, the strictest first. Raises :class:`TooMany` where one says to wait."""
    attempt, counted = Attempt(claims), list[Claim]()
    for meter, ident in claims:
        wait = _claim(meter, ident, attempt)
        if wait:
            Attempt(counted, attempt.gates).forgive()
            detail = f"There were too many attempts. Nothing was changed. Try again in {wait} s."
            raise TooMany(detail, retry_after=wait)
        counted.append((meter, ident))
    return attempt


def with_password(name: str, address: str, *, device: str | None) -> Attempt:
    """An attempt to sign in under ``name`` as it is looked up. ``device``: a browser that the owner used before."""
    if device is not None:
        return begin((DEVICE, f"{device} {name}"))
    wary = _failures(NAME, name) >= WARY_FROM
    return begin((WARY if wary else PAIR, f"{address} {name}"), (ADDRESS, address), (NAME, name))


def with_right_code(name: str) -> Attempt:
    """An attempt that came with a right code of the second factor, while the other meters say to wait."""
    return begin((PROVEN, name))


def with_code(user_id: int, address: str, *, device: str | None) -> Attempt:
    """An attempt at the second factor of somebody whose password was right."""
    if device is not None:
        return begin((CODE_ON_DEVICE, f"{device} {user_id}"))
    return begin((CODE, f"{address} {user_id}"), (CODES, str(user_id)))


def to_confirm(user_id: int) -> Attempt:
    """An attempt at one's own password in an open session."""
    return begin((CONFIRM, str(user_id)))


@dataclass(frozen=True, slots=True)
class Failures:
    """What the owner of a name has not heard of yet."""

    count: int
    since: datetime


def note_failure(name: str) -> int:
    """Remember a failure for the owner of ``name``; how many there are. The same work whether or not there is one."""
    cache.add(_word("unheard-since", name), time.time(), timeout=REPORTED_S)
    return _add(_word("unheard", name), REPORTED_S)


def unheard(name: str) -> Failures | None:
    """Failures under ``name`` since its owner was last told, or None."""
    number, since = cache.get(_word("unheard", name)), cache.get(_word("unheard-since", name))
    if not number or since is None:
        return None
    return Failures(int(number), datetime.fromtimestamp(float(since), tz=UTC))


def heard(name: str) -> None:
    """The owner was told."""
    cache.delete_many([_word("unheard", name), _word("unheard-since", name)])


def once(scope: str, ident: str, *, seconds: int) -> bool:
    """True for the first who asks in this time."""
    return bool(cache.add(_word(f"once-{scope}", ident), 1, timeout=seconds))


def rate(scope: str) -> tuple[int, int]:
    """(requests, seconds) from the setting, say ``600/min``. Raises ``ValueError`` for a rate that cannot be read."""
    rates: dict[str, str] = dict(settings.REST_FRAMEWORK)["DEFAULT_THROTTLE_RATES"]  # type: ignore[assignment]
    count, _, period = rates[scope].partition("/")
    if not (int(count) > 0 and period[:1] in PERIODS):
        raise ValueError(f"The rate {scope} is written like 600/min.")
    return int(count), PERIODS[period[0]]


def count(scope: str, ident: str, *, now: float, seconds: int) -> int:
    """Count one more of ``ident`` in the window that holds ``now``; how many that makes.

    Addresses and names stay out of the cache's keys.
    """
    return _add(f"window:{scope}:{_digest(ident)}:{int(now // seconds)}", 2 * seconds)


def check_not_too_often(scope: str, ident: str, *, most: int, seconds: int) -> None:
    """For what is asked for without a password. Raises :class:`TooMany` beyond ``most`` in a window of ``seconds``."""
    now = time.time()
    if count(scope, ident, now=now, seconds=seconds) > most:
        wait = max(1, int(seconds - now % seconds))
        raise TooMany(f"This was asked for too often. Nothing was changed. Try again in {wait} s.", retry_after=wait)


def _claim(meter: Meter, ident: str, attempt: Attempt) -> int:
    """Count an attempt; 0, or the seconds to wait, and then nothing was counted."""
    gate = _key("gate", meter, ident)
    shut = _seconds_left(gate)
    if shut:
        return shut
    counter = _key("failures", meter, ident)
    wait = meter.wait(_add(counter, REMEMBERED_S))
    if wait and not cache.add(gate, time.time() + wait, timeout=wait):  # somebody came through at the same moment
        _take_back(counter)
        return max(1, _seconds_left(gate))
    if wait:
        attempt.gates.append(gate)
    return 0


def _seconds_left(gate: str) -> int:
    until = cache.get(gate)
    return 0 if until is None else max(1, math.ceil(float(until) - time.time()))


def _failures(meter: Meter, ident: str) -> int:
    return int(cache.get(_key("failures", meter, ident)) or 0)


def _add(key: str, seconds: int) -> int:
    cache.add(key, 0, timeout=seconds)
    try:
        number = cache.incr(key)
    except ValueError:  # the cache dropped it between the two lines
        cache.set(key, 1, timeout=seconds)
        return 1
    cache.touch(key, timeout=seconds)
    return int(number)


def _take_back(key: str) -> None:
    with suppress(ValueError):  # it was forgotten meanwhile
        if cache.decr(key) < 0:
            cache.delete(key)


def _key(what: str, meter: Meter, ident: str) -> str:
    return _word(f"{what}:{meter.scope}", ident)


def _word(what: str, ident: str) -> str:
    return f"sign-in:{what}:{_digest(ident)}"


def _digest(ident: str) -> str:
    return hashlib.sha256(ident.encode("utf-8", "replace")).hexdigest()[:32]
