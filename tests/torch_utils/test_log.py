import re

from torch_utils import distributed
from torch_utils.log import Log, note


def test_a_line_goes_to_the_screen_and_with_its_time_to_the_file(tmp_path, capsys):
    log = Log(tmp_path / "log.txt")
    log("kimg 0.1")
    log("人 kimg 0.2")
    assert capsys.readouterr() == ("kimg 0.1\n人 kimg 0.2\n", "")
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in lines] == ["kimg 0.1", "人 kimg 0.2"]
    assert all(line.startswith("20") for line in lines)


def test_a_second_log_of_the_same_file_goes_on_where_the_first_stopped(tmp_path):
    Log(tmp_path / "log.txt")("first run")
    Log(tmp_path / "log.txt")("second run")
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 2


def test_lines_said_before_there_is_a_file_begin_it_once(tmp_path):
    log = Log()
    log("early")
    log.keep_in(tmp_path / "log.txt")
    log("late")
    log.keep_in(tmp_path / "other.txt")
    assert [line.split()[-1] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["early", "late"]
    assert not (tmp_path / "other.txt").exists()


def test_a_note_goes_to_stderr_from_the_main_process_alone(monkeypatch, capsys):
    note("hello")
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    note("other")
    assert capsys.readouterr() == ("", "hello\n")


def test_without_a_file_lines_are_only_printed(capsys):
    Log()("hello")
    assert capsys.readouterr() == ("hello\n", "")


def test_a_file_that_cannot_be_written_is_warned_of_once_and_nothing_stops(tmp_path, capsys):
    log = Log(tmp_path / "absent" / "log.txt")
    log("one")
    log("two")
    output = capsys.readouterr()
    assert output.out == "one\ntwo\n"
    assert output.err.count("\n") == 1
    assert "log.txt: not written (No such file or directory); training goes on." in output.err


def test_other_processes_than_the_main_one_are_silent(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    Log(tmp_path / "log.txt")("hello")
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "log.txt").exists()


def test_a_pipe_that_nobody_reads_on_does_not_stop_the_run(tmp_path, monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

        def flush(self):
            pass

    monkeypatch.setattr("sys.stdout", Closed())
    log = Log(tmp_path / "log.txt")
    log("one")
    log("two")
    assert [line.split(" ", 2)[2] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["one", "two"]
