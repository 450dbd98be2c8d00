"""Settings: file, environment, and errors a person can act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.settings import Settings, SettingsError


def written(folder: Path, text: str) -> Path:
    (folder / "holdfast.toml").write_text(text, encoding="utf-8")
    return folder


def refused(folder: Path, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(folder, environ or {})
    return [str(problem) for problem in caught.value.problems]


def test_an_empty_file_gives_a_local_installation_inside_the_workspace(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, ""), {})
    assert settings.database.url == f"sqlite:///{tmp_path}/holdfast.db"
    assert settings.vault.path == tmp_path / "vault"
    assert settings.ledger.key == tmp_path / "keys/ledger.key"
    assert settings.workspace == tmp_path
    assert settings.web.secure_cookies is False
    assert settings.timezone == "UTC"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    written(tmp_path, 'timezone = "UTC"\n[web]\nport = 9000\n[worker]\npoll_seconds = 5\n')
    environ = {
        "HOLDFAST_WEB_PORT": "9100",
        "HOLDFAST_TIMEZONE": "Europe/Berlin",
        "HOLDFAST_MAIL_STARTTLS": "true",
    }
    settings = Settings.load(tmp_path, environ)
    assert settings.web.port == 9100
    assert settings.zone.key == "Europe/Berlin"
    assert settings.mail.starttls is True
    assert settings.worker.poll_seconds == 5


def test_a_postgresql_url_is_kept_and_its_password_is_not_shown(tmp_path: Path) -> None:
    url = "postgresql://hold:s3cret@db.example.com/holdfast"
    settings = Settings.load(written(tmp_path, ""), {"HOLDFAST_DATABASE_URL": url})
    assert settings.database.url == url
    assert "s3cret" not in repr(settings)
    assert settings.database.shown_url == "postgresql://hold:•••@db.example.com/holdfast"


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite:///data/h.db", "sqlite:///{}/data/h.db"),
        ("sqlite:////srv/h.db", "sqlite:////srv/h.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:///h.db?timeout=3", "sqlite:///{}/h.db?timeout=3"),
    ],
)
def test_a_relative_sqlite_file_belongs_to_the_workspace(tmp_path: Path, url: str, resolved: str) -> None:
    settings = Settings.load(written(tmp_path, f'[database]\nurl = "{url}"\n'), {})
    assert settings.database.url == resolved.format(tmp_path)


def test_cookies_are_secure_exactly_when_people_come_by_https_unless_told(tmp_path: Path) -> None:
    https = {"HOLDFAST_WEB_PUBLIC_URL": "https://holdfast.example.com/"}
    settings = Settings.load(written(tmp_path, ""), https)
    assert settings.web.secure_cookies is True
    assert settings.web.public_url == "https://holdfast.example.com"
    assert (
        Settings.load(tmp_path, https | {"HOLDFAST_WEB_COOKIE_SECURE": "false"}).web.secure_cookies is False
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[web]\nport = 99999\n",
            "holdfast.toml:2:1 web.port: 99999 is out of range; it must be at most 65535",
        ),
        ("\n[web]\nprot = 80\n", "holdfast.toml:3:1 web.prot: is not known here; did you mean port?"),
        ("[wbe]\nport = 80\n", "holdfast.toml:1:1 wbe: is not known here; did you mean web?"),
        (
            '[database]\nurl = "mysql://root:hunter2@x/y"\n',
            'holdfast.toml:2:1 database.url: "mysql://root:•••@x/y" is not a database URL Holdfast knows; '
            "write for example sqlite:///holdfast.db or postgresql://user@host/name",
        ),
        (
            'timezone = "Berlin"\n',
            'holdfast.toml:1:1 timezone: "Berlin" is not a time zone; '
            "write a name of the IANA database, for example Europe/Berlin or UTC",
        ),
        (
            'timezone = "../../etc/passwd"\n',
            'holdfast.toml:1:1 timezone: "../../etc/passwd" is not a time zone; '
            "write a name of the IANA database, for example Europe/Berlin or UTC",
        ),
        (
            '[mail]\nhost = "x"\npassword = "p"\n',
            "holdfast.toml:3:1 mail.password: is a secret, and this file is meant to be shared; "
            "remove it and set HOLDFAST_MAIL_PASSWORD instead",
        ),
        (
            '[ledger]\norigin = "two words"\n',
            'holdfast.toml:2:1 ledger.origin: "two words" cannot name a ledger; '
            "write for example example.com/holdfast, without spaces",
        ),
        (
            '[mail]\nsender = "Holdfast"\n',
            'holdfast.toml:2:1 mail.sender: "Holdfast" is not a mail address; '
            "write for example holdfast@example.com",
        ),
        (
            '[web]\npublic_url = "holdfast.example.com"\n',
            'holdfast.toml:2:1 web.public_url: "holdfast.example.com" is not an address a browser can open; '
            "write for example https://holdfast.example.com",
        ),
        ("workspace = 'x'\n", "holdfast.toml:1:1 workspace: is not known here; did you mean worker?"),
        ("web = 3\n", "holdfast.toml:1:1 web: 3 is not a mapping"),
        ("[web\n", "holdfast.toml:1:5: is not TOML:"),
        (
            "[worker]\npoll_seconds = 0\n",
            "holdfast.toml:2:1 worker.poll_seconds: 0 is out of range; it must be more than 0",
        ),
    ],
)
def test_a_wrong_setting_names_line_key_cause_and_fix(tmp_path: Path, text: str, expected: str) -> None:
    """R-XCT-04."""
    (only,) = refused(written(tmp_path, text))
    assert only.startswith(expected)


def test_a_wrong_variable_is_named_and_a_misspelt_one_does_not_pass_silently(tmp_path: Path) -> None:
    written(tmp_path, "")
    sentences = refused(
        tmp_path, {"HOLDFAST_WEB_PORT": "eighty", "HOLDFAST_WEB_PROT": "80", "HOLDFAST_OTHER": "x"}
    )
    assert sentences == [
        'HOLDFAST_WEB_PORT: "eighty" is not a whole number; write for example 3',
        "HOLDFAST_WEB_PROT: is not a setting; did you mean HOLDFAST_WEB_PORT?",
    ]


def test_all_wrong_settings_are_told_at_once(tmp_path: Path) -> None:
    assert (
        len(refused(written(tmp_path, "[web]\nport = 0\n[worker]\npoll_seconds = -1\nseal_second = 1\n")))
        == 3
    )


def test_the_mail_password_comes_from_the_environment_and_is_never_printed(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, ""), {"HOLDFAST_MAIL_PASSWORD": "hunter2"})
    assert settings.mail.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_a_missing_or_unreadable_file_says_what_to_do(tmp_path: Path) -> None:
    (only,) = refused(tmp_path)
    assert only == (
        f"{tmp_path / 'holdfast.toml'}: is not there; "
        "run `holdfast init` to write a workspace, or name its folder"
    )
    (tmp_path / "holdfast.toml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refused(tmp_path)[0]
