"""The rules of docs/architecture.md that a machine can hold: who may import whom, and how long things may be."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PARTS = {  # part → parts it may import besides itself
    "torch_utils": (),
    "dataset": ("torch_utils",),
    "networks": ("torch_utils",),
    "sampling": ("networks", "torch_utils"),
    "editing": ("networks", "torch_utils"),
    "metrics": ("sampling", "classification", "dataset", "networks", "torch_utils"),
    "classification": ("dataset", "torch_utils"),
    "painting": ("classification", "sampling", "networks", "dataset", "torch_utils"),
    "explorer": ("sampling", "editing", "networks", "torch_utils"),
    "training": ("metrics", "sampling", "networks", "dataset", "torch_utils"),
}
SCRIPTS = {  # script → the part it fronts; a script that is not here gets torch_utils alone
    "train.py": "training",
    "generate.py": "sampling",
    "evaluate.py": "metrics",
    "dataset_tool.py": "dataset",
    "convert.py": "networks",
    "project.py": "editing",
    "explore.py": "explorer",
    "classify.py": "classification",
    "paint.py": "painting",
}
OUTSIDERS = {  # library → the modules it may enter through
    "torch_fidelity": ("metrics/features.py", "metrics/extractors.py"),
    "tensorboard": ("torch_utils/curves.py",),
    "torch.utils.tensorboard": ("torch_utils/curves.py",),
    "torchvision": tuple(f"classification/{name}.py" for name in ("models", "weights", "transforms")),
    "safetensors": ("torch_utils/tensor_file.py",),
    "urllib3": ("dataset/web/http.py",),
    "tenacity": ("dataset/web/downloads.py",),
    "tensorflow": ("dataset/tf_kaokore.py",),
    "av": ("painting/export/animation.py",),
    "ninja": ("torch_utils/ops/compiler/toolchain.py",),
}
MOST_LINES, MOST_LINES_A_FUNCTION = 300, 60
LONGER_FILES: dict[str, str] = {}  # path → why it may be longer


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import, wherever it stands; a relative one starts with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def allowed(path: Path) -> tuple[str, ...]:
    """The parts of ours that a file may import."""
    if len(path.parts) == 1:
        front = SCRIPTS.get(path.name)
        return ("torch_utils", front) if front else ("torch_utils",)
    part = path.parts[0]
    return tuple(PARTS) if part == "benchmarks" else (part, *PARTS[part])


def import_offences(path: Path, tree: ast.Module) -> Iterator[str]:
    for line, module in imports(tree):
        top = module.split(".")[0]
        if module.startswith("."):
            yield f"{path}:{line}: relative import; write the whole name"
        elif top in PARTS and top not in allowed(path):
            yield f"{path}:{line}: imports {top}, may import {', '.join(allowed(path))}"
        for library, entrances in OUTSIDERS.items():
            if f"{module}.".startswith(f"{library}.") and path.as_posix() not in entrances:
                yield f"{path}:{line}: imports {library}, which enters through {' or '.join(entrances)} alone"


def length_offences(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    lines = len(text.splitlines())
    if lines > MOST_LINES and path.as_posix() not in LONGER_FILES:
        yield f"{path}: {lines} lines, at most {MOST_LINES}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_LINES_A_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MOST_LINES_A_FUNCTION}"


@pytest.fixture(scope="module")
def sources(repository) -> dict[Path, str]:
    """Every tracked Python file outside the tests."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=repository, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [Path(line) for line in listed.stdout.splitlines() if not line.startswith("tests/")]
    return {path: (repository / path).read_text(encoding="utf-8") for path in paths if (repository / path).exists()}


def test_every_folder_of_code_is_a_known_part(sources):
    folders = {path.parts[0] for path in sources if len(path.parts) > 1}
    assert folders - set(PARTS) - {"benchmarks"} == set()


def test_imports_go_one_way(sources):
    offences = [line for path, text in sources.items() for line in import_offences(path, ast.parse(text))]
    assert offences == []


def test_functions_and_files_are_short(sources):
    offences = [line for path, text in sources.items() for line in length_offences(path, text, ast.parse(text))]
    assert offences == []


def test_every_module_says_what_it_is(sources):
    silent = [str(path) for path, text in sources.items() if not ast.get_docstring(ast.parse(text))]
    assert silent == []


@pytest.mark.parametrize(
    ("path", "code", "offence"),
    [
        ("networks/mapping.py", "def f():\n    import training.run", "networks/mapping.py:2: imports training"),
        ("torch_utils/files.py", "from dataset.archive import Archive", "torch_utils/files.py:1: imports dataset"),
        ("generate.py", "from training.run import train", "generate.py:1: imports training"),
        ("demo.py", "import networks", "demo.py:1: imports networks, may import torch_utils"),
        ("training/run.py", "from . import state", "training/run.py:1: relative import"),
        ("metrics/fid.py", "import torch_fidelity", "metrics/fid.py:1: imports torch_fidelity"),
        (
            "training/run.py",
            "from torch.utils import tensorboard",
            "training/run.py:1: imports torch.utils.tensorboard",
        ),
    ],
)
def test_a_wrong_import_is_named_with_its_line(path, code, offence):
    (found,) = import_offences(Path(path), ast.parse(code))
    assert found.startswith(offence)


def test_a_long_function_is_named_with_its_line():
    code = "def f():\n" + "    pass\n" * MOST_LINES_A_FUNCTION
    assert list(length_offences(Path("a.py"), code, ast.parse(code))) == ["a.py:1: f has 61 lines, at most 60"]
