"""What becomes of a metric that somebody just wrote, asked from end to end; run as a program of its own, over
sources in which nothing but its file and its name in the list was added.

    python -m support.new_metric FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import generate
from fastapi import FastAPI
from fastapi.testclient import TestClient

from holdfast.interfaces.api.resources import PREFIX, api
from holdfast.ledger import outbox
from holdfast.people import Permission
from holdfast.prepare.rules import standard_rules
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from support import letters
from support.company import HELEN, TOMAS
from support.pages import SetClock, open_company, signed_in
from support.shells import Shell
from support.workspaces import settle

MONITOR = """
  - id: wrongly-urgent
    name: Letters wrongly called urgent
    metric: false_discovery_rate
    window: 1d
    limit: {above: 20%}
    min_n: 20
    reason: Agreed with the mail room
    tells: [technical_lead]
"""


def seen(folder: Path) -> Mapping[str, str]:
    """What everybody who shows something says of it, by where it stands."""
    clock = SetClock()
    application = open_company(folder, clock)
    start = letters.begin(folder, clock.now())
    file = folder / "systems" / "letters.yaml"
    file.write_text(file.read_text() + MONITOR)
    for day in range(3):
        letters.write_day(folder, start, day, urgent=1)
    apply_workspace(application.ledger, load_workspace(folder), HELEN, clock.now())
    clock.pass_(timedelta(hours=2))
    for _ in range(2):  # what was measured, and what follows from it
        settle(application)
    reader = signed_in(application, TOMAS)
    sent = outbox.lease(application.ledger, clock.now(), limit=100)
    answered = FastAPI()
    answered.include_router(api(application))
    until = clock.now() + timedelta(days=1)
    scope = [Permission.READ]
    token, _ = application.accounts.tokens.issue(TOMAS.id, "recipe", scope, until, TOMAS, clock.now())
    asked = TestClient(answered).get(
        f"{PREFIX}/systems/letters/monitors", headers={"Authorization": f"Bearer {token}"}
    )
    shell = Shell(folder, clock, TOMAS.id)
    rules = standard_rules()
    return {
        "page": reader.page("/systems/letters/monitors/wrongly-urgent").text,
        "incident": reader.page("/incidents/INC-1").text,
        "api": asked.text,
        "terminal": shell.table("monitor", "list", "letters"),
        "mail": "\n".join(one.text for one in sent),
        "reference": generate.metrics_section(),
        "rule": str(rules.check('alert.metric == "false_discovery_rate" && alert.value > 0.5')),
        "senseless rule": str(rules.check('alert.metric == "false_discovery_rate" && alert.value > 2.0')),
    }


if __name__ == "__main__":
    for place, said in seen(Path(sys.argv[1])).items():
        print(f"=== {place}\n{said}")
