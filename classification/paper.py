"""The KaoKore paper's table: single runs on the 527 test pictures of version 1.0.

Source: Tian et al. 2020, arXiv 2002.08595, table 2. 527 is the only number of pictures for which all 14 percentages are
whole counts.
"""

TEST_PICTURES = 527
SOURCE = "KaoKore v1.0"
ACCURACY = {  # percent, as printed: gender, status
    "vgg11": (92.03, 78.74),
    "alexnet": (91.27, 78.93),
    "resnet18": (92.98, 82.16),
    "resnet34": (93.55, 84.82),
    "mobilenet_v2": (95.06, 82.35),
    "densenet121": (94.31, 79.70),
    "inception_v3": (96.58, 84.25),
}
LABELS = ("gender", "status")


def paper_accuracy(model: str, label: str) -> float | None:
    """As printed, in percent; None for what the paper has not."""
    if model not in ACCURACY or label not in LABELS:
        return None
    return ACCURACY[model][LABELS.index(label)]


def paper_correct(model: str, label: str) -> int | None:
    """Pictures of 527 that were right."""
    percent = paper_accuracy(model, label)
    return None if percent is None else round(percent / 100 * TEST_PICTURES)
