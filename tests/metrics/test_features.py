"""torch-fidelity behind our door: its own functions agree with ours, its Inception enters safely."""

import hashlib
import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch.utils.data import Dataset

from metrics import features
from metrics.extractors import load_extractor
from torch_utils.errors import ConfigError


class Pictures(Dataset):
    def __init__(self, seed: int, count: int = 40):
        source = torch.Generator().manual_seed(seed)
        self.pictures = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8, generator=source) // (1 + seed)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.pictures[index]


def test_torch_fidelity_itself_computes_the_same_with_a_registered_program(program, monkeypatch):
    import torch_fidelity.utils

    # Its loader starts processes; pictures that are there already need none.
    monkeypatch.setattr(torch_fidelity.utils.multiprocessing, "cpu_count", lambda: 0)
    path, digest = program
    extractor = load_extractor(exported=path, exported_sha256=digest)
    fake, real = Pictures(1), Pictures(0)
    theirs = torch_fidelity.calculate_metrics(
        input1=fake,
        input2=real,
        cuda=False,
        fid=True,
        kid=True,
        kid_subset_size=20,
        rng_seed=5,
        feature_extractor=f"exported-{digest}",
        cache=False,
        verbose=False,
    )
    reals, fakes = extractor(real.pictures), extractor(fake.pictures)
    mean, deviation = features.kernel_distance(reals, fakes, subsets=100, subset_size=20, seed=5)
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-4)
    assert deviation == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-4)
    distance = features.frechet_distance(reals, fakes)
    assert distance == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)


@pytest.fixture(scope="module")
def random_inception(tmp_path_factory) -> Path:
    """A file of torch-fidelity's layout with random weights; its numbers mean nothing."""
    from torch_fidelity import feature_extractor_inceptionv3 as theirs

    path = tmp_path_factory.mktemp("inception") / "random.pth"
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        patch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = theirs.FeatureExtractorInceptionV3(features.INCEPTION, ["2048"])
    torch.save(network.state_dict(), path)
    return path


def test_inception_of_a_file_gives_2048_features_and_leaves_the_random_state_alone(random_inception):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    extractor = load_extractor(inception_weights=random_inception)
    rows = extractor(Pictures(0, 2).pictures[:, :1])
    assert torch.equal(torch.get_rng_state(), before)
    assert rows.shape == (2, 2048)
    assert not torch.equal(rows[0], rows[1])
    assert extractor.is_inception
    assert extractor.sha256 == hashlib.sha256(random_inception.read_bytes()).hexdigest()
    assert "299" in extractor.resize
    assert extractor.note == "not the published Inception weights"


def test_missing_inception_weights_are_named(tmp_path):
    with pytest.raises(ConfigError, match="--inception-weights .*none.pth: no such file"):
        load_extractor(inception_weights=tmp_path / "none.pth")


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.mkdir, (self.path,)


def damaged_weights(kind: str, folder: Path, whole: Path) -> Path:
    path = folder / f"{kind}.pth"
    if kind == "text":
        path.write_text("hello")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut short":
        path.write_bytes(whole.read_bytes()[:100_000])
    elif kind == "other network":
        torch.save({"weight": torch.zeros(3)}, path)
    elif kind == "no dictionary":
        torch.save(torch.zeros(3), path)
    else:
        path.write_bytes(pickle.dumps({"weight": Bomb(folder / "exploded")}))
    return path


@pytest.mark.parametrize("kind", ["text", "empty", "cut short", "other network", "no dictionary", "pickle bomb"])
def test_a_file_that_is_not_inceptions_is_refused_and_runs_no_code(kind, tmp_path, random_inception):
    path = damaged_weights(kind, tmp_path, random_inception)
    with pytest.raises(ConfigError, match="not torch-fidelity's Inception weights .* Give the right file") as caught:
        load_extractor(inception_weights=path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "failure",
    [URLError("Name or service not known"), RuntimeError('invalid hash value (expected "6726825d", got "00")')],
)
def test_weights_that_cannot_be_downloaded_end_in_one_line_with_the_remedy(failure, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise failure

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(
        ConfigError, match="cannot be downloaded here .*--inception-weights FILE.*--extractor"
    ) as caught:
        load_extractor()
    assert "\n" not in str(caught.value)


def test_the_download_goes_where_torch_fidelity_looks_and_is_checked(tmp_path, monkeypatch, random_inception):
    asked = []

    def download(url, path, hash_prefix, progress):
        asked.append((url, hash_prefix))
        Path(path).write_bytes(random_inception.read_bytes())

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert features.published_weights() == features.published_weights()
    [(url, prefix)] = asked
    assert url.startswith("https://github.com/toshas/torch-fidelity/releases/")
    assert prefix == "6726825d"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [url.rsplit("/", 1)[-1]]
