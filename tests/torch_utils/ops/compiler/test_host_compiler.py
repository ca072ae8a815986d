import shutil

import pytest

from tests.support.toolchains import FIRST_LINE, compiler, script, without_compilers
from torch_utils.ops.compiler.host_compiler import find_host_compiler


@pytest.fixture
def environment(tmp_path):
    return without_compilers(tmp_path)


def reasons(environment) -> list[str]:
    found, rejected = find_host_compiler(environment)
    assert found is None
    return [str(item) for item in rejected]


def test_the_compiler_of_the_path_is_found_with_its_version(tmp_path, environment):
    path = compiler(tmp_path / "empty" / "g++", when_compiling="exit 1")
    found, rejected = find_host_compiler(environment)
    assert found is not None
    assert (found.command, found.version, rejected) == ((str(path),), FIRST_LINE, ())


def test_cxx_comes_first_and_may_have_a_launcher_before_it(tmp_path, environment):
    compiler(tmp_path / "empty" / "g++", when_compiling="exit 1")
    script(tmp_path / "empty" / "launcher", 'echo "clang version 17.0.6"')
    found, _ = find_host_compiler({**environment, "CXX": "launcher clang++ -m64"})
    assert found is not None
    assert found.command == (str(tmp_path / "empty" / "launcher"), "clang++", "-m64")
    assert found.program == "clang++"
    assert found.version == "clang version 17.0.6"


def test_without_any_each_name_is_said_to_be_missing(environment):
    assert reasons(environment) == [f"{name}: not found on the PATH" for name in ("g++", "c++", "clang++")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo cannot execute cc1plus >&2; exit 4", "ends with status 4 (cannot execute cc1plus)"),
        ("echo 'g++ (GCC) 7.5.0'", "version 7 is too old, 9 or newer is needed"),
        ("echo 'Debian clang version 8.0.1-3'", "version 8 is too old, 9 or newer is needed"),
        ("true", "does not say its version (no output)"),
        ("echo hello", "does not say its version (hello)"),
    ],
)
def test_a_compiler_that_will_not_do_is_rejected_with_the_reason(tmp_path, environment, text, reason):
    path = script(tmp_path / "empty" / "g++", text)
    assert reasons(environment)[0] == f"g++ ({path}): {reason}"


def test_a_file_that_is_no_program_is_rejected(tmp_path, environment):
    path = tmp_path / "empty" / "g++"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    assert reasons(environment)[0] == f"g++ ({path}): does not run (Exec format error)"


def test_the_real_one_is_accepted():
    if shutil.which("g++") is None:
        pytest.skip("no g++ here")
    found, _ = find_host_compiler()
    assert found is not None
