"""Settings of one installation: `holdfast.toml` beside the playbook, overridden by the environment.

One idea: every setting has a section and a key, written `[web] port = 8080` in the file and
`HOLDFAST_WEB_PORT=8080` in the environment; the environment wins. What cannot be read is refused with
the place it came from; nothing is guessed and a misspelt key never passes silently.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from holdfast.problems import Fault, Problem, did_you_mean, explain, shown

FILE_NAME = "holdfast.toml"
PREFIX = "HOLDFAST_"


class SettingsError(Exception):
    """The settings cannot be used; `problems` holds one sentence for each reason."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def _database_url(value: Any) -> Any:
    """SQLite and PostgreSQL by URL; a driver may be named after a plus sign."""
    if not isinstance(value, str) or not re.match(r"(sqlite|postgresql)(\+\w+)?://", value):
        raise Fault(
            f"{shown(_masked(str(value)))} is not a database URL Holdfast knows",
            "write for example sqlite:///holdfast.db or postgresql://user@host/name",
        )
    return value


def _masked(url: str) -> str:
    """The URL without its password, for messages and screens."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:•••@", url)


def _public_url(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise Fault(
            f"{shown(value)} is not an address a browser can open",
            "write for example https://holdfast.example.com",
        )
    return value.rstrip("/")


def as_origin(value: Any) -> Any:
    """C2SP checkpoint origin: a name without spaces, plus signs or line breaks."""
    if not isinstance(value, str) or not re.fullmatch(r"[^\s+]{1,200}", value):
        raise Fault(
            f"{shown(value)} cannot name a ledger", "write for example example.com/holdfast, without spaces"
        )
    return value


def _address(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise Fault(f"{shown(value)} is not a mail address", "write for example holdfast@example.com")
    return value


def _zone(value: Any) -> Any:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Fault(
            f"{shown(value)} is not a time zone",
            "write a name of the IANA database, for example Europe/Berlin or UTC",
        ) from error
    return value


Port = Annotated[int, Field(ge=1, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=3_600)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class DatabaseSettings(_Section):
    """Where facts, projections, timers and outbox rows live."""

    url: Annotated[str, BeforeValidator(_database_url)] = Field("sqlite:///holdfast.db", repr=False)

    @property
    def shown_url(self) -> str:
        """The URL with its password hidden."""
        return _masked(self.url)


class VaultSettings(_Section):
    """Where evidence files live."""

    path: Path = Path("vault")


class LedgerSettings(_Section):
    """The name the ledger signs under, and the file that holds its Ed25519 key."""

    origin: Annotated[str, BeforeValidator(as_origin)] = "holdfast.local/ledger"
    key: Path = Path("keys/ledger.key")


class WebSettings(_Section):
    """Where pages and API are served, and the address people reach them under."""

    host: str = Field("127.0.0.1", min_length=1)
    port: Port = 8080
    public_url: Annotated[str, BeforeValidator(_public_url)] = "http://127.0.0.1:8080"
    cookie_secure: bool | None = None
    """Unset: cookies are marked Secure exactly when `public_url` is https."""

    @property
    def secure_cookies(self) -> bool:
        """Whether the session cookie may travel over https only."""
        return self.public_url.startswith("https://") if self.cookie_secure is None else self.cookie_secure


class MailSettings(_Section):
    """The SMTP server that messages leave by. The password comes from the environment only."""

    host: str = Field("127.0.0.1", min_length=1)
    port: Port = 25
    sender: Annotated[str, BeforeValidator(_address)] = "holdfast@localhost"
    starttls: bool = False
    username: str = ""
    password: SecretStr = SecretStr("")


class WebhookSettings(_Section):
    """Receivers of signed webhooks, each with the secret it shares with this installation.

    The file holds a line for each: the beginning of its addresses, a space, and the secret as Standard
    Webhooks write it (`whsec_…`). There is no channel `webhook` until it is there.
    """

    secrets: Path = Path("keys/webhook.secrets")


class WorkerSettings(_Section):
    """How often the worker looks for due work; what a round appends is sealed within it."""

    poll_seconds: Seconds = 1.0


class Settings(BaseModel):
    """Everything one installation is told from outside."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    timezone: Annotated[str, BeforeValidator(_zone)] = "UTC"
    """IANA name; local times are shown beside UTC in this zone."""
    database: DatabaseSettings = DatabaseSettings()
    vault: VaultSettings = VaultSettings()
    ledger: LedgerSettings = LedgerSettings()
    web: WebSettings = WebSettings()
    mail: MailSettings = MailSettings()
    webhook: WebhookSettings = WebhookSettings()
    worker: WorkerSettings = WorkerSettings()
    _workspace: Path = PrivateAttr(default=Path())

    @property
    def workspace(self) -> Path:
        """The folder that holds `holdfast.toml`, playbook, systems and roster; absolute."""
        return self._workspace

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @classmethod
    def load(cls, workspace: Path, environ: Mapping[str, str]) -> Settings:
        """Read `holdfast.toml` in `workspace`, let `HOLDFAST_...` variables override it.

        Relative paths, and a relative SQLite file, are resolved against the workspace.
        Raises SettingsError naming every key that cannot be used, where it stands, and the remedy.
        """
        path = workspace / FILE_NAME
        text, written = _read(path)
        problems = _misplaced_secrets(path, text, written)
        merged, sources = _override(written, environ, problems)
        try:
            settings = cls.model_validate(merged)
        except ValidationError as error:
            for item in error.errors():
                problems.append(_problem(path, text, sources, item))
        if problems:
            raise SettingsError(sorted(problems))
        return settings._resolved(workspace.resolve())

    def _resolved(self, workspace: Path) -> Settings:
        resolved = self.model_copy(
            update={
                "database": self.database.model_copy(
                    update={"url": _resolved_url(self.database.url, workspace)}
                ),
                "vault": self.vault.model_copy(update={"path": workspace / self.vault.path}),
                "ledger": self.ledger.model_copy(update={"key": workspace / self.ledger.key}),
                "webhook": self.webhook.model_copy(update={"secrets": workspace / self.webhook.secrets}),
            }
        )
        resolved._workspace = workspace
        return resolved


def _resolved_url(url: str, workspace: Path) -> str:
    """A SQLite URL with three slashes names a file of the workspace; with four, an absolute path."""
    match = re.fullmatch(r"(sqlite(?:\+\w+)?):///(?!/)([^?]+)(\?.*)?", url)
    if match is None or match[2] == ":memory:":
        return url
    return f"{match[1]}:///{workspace / match[2]}{match[3] or ''}"


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _refused(
            path, "is not there", "run `holdfast init` to write a workspace, or name its folder"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, f"cannot be read ({error})", "make it a readable file in UTF-8") from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line, column = _toml_place(str(error))
        problem = Problem(path.name, line, column, "", f"is not TOML: {message}", "correct the line")
        raise SettingsError([problem]) from error


def _refused(path: Path, cause: str, fix: str) -> SettingsError:
    return SettingsError([Problem(str(path), 0, 0, "", cause, fix)])


def _toml_place(message: str) -> tuple[str, int, int]:
    match = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message)
    return (match[1], int(match[2]), int(match[3])) if match else (message, 0, 0)


def _misplaced_secrets(path: Path, text: str, written: Mapping[str, Any]) -> list[Problem]:
    """The file is kept in version control; a password in it is refused, not quietly used."""
    mail = written.get("mail")
    if not isinstance(mail, dict) or "password" not in mail:
        return []
    line = _line_of(text, ("mail", "password"))
    cause = "is a secret, and this file is meant to be shared"
    return [
        Problem(
            path.name, line, 1, "mail.password", cause, "remove it and set HOLDFAST_MAIL_PASSWORD instead"
        )
    ]


def _variables() -> dict[str, tuple[str, ...]]:
    """Every environment variable that is a setting, with the key it sets."""
    names: dict[str, tuple[str, ...]] = {}
    for key, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            for inner in section.model_fields:
                names[f"{PREFIX}{key}_{inner}".upper()] = (key, inner)
        else:
            names[f"{PREFIX}{key}".upper()] = (key,)
    return names


def _override(
    written: Mapping[str, Any], environ: Mapping[str, str], problems: list[Problem]
) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    """The file's settings with the environment's on top, and which variable each came from."""
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in written.items()}
    known, sources = _variables(), dict[tuple[str, ...], str]()
    sections = tuple(f"{PREFIX}{way[0]}_".upper() for way in known.values() if len(way) == 2)
    for variable in sorted(environ):
        way = known.get(variable)
        if way is None:
            if variable.startswith(sections):
                problems.append(
                    Problem(variable, 0, 0, "", "is not a setting", did_you_mean(variable, known))
                )
            continue
        sources[way] = variable
        if len(way) == 1:
            merged[way[0]] = environ[variable]
        elif isinstance(section := merged.setdefault(way[0], {}), dict):
            section[way[1]] = environ[variable]
    return merged, sources


def _problem(path: Path, text: str, sources: Mapping[tuple[str, ...], str], item: Any) -> Problem:
    way = tuple(str(part) for part in item["loc"])
    section = Settings.model_fields[way[0]].annotation if len(way) == 2 else Settings
    cause, fix = explain(item, list(getattr(section, "model_fields", {})))
    variable = sources.get(way)
    if variable is not None:
        return Problem(variable, 0, 0, "", cause, fix)
    return Problem(path.name, _line_of(text, way), 1, ".".join(way), cause, fix)


def _line_of(text: str, way: tuple[str, ...]) -> int:
    """Line where the key is written, from 1 (tomllib keeps no places); failing that the section's, or 1."""
    section, best = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            section = header[1]
            if section == way[0]:
                best = number
            continue
        key = re.match(r"\s*([\w.-]+)\s*=", line)
        if key and ".".join(filter(None, (section, key[1]))) == ".".join(way):
            return number
    return best
