"""What a picture says of its origin, as PNG text chunks."""

from collections.abc import Mapping, Sequence

from networks.snapshot import LoadedGenerator


def provenance(
    loaded: LoadedGenerator,
    seeds: Sequence[int],
    *,
    psi: float,
    noise: str,
    cutoff: int | None = None,
    classes: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Text chunks: seeds, psi and its cutoff, noise mode, classes, snapshot digest, data licence and attribution."""
    info = loaded.info
    text = {
        "Software": f"kaokore-stylegan {info.project_version}",
        "seeds": seed_words(seeds),
        "psi": f"{psi:g}",
        "noise_mode": noise,
        "snapshot": loaded.path.name,
        "snapshot_sha256": info.digest,
        "images_seen": str(info.images_seen),
    }
    if cutoff is not None:
        text["psi_cutoff"] = str(cutoff)
    if classes:
        text["class"] = ", ".join(f"{name}={value}" for name, value in classes.items())
    for key in ("licence", "attribution"):
        if info.data.get(key):
            text[f"data_{key}"] = str(info.data[key])
    return text


def seed_words(seeds: Sequence[int]) -> str:
    """Seeds as the user would write them: 0-63, or 1,5,9."""
    if len(seeds) > 1 and consecutive(seeds):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))


def consecutive(seeds: Sequence[int]) -> bool:
    """True for a run of seeds without gaps: what an uncurated grid shows."""
    return list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
