"""Exported extractors: opened only by digest, named after themselves, checked before work."""

import hashlib
import re

import pytest
import torch

from metrics.extractors import load_extractor, moved
from metrics.features import INCEPTION
from tests.support.tiny_program import TinyFeatures, extractor_of, write_program
from torch_utils.errors import ConfigError
from torch_utils.exported import KNOWN_PROGRAMS


def pictures(count: int = 5, size: int = 16, channels: int = 3) -> torch.Tensor:
    source = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=source)


def test_a_program_with_its_digest_gives_the_features_of_the_network_it_was(program):
    path, digest = program
    extractor = load_extractor(exported=path, exported_sha256=digest.upper(), resolution=32)
    assert (extractor.name, extractor.sha256, extractor.is_inception) == ("thumbnails", digest, False)
    batch = pictures(11, 32)
    assert torch.equal(extractor(batch), TinyFeatures()(batch))


def test_features_do_not_depend_on_the_batch(program):
    path, digest = program
    extractor = load_extractor(exported=path, exported_sha256=digest)
    batch = pictures(11)
    one_by_one = torch.cat([extractor(picture[None]) for picture in batch])
    torch.testing.assert_close(one_by_one, extractor(batch), rtol=1e-5, atol=1e-6)


def test_grey_is_repeated_to_three_channels(extractor):
    grey = pictures(channels=1)
    assert torch.equal(extractor(grey), extractor(grey.repeat(1, 3, 1, 1)))


def test_an_unknown_program_is_not_opened_and_its_digest_is_named(program, monkeypatch):
    path, digest = program
    monkeypatch.setattr(torch.export, "load", lambda *_: pytest.fail("opened"))
    with pytest.raises(ConfigError, match=f"not a known extractor, its SHA-256 is {digest}.*--extractor-sha256"):
        load_extractor(exported=path)


def test_another_digest_than_the_files_is_refused_without_opening(program, monkeypatch):
    path, digest = program
    monkeypatch.setattr(torch.export, "load", lambda *_: pytest.fail("opened"))
    with pytest.raises(ConfigError, match=f"its SHA-256 is {digest}, not --extractor-sha256 {'0' * 64}"):
        load_extractor(exported=path, exported_sha256="0" * 64)


def test_a_known_program_needs_no_digest_and_has_its_name(program, monkeypatch):
    path, digest = program
    monkeypatch.setitem(KNOWN_PROGRAMS, digest, "known_by_us")
    assert load_extractor(exported=path).name == "known_by_us"


def test_a_program_called_inception_is_still_not_inception(program, tmp_path):
    path = tmp_path / f"{INCEPTION}.pt2"
    path.write_bytes(program[0].read_bytes())
    assert not load_extractor(exported=path, exported_sha256=program[1]).is_inception
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    assert FEATURE_EXTRACTORS_REGISTRY[INCEPTION].__name__ == "FeatureExtractorInceptionV3"


def test_a_missing_program_is_named(tmp_path):
    with pytest.raises(ConfigError, match="--extractor .*none.pt2: no such file"):
        load_extractor(exported=tmp_path / "none.pt2")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_program_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "broken.pt2"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a torch.export program") as caught:
        load_extractor(exported=path, exported_sha256=hashlib.sha256(content).hexdigest())
    assert "\n" not in str(caught.value)


def test_a_program_for_another_size_is_refused_before_work(tmp_path):
    path = tmp_path / "fixed.pt2"
    digest = write_program(path, size=32)
    load_extractor(exported=path, exported_sha256=digest, resolution=32)
    with pytest.raises(ConfigError, match="does not take 1 pictures of 16×16 .*dynamic N, H and W") as caught:
        load_extractor(exported=path, exported_sha256=digest, resolution=16)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda batch: batch.float().mean((2, 3)) / 0, "not finite"),
        (lambda batch: batch.float(), re.escape("gives [3, 3, 16, 16] for 3 pictures")),
        (lambda batch: batch.float().mean((0, 2, 3))[None], re.escape("gives [1, 3] for 3 pictures")),
    ],
)
def test_features_that_are_none_are_refused(network, words):
    with pytest.raises(ConfigError, match=words):
        extractor_of(network)(pictures(3))


def test_float_pictures_are_our_own_fault(extractor):
    with pytest.raises(TypeError, match="uint8 pictures, not torch.float32"):
        extractor(pictures().float())


def test_two_networks_at_once_are_refused(program, tmp_path):
    with pytest.raises(ConfigError, match="two networks. Give one"):
        load_extractor(exported=program[0], exported_sha256=program[1], inception_weights=tmp_path / "w.pth")


def test_a_digest_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="--extractor-sha256: of no --extractor"):
        load_extractor(exported_sha256="0" * 64)


def test_moving_a_program_moves_what_exporting_wrote_into_its_steps(program):
    # CUDA's stand-in: the device "meta" runs shapes only, and refuses a step that still says "cpu".
    on_meta = moved(torch.export.load(program[0]), torch.device("meta")).module()
    assert on_meta(torch.zeros(2, 3, 16, 16, dtype=torch.uint8, device="meta")).device.type == "meta"


def test_the_real_mobilenet_is_known_and_tells_pictures_apart(shared, archive):
    extractor = load_extractor(exported=shared / "weights" / "mobilenet_v2-imagenet-features.pt2", resolution=16)
    rows = extractor(archive.load(archive.indices(None)))
    assert extractor.name == "mobilenet_v2"
    assert rows.shape == (24, 1280)
    colour = archive.labels[:, 0]
    centres = torch.stack([rows[colour == value].mean(0) for value in (0, 1)])
    nearest = torch.cdist(rows, centres).argmin(1)
    assert int((nearest == colour).sum()) >= 22, "red and blue discs lie apart"
