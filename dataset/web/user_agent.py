"""Who we say we are: the project, its version, and where the person who runs it can be reached."""

import tomllib
from pathlib import Path

from torch_utils.errors import ConfigError

PROJECT = "kaokore-stylegan"


def user_agent(contact: str = "") -> str:
    """`kaokore-stylegan/0.1.0 (contact)`.

    Args:
        contact: an address of the person who runs it, so that the holders of the pictures can ask.
    Raises:
        ConfigError: a contact that cannot stand in a header.
    """
    if not contact.isascii() or not contact.isprintable() or any(letter in "()" for letter in contact):
        raise ConfigError(f"--contact {contact}: cannot stand in a header. Give an ASCII address without brackets.")
    purpose = "fetches pictures for one person's data set"
    return f"{PROJECT}/{_version()} ({purpose}{f'; {contact}' if contact else ''})"


def _version() -> str:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
