import dataclasses
import json
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_utils.config import differences, flatten, from_json, overlaid, to_json, with_options, with_settings
from torch_utils.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Ramp:
    kind: Literal["ramp"] = "ramp"
    kimg: float = 500.0


@dataclass(frozen=True, kw_only=True)
class Fixed:
    kind: Literal["fixed"] = "fixed"
    p: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Loss:
    gamma: float = 1.0
    every: int = 16
    precision: Literal["fp32", "fp16"] = "fp32"


@dataclass(frozen=True, kw_only=True)
class Options:
    path: str
    loss: Loss = field(default_factory=Loss)
    strength: Ramp | Fixed = field(default_factory=Ramp)
    mirror: bool = False
    limit: float | None = None
    split: str | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self):
        if self.loss.every > 100:
            raise ConfigError(f"loss.every: {self.loss.every} is too much. Use 100 at most.")


BASE = Options(path="faces.zip")


def test_a_tree_comes_back_from_json_as_it_was():
    options = Options(path="a", loss=Loss(gamma=0.5), strength=Fixed(p=0.1), limit=3.0, names=("gender", "status"))
    assert from_json(Options, json.loads(json.dumps(to_json(options)))) == options


def test_what_json_leaves_out_takes_its_default():
    assert from_json(Options, {"path": "faces.zip"}) == BASE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "path: missing. Give it a value."),
        ({"path": "a", "mirrror": True}, "mirrror: no such option. Did you mean mirror?"),
        ({"path": "a", "loss": {"gama": 1}}, "loss.gama: no such option. Did you mean gamma?"),
        ({"path": "a", "loss": {"zzz": 1}}, "loss.zzz: no such option. There are: gamma, every, precision."),
        ({"path": "a", "loss": 3}, "loss: 3 is a value, but this is a group. Set its options: loss.gamma, "),
        ({"path": "a", "loss": {"every": 1.5}}, "loss.every: 1.5 is not a whole number"),
        ({"path": "a", "loss": {"every": True}}, "loss.every: True is not a whole number"),
        ({"path": "a", "loss": {"gamma": True}}, "loss.gamma: True is not a number"),
        ({"path": "a", "loss": {"gamma": float("nan")}}, "loss.gamma: nan is not a number"),
        ({"path": "a", "loss": {"gamma": float("inf")}}, "loss.gamma: inf is not a number"),
        ({"path": "a", "loss": {"gamma": 10**400}}, "is not a number"),
        ({"path": "a", "loss": {"precision": "fp8"}}, "loss.precision: fp8 is not a choice. Use one of fp32, fp16."),
        ({"path": "a", "strength": {"kind": "rump"}}, "strength.kind: rump is not a choice. Use one of ramp, fixed."),
        ({"path": "a", "strength": {"kind": []}}, "strength.kind: [] is not a choice."),
        ({"path": "a", "strength": {"p": 1}}, "strength.kind: None is not a choice."),
        ({"path": "a", "strength": {"kind": "fixed", "kimg": 1}}, "strength.kimg: no such option."),
        ({"path": "a", "mirror": 1}, "mirror: 1 is not true or false"),
        ({"path": 1}, "path: 1 is not text"),
        ({"path": "a", "names": "gender"}, 'names: "gender" is not a list'),
        ({"path": "a", "names": [1]}, "names: 1 is not text"),
        ([], "config: [] is a value, but this is a group"),
    ],
)
def test_wrong_json_is_named_by_its_path(data, message):
    with pytest.raises(ConfigError) as error:
        from_json(Options, data)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("loss.gamma=0.5", "loss.gamma", 0.5),
        ("loss.gamma=2", "loss.gamma", 2.0),
        (" loss.gamma = 1e-3 ", "loss.gamma", 1e-3),
        ("loss.every=4", "loss.every", 4),
        ("loss.precision=fp16", "loss.precision", "fp16"),
        ("mirror=true", "mirror", True),
        ("mirror=True", "mirror", True),
        ("limit=none", "limit", None),
        ("limit=off", "limit", None),
        ("limit=3", "limit", 3.0),
        ("split=test", "split", "test"),
        ("split=none", "split", None),
        ("path=none", "path", "none"),
        ("path=a=b", "path", "a=b"),
        ("names=gender, status", "names", ("gender", "status")),
        ('names=["gender"]', "names", ("gender",)),
        ("names=", "names", ()),
        ("strength.kimg=3", "strength.kimg", 3.0),
    ],
)
def test_text_is_read_as_the_options_type(setting, path, value):
    changed = with_settings(dataclasses.replace(BASE, limit=1.0, split="x", names=("a",)), [setting])
    found = dict(flatten(changed))[path]
    assert found == value
    assert type(found) is type(value)


def test_setting_a_kind_takes_that_choice_with_its_defaults():
    assert with_settings(BASE, ["strength.kind=fixed"]).strength == Fixed()
    assert with_settings(BASE, ["strength.kind=fixed", "strength.p=0.5"]).strength == Fixed(p=0.5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("loss.gamma", "--set loss.gamma: not of the form path=value"),
        ("=1", ": no such option."),
        ("loss.gama=1", "loss.gama: no such option. Did you mean gamma?"),
        ("los.gamma=1", "los: no such option. Did you mean loss?"),
        ("loss.gamma.x=1", "loss.gamma.x: no such option. loss.gamma is a value, not a group."),
        ("limit.x=1", "limit.x: no such option. limit is a value, not a group."),
        ("loss=1", "loss: 1 is a value, but this is a group"),
        ("strength=fixed", "strength: fixed is a value, but this is a group. Set its options: strength.kind, "),
        ("strength.kind=rump", "strength.kind: rump is not a choice"),
        ("strength.p=1", "strength.p: no such option."),
        ("loss.gamma=much", "loss.gamma: much is not a number"),
        ("loss.gamma=NaN", "loss.gamma: nan is not a number"),
        ("loss.gamma=1e999", "loss.gamma: inf is not a number"),
        ("loss.gamma=" + "9" * 400, "is not a number"),
        ("loss.every=" + "9" * 5000, "is not a whole number"),
        ("loss.every=" + "[" * 5000, "is not a whole number"),
        ("loss.every=none", "loss.every: none is not a whole number"),
        ("loss.every=1000", "loss.every: 1000 is too much"),
        ("names=[gender", "is not a list"),
    ],
)
def test_a_wrong_setting_is_named_by_its_path(setting, message):
    with pytest.raises(ConfigError) as error:
        with_settings(BASE, [setting])
    assert message in str(error.value)


@given(
    path=st.sampled_from(["loss.gamma", "loss.every", "strength", "strength.kind", "limit", "names", "mirror", "a.b"])
    | st.text(max_size=8),
    value=st.text() | st.floats().map(str) | st.integers().map(str),
)
def test_any_setting_gives_options_or_a_config_error(path, value):
    try:
        changed = with_settings(BASE, [f"{path}={value}"])
    except ConfigError:
        return
    assert from_json(Options, json.loads(json.dumps(to_json(changed), allow_nan=False))) == changed


def test_several_options_change_at_once_so_that_only_the_result_must_fit():
    changed = with_options(BASE, [("loss.every", 1000), ("loss.every", 50)])
    assert changed.loss.every == 50


def test_the_tree_itself_never_changes():
    changed = with_options(BASE, [("loss.gamma", 9.0)])
    assert (BASE.loss.gamma, changed.loss.gamma) == (1.0, 9.0)


def test_flatten_names_every_option_by_its_path():
    assert list(dict(flatten(BASE))) == [
        "path",
        "loss.gamma",
        "loss.every",
        "loss.precision",
        "strength.kind",
        "strength.kimg",
        "mirror",
        "limit",
        "split",
        "names",
    ]


def test_differences_name_what_changed_and_what_only_one_tree_has():
    other = with_settings(BASE, ["loss.gamma=2", "strength.kind=fixed"])
    assert differences(BASE, other) == {
        "loss.gamma": (1.0, 2.0),
        "strength.kind": ("ramp", "fixed"),
        "strength.kimg": (500.0, None),
        "strength.p": (None, 0.2),
    }
    assert differences(BASE, BASE) == {}


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}}, {"a": 1, "b": {"c": 4, "d": 3}}),
        ({"b": {"kind": "x", "c": 2}}, {"b": {"kind": "x", "d": 3}}, {"b": {"kind": "x", "c": 2, "d": 3}}),
        ({"b": {"kind": "x", "c": 2}}, {"b": {"kind": "y"}}, {"b": {"kind": "y"}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ],
)
def test_some_options_are_laid_over_all(base, over, result):
    assert overlaid(base, over) == result


def test_lists_of_numbers_are_read_from_the_command_line():
    @dataclass(frozen=True, kw_only=True)
    class Lists:
        sizes: tuple[int, ...] = ()
        factors: tuple[float, ...] = ()

    read = with_settings(Lists(), ("sizes=16, 8", "factors=1,0.5"))
    assert read == Lists(sizes=(16, 8), factors=(1.0, 0.5))
    with pytest.raises(ConfigError, match="sizes: many is not a whole number"):
        with_settings(Lists(), ("sizes=16,many",))
