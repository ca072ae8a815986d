"""What the README shows can be typed: commands parse, targets and linked files exist."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("python ") and not line.startswith("python -m")]


def test_there_are_commands_of_every_script():
    assert {shlex.split(line)[1] for line in COMMANDS} == {
        "dataset_tool.py",
        "train.py",
        "generate.py",
        "evaluate.py",
        "demo.py",
        "convert.py",
        "classify.py",
        "paint.py",
    }


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_parses(line):
    _, script, *words = shlex.split(line, comments=True)
    command = importlib.import_module(script.removesuffix(".py")).main
    context = command.make_context(script, words)
    if words and hasattr(command, "get_command"):  # a group: its sub-command too
        name, sub, rest = command.resolve_command(context, words)
        sub.make_context(name, rest, parent=context)


def test_make_targets_exist():
    targets = [shlex.split(line)[1] for line in LINES if line.startswith("make ")]
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert [target for target in targets if not re.search(rf"^{target}:", rules, re.MULTILINE)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []
