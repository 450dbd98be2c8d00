"""The recipe of CONTRIBUTING: a new metric is one file and its name in the list, and known everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
METRIC = '''
"""False discovery rate: how often a positive prediction did not come true."""

from __future__ import annotations

from holdfast.metrics.intervals import Measured, share
from holdfast.metrics.items import CONFUSION
from holdfast.metrics.metric import Dimension, Found, Metric, Need


def read(found: Found) -> Measured:
    """fp / (tp + fp)."""
    tp, fp, *_ = found.counted(CONFUSION)
    return share(fp, tp + fp, "labelled positive predictions", found.confidence)


METRIC = Metric(
    name="false_discovery_rate",
    words="false discovery rate",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.LABELS, Need.PREDICTIONS),
    definition="Share of positive predictions whose label is not positive.",
    source="Wilson's score interval, JASA 22 (1927)",
    worse="up",
    digits=3,
    is_rate=True,
    wants=lambda _: (CONFUSION,),
    read=read,
)
'''


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What every place says of a metric that was added by the recipe, to a copy of the sources."""
    folder = tmp_path_factory.mktemp("recipe")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    room = folder / "src/holdfast/metrics"
    (room / "false_discovery_rate.py").write_text(METRIC)
    listed = room / "__init__.py"
    text = listed.read_text()
    text = text.replace("    f1,\n", "    f1,\n    false_discovery_rate,\n")
    text = text.replace("    f1.METRIC,\n", "    f1.METRIC,\n    false_discovery_rate.METRIC,\n")
    listed.write_text(text)
    paths = [folder / "src", ROOT / "tests", ROOT / "docs"]
    ran = subprocess.run(
        [sys.executable, "-m", "support.new_metric", str(folder / "work")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    told = re.split(r"^=== (.*)\n", ran.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(told[::2], told[1::2], strict=True))


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("page", "False discovery rate"),
        ("page", "0.667"),
        ("page", "Limit 0.20 alarms above it"),
        ("incident", "0.667"),
        ("api", '"metric":"false_discovery_rate"'),
        ("api", '"measures":"False discovery rate"'),
        ("api", '"value":0.6666666666666666'),
        ("terminal", "False discovery rate"),
        ("terminal", "0.667"),
        ("mail", "False discovery rate 0.6667"),
        ("reference", "| `false_discovery_rate` |"),
        ("reference", "Share of positive predictions whose label is not positive."),
        ("rule", "[]"),
        ("senseless rule", "alert.value is between 0 and 1"),
    ],
)
def test_a_metric_in_one_file_is_known_everywhere(seen: dict[str, str], place: str, says: str) -> None:
    assert says in " ".join(seen[place].split()), seen[place]
