"""KaoKore for TensorFlow: a tf.data.Dataset. The only module that imports TensorFlow, which nothing else needs.

from dataset.tf_kaokore import kaokore
train = kaokore("kaokore.zip", "train", "status").shuffle(1000).batch(32)
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

from dataset.labelled_pictures import LabelledPictures


def kaokore(
    root: Path | str, split: str = "train", category: str = "gender", *, strict: bool = True, unlabelled: bool = False
) -> Any:
    """A tf.data.Dataset of (uint8 [H, W, 3], int64 class), in the order of labels.csv.

    Args:
        root: folder with labels.csv and images_256, or a zip that dataset_tool.py pack made.
        split: train, dev (also called validation), test, or all.
        category: gender, status, or any label set there is.
        strict: raise where files of the split are missing; False takes what is there.
        unlabelled: also give pictures without label, as -1; else they are left out.
    Raises:
        DataError: missing or damaged files, no labels.
        ConfigError: no such split or category.
    """
    pictures = LabelledPictures(root, split, [category], strict=strict, unlabelled=unlabelled)

    def examples() -> Iterator[tuple[Any, int]]:
        for index, (_, labels) in enumerate(pictures.entries):
            yield pictures.array(index), labels[0]

    signature = (tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    examples_there = tf.data.Dataset.from_generator(examples, output_signature=signature)
    return examples_there.apply(tf.data.experimental.assert_cardinality(len(pictures.entries)))
