import pytest

from torch_utils.errors import ConfigError, DataError, SnapshotError, StorageError, UserError


@pytest.mark.parametrize("kind", [ConfigError, DataError, SnapshotError, StorageError])
def test_every_kind_of_error_is_one_the_user_can_mend(kind):
    with pytest.raises(UserError, match="faces.zip: missing. Make it."):
        raise kind("faces.zip: missing. Make it.")


def test_errors_of_the_machine_are_not():
    assert not issubclass(OSError, UserError)
    assert not issubclass(UserError, OSError)


def test_a_message_is_one_line_whatever_names_stand_in_it():
    assert str(DataError("a\nb\x1b[2J.png: damaged.")) == "a\\nb\\x1b[2J.png: damaged."
