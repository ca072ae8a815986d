"""docs/reliability.md names tests that exist."""

import re


def test_every_test_that_the_page_names_exists(repository):
    page = (repository / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"\[(\w+)\]\(\.\./(tests/[\w/]+\.py)\)", page)
    assert len(named) > 30
    for name, file in named:
        assert f"def test_{name}(" in (repository / file).read_text(encoding="utf-8"), (file, name)
