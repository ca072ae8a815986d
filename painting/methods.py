"""The two painters of the KaoKore paper, by direct optimisation: what `--method` chooses from."""

from collections.abc import Callable

from painting.optimise import Plan

MOST_STROKES = 5000


def learning_to_paint(strokes: int) -> Plan:
    """`ltp`: regions along Béziers, large ones first, as few as can be; abstract."""
    return Plan(brush="bezier", strokes=strokes)


def intrinsic_style_transfer(strokes: int) -> Plan:
    """`ist`: coloured pencil. The style lies in the strokes: many thin ones of limited opacity, and no style loss.

    Opacity is capped and strokes are limited, because more of either gives a better copy and a worse drawing.
    """
    return Plan(
        brush="pencil",
        strokes=strokes,
        stages=((0.4, 0.5, 10), (1.0, 1.0, 5)),
        finishing=16,
        content="pyramid",
        largest=0.024,
        smallest=0.008,
        length=8.0,
        cap=0.6,
    )


METHODS: dict[str, Callable[[int], Plan]] = {"ltp": learning_to_paint, "ist": intrinsic_style_transfer}
STROKES = {"ltp": 100, "ist": 600}  # unless the user says how many
AGENT_BRUSHES = {"ltp-agent": ("bezier",), "ist-agent": ("pencil", "ink", "dry")}  # methods that need a trained agent
