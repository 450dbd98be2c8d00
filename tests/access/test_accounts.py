"""Accounts: sign-in, sessions and API tokens; what the ledger is told, and what it never sees."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from holdfast.access.accounts import Accounts
from holdfast.access.credentials import HASHED_AT_ONCE
from holdfast.access.inspecting import Access
from holdfast.access.limits import Limits
from holdfast.ledger import tables
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.projections import rebuild
from holdfast.ledger.timekeeping import ClockStepped, LedgerClock
from holdfast.people import AccessRole, Actor, Permission
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import Workspace, load_workspace
from holdfast.problems import NotAllowed
from support.machines import Machine

MAYA = "maya.okafor@harbourstreet.example"
VICTOR = "victor.chen@harbourstreet.example"
PASSWORD = "four plain words together"
ORIGIN = "192.0.2.7"
REMEDY = "use a few plain words that do not belong together"
WRONG = "e-mail address and password do not belong together; check both and try again"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # argon2's least: tests sign in often


@pytest.fixture
def accounts(ledger: Ledger, workspace: Workspace, nadia: Actor, now: datetime) -> Accounts:
    apply_workspace(ledger, workspace, nadia, now)
    made = Accounts(ledger, hasher=CHEAP)
    made.create(MAYA, PASSWORD, nadia, now)
    return made


def told(ledger: Ledger) -> list[Any]:
    """Facts about accounts, in order."""
    return [recorded.fact for recorded in ledger.facts() if recorded.stream.startswith("account/")]


def test_a_person_signs_in_is_known_and_signs_out(accounts: Accounts, ledger: Ledger, now: datetime) -> None:
    """R-XCT-01."""
    secret, signed_in = accounts.sessions.sign_in(f" {MAYA.upper()} ", PASSWORD, ORIGIN, now)
    assert signed_in.actor == Actor(MAYA, "Maya Okafor", "person")
    assert signed_in.access == (AccessRole.COMMANDER,)
    assert accounts.sessions.find(secret, now) == signed_in
    accounts.sessions.sign_out(secret, now)
    assert accounts.sessions.find(secret, now) is None
    accounts.sessions.sign_out(secret, now)
    assert [fact.type for fact in told(ledger)] == ["account.created", "session.started", "session.ended"]
    assert (told(ledger)[1].person, told(ledger)[1].origin) == (MAYA, ORIGIN)


def test_a_session_may_do_what_the_roster_says_at_that_moment(
    accounts: Accounts, ledger: Ledger, folder: Path, nadia: Actor, now: datetime
) -> None:
    secret, signed_in = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    assert signed_in.may(Permission.RESPOND)
    assert not signed_in.may(Permission.MANAGE_PEOPLE)
    assert not signed_in.may("launch")
    path = folder / "roster.yaml"
    text = path.read_text().replace(
        "access: [commander]\n    functions: [engineering]", "access: [administrator]"
    )
    text = text.replace("access: [commander]\n", "access: [commander]\n    functions: [engineering]\n", 1)
    text = text.replace(f"holder: {MAYA}", "holder: eleanor.voss@harbourstreet.example")
    path.write_text(text.replace("example, eleanor.voss@harbourstreet.example]", "example]"))
    apply_workspace(ledger, load_workspace(folder), nadia, now)
    demoted = accounts.sessions.find(secret, now)
    assert demoted is not None
    assert not demoted.may(Permission.RESPOND)


def test_who_leaves_the_roster_is_out_at_once(
    accounts: Accounts, ledger: Ledger, folder: Path, nadia: Actor, now: datetime
) -> None:
    secret, _ = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    token, _ = accounts.tokens.issue(
        MAYA, "export", [Permission.READ], now + timedelta(days=1), Actor(MAYA, "Maya"), now
    )
    for name in ("roster.yaml", "playbook.yaml"):
        path = folder / name
        path.write_text(path.read_text().replace(MAYA, "m.okafor@harbourstreet.example"))
    apply_workspace(ledger, load_workspace(folder), nadia, now)
    assert accounts.sessions.find(secret, now) is None
    assert accounts.tokens.find(token, now) is None
    with pytest.raises(NotAllowed, match=WRONG):
        accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    assert told(ledger)[-1].reason == "not in the roster"


@pytest.mark.parametrize(
    ("person", "password", "known", "reason"),
    [
        (MAYA, "four plain words apart", MAYA, "wrong password"),
        (MAYA, "", MAYA, "wrong password"),
        (MAYA, PASSWORD + "x" * 10_000, MAYA, "wrong password"),
        (VICTOR, PASSWORD, "", "unknown account"),
        ("my-secret-typed-in-the-wrong-field", "x", "", "unknown account"),
    ],
)
def test_a_refusal_says_the_same_to_everybody_and_the_ledger_knows_why(
    accounts: Accounts, ledger: Ledger, now: datetime, person: str, password: str, known: str, reason: str
) -> None:
    """A stranger learns nothing about who has an account; what was typed for a name is not kept."""
    with pytest.raises(NotAllowed) as caught:
        accounts.sessions.sign_in(person, password, ORIGIN, now)
    assert str(caught.value) == WRONG
    refused = told(ledger)[-1]
    assert (refused.type, refused.person, refused.origin, refused.reason) == (
        "session.refused",
        known,
        ORIGIN,
        reason,
    )


def test_attack_guessing_is_held_off_and_does_not_fill_the_ledger(
    accounts: Accounts, ledger: Ledger, now: datetime
) -> None:
    for _ in range(30):
        with pytest.raises(NotAllowed):
            accounts.sessions.sign_in(MAYA, "guess", ORIGIN, now)
    with pytest.raises(NotAllowed, match="too many attempts; wait 15 minutes and try again"):
        accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    reasons = [fact.reason for fact in told(ledger) if fact.type == "session.refused"]
    assert reasons == ["wrong password"] * 8 + ["too many attempts"]
    _, elsewhere = accounts.sessions.sign_in(MAYA, PASSWORD, "198.51.100.4", now)
    assert elsewhere.actor.id == MAYA
    _, later = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now + timedelta(minutes=15))
    assert later.actor.id == MAYA


def test_attack_one_origin_cannot_try_many_accounts(accounts: Accounts, now: datetime) -> None:
    for number in range(50):
        with pytest.raises(NotAllowed, match=WRONG):
            accounts.sessions.sign_in(f"person{number}@example.com", "guess", ORIGIN, now)
    with pytest.raises(NotAllowed, match="too many attempts"):
        accounts.sessions.sign_in("person51@example.com", "guess", ORIGIN, now)


def test_signing_in_rightly_does_not_count_against_anybody(accounts: Accounts, now: datetime) -> None:
    for _ in range(20):
        accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)


def test_a_session_ends_unused_and_in_any_case(accounts: Accounts, ledger: Ledger, now: datetime) -> None:
    unused, _ = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    used, _ = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    for hour in range(1, 12):
        assert accounts.sessions.find(used, now + timedelta(hours=hour))
    assert accounts.sessions.find(unused, now + timedelta(hours=2)) is None
    assert accounts.sessions.find(used, now + timedelta(hours=12)) is None
    ended = [fact for fact in told(ledger) if fact.type == "session.ended"]
    assert [fact.reason for fact in ended] == ["expired", "expired"]
    assert accounts.sessions.find(used, now) is None


def test_the_worker_ends_sessions_nobody_comes_back_to(
    accounts: Accounts, ledger: Ledger, now: datetime
) -> None:
    accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    assert accounts.sessions.end_expired(now + timedelta(minutes=119)) == 0
    assert accounts.sessions.end_expired(now + timedelta(minutes=120)) == 1
    assert accounts.sessions.end_expired(now + timedelta(minutes=121)) == 0
    assert told(ledger)[-1].reason == "expired"


def test_a_new_password_ends_every_session_and_the_old_one_opens_nothing(
    accounts: Accounts, nadia: Actor, now: datetime
) -> None:
    secret, _ = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    accounts.set_password(MAYA, "another four plain words", nadia, now)
    assert accounts.sessions.find(secret, now) is None
    with pytest.raises(NotAllowed, match=WRONG):
        accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    accounts.sessions.sign_in(MAYA, "another four plain words", ORIGIN, now)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "a password needs at least 15 characters; a few plain words will do"),
        ("a" * 15, "this password is commonly used, repeats itself or follows a row; " + REMEDY),
        (
            f"{MAYA}!",
            "this password is little more than a name, a word or a phrase that anybody here would "
            "try; " + REMEDY,
        ),
        ("x" * 513, "a password has at most 512 characters; shorten it"),
    ],
)
def test_a_weak_password_is_refused_with_its_remedy(
    accounts: Accounts, nadia: Actor, now: datetime, password: str, sentence: str
) -> None:
    with pytest.raises(NotAllowed) as caught:
        accounts.set_password(MAYA, password, nadia, now)
    assert str(caught.value) == sentence


def test_accounts_are_for_people_of_the_roster_once_each(
    accounts: Accounts, nadia: Actor, now: datetime
) -> None:
    with pytest.raises(NotAllowed, match="is not in the roster; add them to roster"):
        accounts.create("eve@example.com", PASSWORD, nadia, now)
    with pytest.raises(NotAllowed, match="has an account already; set a new password instead"):
        accounts.create(MAYA, PASSWORD, nadia, now)
    with pytest.raises(NotAllowed, match="has no account yet; create one first"):
        accounts.set_password(VICTOR, PASSWORD, nadia, now)
    assert accounts.has_account(MAYA)
    assert not accounts.has_account(VICTOR)


def test_a_hash_of_weaker_parameters_is_renewed_at_sign_in(
    accounts: Accounts, ledger: Ledger, now: datetime
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    renewed = Accounts(ledger, hasher=stronger)
    renewed.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    with ledger.reading() as conn:
        stored = conn.execute(
            select(tables.metadata.tables["account_credentials"].c.password_hash)
        ).scalar_one()
    assert not stronger.check_needs_rehash(stored)


def test_secrets_are_nowhere_in_the_ledger_and_only_hashed_in_the_database(
    accounts: Accounts, ledger: Ledger, nadia: Actor, now: datetime
) -> None:
    """Neither a copy of the ledger nor one of the database lets anybody sign in."""
    secret, signed_in = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    token, _ = accounts.tokens.issue(
        MAYA, "export", [Permission.READ], now + timedelta(days=1), signed_in.actor, now
    )
    with pytest.raises(NotAllowed):
        accounts.sessions.sign_in(MAYA, "a wrong but telling password", ORIGIN, now)
    with ledger.reading() as conn:
        everything = [
            repr(tuple(row)) for table in tables.metadata.sorted_tables for row in conn.execute(select(table))
        ]
    for hidden in (PASSWORD, secret, token, signed_in.csrf, "telling password"):
        assert not [row for row in everything if hidden in row]
    payloads = [row for row in everything if "argon2" in row]
    assert len(payloads) == 1
    assert secret not in repr(signed_in)
    assert signed_in.csrf not in repr(signed_in)


def test_sessions_survive_a_rebuild_of_projections(accounts: Accounts, ledger: Ledger, now: datetime) -> None:
    secret, signed_in = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    rebuild(ledger)
    assert accounts.sessions.find(secret, now) == signed_in


def test_each_session_has_its_own_proof_for_forms(accounts: Accounts, now: datetime) -> None:
    (_, one), (_, other) = (accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now) for _ in range(2))
    assert len(one.csrf) == 64
    assert one.csrf != other.csrf


# API tokens ----------------------------------------------------------------------------------------


def test_a_token_does_what_both_its_scope_and_its_person_allow_until_it_expires(
    accounts: Accounts, ledger: Ledger, now: datetime
) -> None:
    """R-XCT-01/tokens."""
    maya = Actor(MAYA, "Maya Okafor")
    until = now + timedelta(days=30)
    secret, token = accounts.tokens.issue(MAYA, "nightly-export", [Permission.READ], until, maya, now)
    assert secret.startswith("hf_")
    known = accounts.tokens.find(secret, now)
    assert known is not None
    assert (known.actor, known.via, known.csrf) == (maya, "token", "")
    assert known.may(Permission.READ)
    assert not known.may(Permission.RESPOND)
    assert accounts.tokens.find(secret, until) is None
    assert accounts.tokens.find(secret + "x", now) is None
    assert accounts.tokens.find("", now) is None
    assert [one.name for one in accounts.tokens.of(MAYA)] == ["nightly-export"]
    assert accounts.tokens.of(MAYA)[0].used_at == now
    assert told(ledger)[-1].scope == ("read",)
    accounts.tokens.revoke(token.token, maya, now)
    assert accounts.tokens.find(secret, now) is None
    assert told(ledger)[-1].type == "token.revoked"


def test_what_an_agents_token_does_is_recorded_as_done_by_an_agent(accounts: Accounts, now: datetime) -> None:
    """R-XCT-09."""
    until = now + timedelta(days=1)
    secret, _ = accounts.tokens.issue(
        MAYA, "chat assistant", [Permission.DECLARE], until, Actor(MAYA, "Maya"), now, kind="agent"
    )
    known = accounts.tokens.find(secret, now)
    assert known is not None
    assert known.actor == Actor(MAYA, "chat assistant for Maya Okafor", "agent")


@pytest.mark.parametrize(
    ("scope", "days", "by", "sentence"),
    [
        (
            [Permission.MANAGE_PEOPLE],
            1,
            MAYA,
            f"{MAYA} may not manage accounts; choose permissions that person has",
        ),
        ([], 1, MAYA, f"{MAYA} asked for a token that allows nothing; choose permissions that person has"),
        ([Permission.READ], 0, MAYA, "a token must expire later than now and within 366 days"),
        ([Permission.READ], 400, MAYA, "a token must expire later than now and within 366 days"),
        (
            [Permission.READ],
            1,
            VICTOR,
            f"V cannot issue a token for {MAYA}; people issue tokens for themselves",
        ),
    ],
)
def test_a_token_beyond_its_person_is_refused(
    accounts: Accounts, now: datetime, scope: list[Permission], days: int, by: str, sentence: str
) -> None:
    actor = Actor(by, "V" if by == VICTOR else "Maya")
    with pytest.raises(NotAllowed) as caught:
        accounts.tokens.issue(MAYA, "x", scope, now + timedelta(days=days), actor, now)
    assert str(caught.value) == sentence


def test_attack_an_agents_token_cannot_make_further_tokens(accounts: Accounts, now: datetime) -> None:
    agent = Actor(MAYA, "assistant for Maya", "agent")
    with pytest.raises(NotAllowed, match="people issue tokens for themselves"):
        accounts.tokens.issue(MAYA, "x", [Permission.READ], now + timedelta(days=1), agent, now)


def test_a_token_is_revoked_by_its_owner_or_an_administrator_only(
    accounts: Accounts, nadia: Actor, now: datetime
) -> None:
    _, token = accounts.tokens.issue(
        MAYA, "x", [Permission.READ], now + timedelta(days=1), Actor(MAYA, "M"), now
    )
    with pytest.raises(NotAllowed, match="ask them or an administrator"):
        accounts.tokens.revoke(token.token, Actor(VICTOR, "Victor"), now)
    accounts.tokens.revoke(token.token, nadia, now)
    assert accounts.tokens.of(MAYA) == []


def test_limits_may_be_set(ledger: Ledger, accounts: Accounts, now: datetime) -> None:
    strict = Accounts(ledger, Limits(idle=timedelta(minutes=5)), CHEAP)
    secret, _ = strict.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    assert strict.sessions.find(secret, now + timedelta(minutes=4))
    assert strict.sessions.find(secret, now + timedelta(minutes=10)) is None


def test_a_page_that_refreshes_itself_keeps_no_session_alive(accounts: Accounts, now: datetime) -> None:
    """R-XCT-01: nobody is at work on it."""
    secret, _ = accounts.sessions.sign_in(MAYA, PASSWORD, "127.0.0.1", now)
    for minutes in range(10, 130, 10):
        accounts.sessions.find(secret, now + timedelta(minutes=minutes), touch=False)
    assert accounts.sessions.find(secret, now + timedelta(hours=2, minutes=1)) is None


class Counting(PasswordHasher):
    """Counts how many passwords are hashed at the same moment."""

    most = now_hashing = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 - argon2's own name
        self.now_hashing += 1
        self.most = max(self.most, self.now_hashing)
        time.sleep(0.01)
        self.now_hashing -= 1
        return super().verify(hash, password)


def test_many_who_sign_in_at_once_take_the_memory_of_two(
    ledger: Ledger, workspace: Workspace, nadia: Actor, now: datetime
) -> None:
    """Sixty hashes at once took 2.5 GB: anybody can ask for one, also without an account."""
    apply_workspace(ledger, workspace, nadia, now)
    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(ledger, Limits(from_one_origin=100), hasher=hasher)
    accounts.create(MAYA, PASSWORD, nadia, now)

    def knock(number: int) -> None:
        with contextlib.suppress(NotAllowed):
            accounts.sessions.sign_in(
                f"nobody{number}@example.com", "is this the password", f"192.0.2.{number}", now
            )

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(knock, range(20)))
    assert hasher.most == HASHED_AT_ONCE


@pytest.mark.parametrize("step", [timedelta(days=10), -timedelta(days=10)])
def test_whoever_signs_out_or_revokes_a_token_is_not_held_up_by_a_clock_that_stepped(
    accounts: Accounts, ledger: Ledger, tmp_path: Path, now: datetime, step: timedelta
) -> None:
    """What takes access away goes on, at the time it would be: neither ends a session before its time, nor
    makes one last. What gives access waits until a person has confirmed the step (R-EVD-04)."""
    machine = Machine(now)
    clock = LedgerClock(ledger, tmp_path / "clock.json", machine, machine.ticks)
    ledger.require_steady, ledger.evenly = clock.require_steady, clock.evenly
    maya = Actor(MAYA, "Maya Okafor")
    secret, _ = accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, now)
    expires = now + timedelta(hours=5)
    token, issued = accounts.tokens.issue(MAYA, "export", [Permission.READ], expires, maya, now)
    machine.pass_(timedelta(minutes=20))
    machine.clock += step
    assert accounts.sessions.find(secret, clock.now()) is not None, (
        "twenty minutes have passed, and no ten days"
    )
    assert accounts.tokens.find(token, clock.now()) is not None
    with pytest.raises(ClockStepped, match="signing out and revoking a token go on"):
        accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, clock.now())
    with pytest.raises(ClockStepped):
        accounts.set_password(MAYA, "other plain words together", maya, clock.now())
    accounts.sessions.sign_out(secret, clock.now())
    assert accounts.tokens.revoke(issued.token, maya, clock.now())
    assert accounts.sessions.find(secret, clock.now()) is None
    assert accounts.tokens.find(token, clock.now()) is None
    ended, revoked = list(ledger.facts())[-2:]
    assert (ended.fact.type, revoked.fact.type) == ("session.ended", "token.revoked")
    assert ended.at == revoked.at == now + timedelta(minutes=20)
    inspection = Access(now + timedelta(minutes=20))
    for recorded in ledger.facts():
        inspection.see(recorded)
    with ledger.reading() as conn:
        assert not list(inspection.problems(conn))
    machine.clock -= step
    accounts.sessions.sign_in(MAYA, PASSWORD, ORIGIN, clock.now())


@pytest.mark.parametrize("step", [timedelta(days=10), -timedelta(days=10)])
def test_a_token_expires_by_the_time_that_passes_whatever_the_clock_says(
    accounts: Accounts, ledger: Ledger, tmp_path: Path, now: datetime, step: timedelta
) -> None:
    machine = Machine(now)
    clock = LedgerClock(ledger, tmp_path / "clock.json", machine, machine.ticks)
    ledger.require_steady, ledger.evenly = clock.require_steady, clock.evenly
    expires = now + timedelta(hours=5)
    token, _ = accounts.tokens.issue(
        MAYA, "export", [Permission.READ], expires, Actor(MAYA, "Maya Okafor"), now
    )
    machine.pass_(timedelta(hours=6))
    machine.clock += step
    assert accounts.tokens.find(token, clock.now()) is None


def test_revoking_a_token_that_is_not_there_says_so(accounts: Accounts, nadia: Actor, now: datetime) -> None:
    assert not accounts.tokens.revoke("0123456789abcdef", nadia, now)
