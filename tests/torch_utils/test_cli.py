import click
import pytest

from torch_utils.cli import run
from torch_utils.errors import ConfigError, DataError, SnapshotError, StorageError, UserError


def status_of(monkeypatch, body, arguments=()) -> int:
    """Run a command of our own with `arguments` and give its exit status."""

    @click.command()
    @click.option("--gamma", type=float, default=1.0)
    def command(gamma):
        return body()

    monkeypatch.setattr("sys.argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as stop:
        run(command)
    return 0 if stop.value.code is None else stop.value.code


def raising(error):
    def body():
        raise error

    return body


@pytest.mark.parametrize("kind", [UserError, ConfigError, DataError, SnapshotError, StorageError])
def test_an_error_the_user_can_mend_is_one_line_and_status_2(monkeypatch, capsys, kind):
    assert status_of(monkeypatch, raising(kind("faces.zip: missing. Make it with dataset_tool.py."))) == 2
    output = capsys.readouterr()
    assert output.err == "error: faces.zip: missing. Make it with dataset_tool.py.\n"
    assert output.out == ""


def test_line_breaks_in_a_name_are_shown_escaped_on_one_line(monkeypatch, capsys):
    assert status_of(monkeypatch, raising(DataError("a\nb.png: damaged. Replace it."))) == 2
    assert capsys.readouterr().err == "error: a\\nb.png: damaged. Replace it.\n"


def test_a_misspelt_option_is_one_line_with_the_nearest_name(monkeypatch, capsys):
    assert status_of(monkeypatch, lambda: None, ["--gama", "2"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: No such option")
    assert "--gamma" in error
    assert error.count("\n") == 1


def test_a_value_of_the_wrong_type_is_one_line(monkeypatch, capsys):
    assert status_of(monkeypatch, lambda: None, ["--gamma", "much"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "'much' is not a valid float" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("stop", [click.Abort(), KeyboardInterrupt()])
def test_an_interruption_ends_with_130_and_no_traceback(monkeypatch, capsys, stop):
    assert status_of(monkeypatch, raising(stop)) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_any_other_error_keeps_its_traceback(monkeypatch):
    with pytest.raises(ZeroDivisionError, match="our own fault"):
        status_of(monkeypatch, raising(ZeroDivisionError("our own fault")))


def test_success_ends_with_0_and_prints_nothing(monkeypatch, capsys):
    assert status_of(monkeypatch, lambda: None) == 0
    assert capsys.readouterr() == ("", "")


def test_a_number_a_command_returns_is_its_status(monkeypatch):
    assert status_of(monkeypatch, lambda: 3) == 3


def test_help_ends_with_0(monkeypatch, capsys):
    assert status_of(monkeypatch, lambda: None, ["--help"]) == 0
    assert "--gamma" in capsys.readouterr().out
