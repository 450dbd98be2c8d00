"""People: accounts, passwords and API tokens. Who there is, and what they may reach, is the roster's word."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.interfaces.cli.output import cell, facts, listed, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.people import Actor, Permission
from holdfast.prepare import versions
from holdfast.problems import NoAuthority, NotAllowed
from holdfast.shapes import preparation as shapes
from holdfast.shapes.base import Shown

app = noun()
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="As the roster knows them.")]
SCOPES = {permission.name.lower().replace("_", "-"): permission for permission in Permission}


class People(Shown):
    people: tuple[shapes.PersonShown, ...]


class Tokens(Shown):
    tokens: tuple[shapes.TokenShown, ...]


class Account(Shown):
    person: str
    account: bool


@command(app, "list")
def list_(session: Session) -> None:
    """Who is in the roster, what they may reach, and who has an account."""
    application = session.application
    roster = versions.active_roster(application.ledger)

    def document() -> People:
        found = roster.model.people if roster else ()
        return People(
            people=tuple(
                shapes.PersonShown(
                    person=one.id,
                    name=one.name,
                    titles=one.titles,
                    access=one.access,
                    functions=one.functions,
                    account=application.accounts.has_account(one.id),
                )
                for one in found
            )
        )

    session.answer(document, _people)


@command(app, "add")
def add(session: Session, email: Email) -> None:
    """Give somebody of the roster an account. The password is asked for, or read from standard input."""
    by = session.acting(Permission.MANAGE_PEOPLE)
    accounts = session.application.accounts
    if accounts.has_account(email):
        raise NotAllowed(f"{email} has an account already; set a new password instead")
    accounts.create(email, _password(email), by, session.now)
    session.answer(
        lambda: Account(person=email.lower(), account=True),
        lambda made: [f"{made.person} can sign in at {session.application.settings.web.public_url}"],
    )


@command(app, "password")
def password(session: Session, email: Email) -> None:
    """Set a new password, one's own or as an administrator; ends every session of that person."""
    by = _self_or(session, email)
    session.application.accounts.set_password(email, _password(email), by, session.now)
    session.answer(
        lambda: Account(person=email.lower(), account=True),
        lambda made: [f"{made.person} has a new password; every session of theirs has ended."],
    )


@command(app, "token")
def token(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What will use it: nightly-export.")],
    scope: Annotated[
        list[str],
        typer.Option("--scope", metavar="|".join(SCOPES), help="What it may do; repeat for each."),
    ],
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is valid.")] = 90,
    agent: Annotated[
        bool, typer.Option("--agent", help="For an assistant: what it does is recorded as done by an agent.")
    ] = False,
) -> None:
    """Issue an API token for yourself. Its secret is shown once."""
    by = session.acting(Permission.READ)
    unknown = [one for one in scope if one not in SCOPES]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SCOPES)}", param_hint="--scope")
    now = session.now
    secret, made = session.application.accounts.tokens.issue(
        by.id,
        name,
        {SCOPES[one] for one in scope},
        now + timedelta(days=days),
        by,
        now,
        "agent" if agent else "person",
    )
    described = shapes.token(made).model_dump()
    session.answer(lambda: shapes.TokenIssued(**described, secret=secret), _issued)


@command(app, "tokens")
def tokens(session: Session) -> None:
    """Your tokens; never their secrets."""
    by = session.acting(Permission.READ)
    found = session.application.accounts.tokens.of(by.id)
    session.answer(lambda: Tokens(tokens=tuple(shapes.token(one) for one in found)), _tokens)


@command(app, "revoke")
def revoke(
    session: Session,
    handle: Annotated[str, typer.Argument(metavar="TOKEN", help="As `people tokens` shows.")],
) -> None:
    """End a token at once."""
    by = session.acting(Permission.READ)
    if not session.application.accounts.tokens.revoke(handle, by, session.now):
        raise NotAllowed(
            f"no token {handle} is valid, so none was revoked; `holdfast people tokens` lists yours"
        )
    found = session.application.accounts.tokens.of(by.id)
    session.answer(
        lambda: Tokens(tokens=tuple(shapes.token(one) for one in found)),
        lambda made: [f"The token {handle} is not valid any more."],
    )


# Inside ----------------------------------------------------------------------------------------


def _self_or(session: Session, email: str) -> Actor:
    try:
        return session.acting(Permission.MANAGE_PEOPLE)
    except NoAuthority:
        if session.person.strip().lower() == email.strip().lower():
            return session.acting(Permission.READ)
        raise


def _password(email: str) -> str:
    """Asked without showing it, twice; or the first line of standard input, for scripts."""
    if sys.stdin.isatty():
        asked: str = typer.prompt(
            f"Password for {email}", hide_input=True, confirmation_prompt="Once more", err=True
        )
        return asked
    return sys.stdin.readline(4096).rstrip("\r\n")


def _people(made: People) -> Iterable[RenderableType]:
    if not made.people:
        yield "No roster is in force: holdfast apply --as EMAIL"
        return
    rows = [
        (one.name, one.person, listed(one.access, "nothing"), "yes" if one.account else "no")
        for one in made.people
    ]
    yield table(("Name", "E-mail", "Access", "Account"), rows)


def _issued(made: shapes.TokenIssued) -> Iterable[RenderableType]:
    yield cell(made.secret, "bold")
    yield "This is shown once; keep it where your secrets are."
    yield facts(("Token", made.token), ("May", listed(made.scope)), ("Until", wording.utc(made.expires_at)))


def _tokens(made: Tokens) -> Iterable[RenderableType]:
    if not made.tokens:
        yield "No token so far: holdfast people token NAME --scope read --as EMAIL"
        return
    rows = [(one.token, one.name, listed(one.scope), wording.day(one.expires_at)) for one in made.tokens]
    yield table(("Token", "For", "May", "Until"), rows, keep=("Token", "Until"))
