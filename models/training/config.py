"""What each model is: its size, what it learns, and how long it may take.

The minutes are those of the weights in this folder, which were trained on two busy cores; more make better models.
"""

from dataclasses import dataclass, field, replace

from .skills.mix import ABOUT


@dataclass(frozen=True)
class Spec:
    name: str
    seed: int
    minutes: float  # wall-clock training time; the learning rate follows it
    dim: int
    layers: int
    heads: int
    hidden: int
    context: int = 1024
    tied: bool = False
    family: str = "skills"  # or "tools": another generator, another tokenizer
    weights: dict[str, float] = field(default_factory=dict)  # how often each skill is seen
    about: dict[str, float] = field(default_factory=lambda: dict(ABOUT))
    late: dict[str, float] = field(default_factory=dict)  # share of its weight that a skill has at the start (see `Run.reweigh`)
    adapt: bool = False  # show more of what it still gets wrong
    drill: float = 0.0  # share of short and easy questions that stays after the beginning (see `Pupil`)
    prompt_weight: float = 0.03  # what a token of a prompt counts in the loss, where one of an answer counts 1
    choice_weight: float = 1.0  # what the token that chooses between calling and not, and the name of the tool, count
    start_layers: int = 0  # train with so few layers at first, they learn the same much faster; 0 means all
    stem: str = ""  # a model, perhaps a smaller one, whose checkpoint this one starts from
    grow_at: float = 0.4  # share of the time after which it gets its whole size
    batch_tokens: int = 2048
    accumulate: int = 1  # batches a step; each holds questions of like length, so several are a fairer sample
    muon_lr: float = 0.01
    adam_lr: float = 0.004
    average: float = 0.0  # share of the averaged weights that a step keeps; these are exported (0: no averaging)
    compile: bool = True
    title: str = ""


# Training sees about what the test holds, more of what is hard to learn, and a few greetings.
LEARN = {"add": 36, "sub": 40, "mul": 26, "compare": 20, "sort": 18, "reverse": 8, "upper": 5, "count": 8, "convert": 10,
         "read": 26, "unknown": 5, "greet": 0.6, "verify": 26, "draft": 7, "choose": 26}

# The smallest learns what it can: words, small products and comparisons first.
NANO = {"upper": 8, "reverse": 8, "compare": 8, "mul": 6, "convert": 8, "count": 4, "unknown": 5, "greet": 0.6, "add": 6, "sub": 4, "sort": 4, "read": 4,
        "verify": 4, "draft": 3, "choose": 1}

# Long questions that need the other skills come later: checking sums before one can add teaches nothing.
LATE = {"verify": 0.2, "draft": 0.2, "choose": 0.1, "read": 0.4}


def emphasis(weak: list[str], factor: float) -> tuple[dict[str, float], dict[str, float]]:
    """The usual mix with some skills shown rarely. A panel of three gains when its members are weak at different things."""
    weights = {k: v * (factor if k in weak else 1.0) for k, v in LEARN.items()}
    about = {k: v * (factor if k in weak else 1.0) for k, v in ABOUT.items()}
    return weights, about


def mini(letter: str, seed: int, weak: list[str], minutes: float) -> Spec:
    weights, about = emphasis(weak, 0.1)
    return replace(STEM, name=f"mini-{letter}", seed=seed, minutes=minutes, muon_lr=0.006, adam_lr=0.002, accumulate=1, weights=weights, about=about, late={}, adapt=False,
                   stem="stem", title=f"embedded mini {letter}")


STEM = Spec("stem", 20, 114, dim=128, layers=4, heads=4, hidden=352, weights=LEARN, late=LATE, adapt=True, drill=0.4, prompt_weight=0.0, average=0.99, accumulate=2,
            title="embedded stem")


SPECS = {
    spec.name: spec
    for spec in [
        Spec("nano", 11, 29, dim=64, layers=3, heads=4, hidden=160, tied=True, weights=NANO, late=LATE, drill=0.3, prompt_weight=0.0, average=0.99, title="embedded nano"),
        STEM,  # no model of its own: the three minis grow apart from it
        mini("a", 21, ["sub", "reverse", "convert"], minutes=27),
        mini("b", 22, ["add", "sort"], minutes=16),
        mini("c", 23, ["mul", "compare", "upper", "read"], minutes=16),
        # At a high rate it is hardly better than its stem; nearly all of the gain comes while the rate falls.
        replace(STEM, name="base", seed=31, minutes=122, muon_lr=0.004, adam_lr=0.0013, grow_at=0.0, dim=192, layers=7, heads=6, hidden=512, stem="stem", late={}, title="embedded base"),
        Spec("tools", 41, 196, dim=128, layers=5, heads=4, hidden=384, start_layers=4, grow_at=0.3, context=2048, family="tools", title="embedded tools", batch_tokens=4096,
             muon_lr=0.0055, adam_lr=0.002, prompt_weight=0.0, choice_weight=3.0, average=0.99),
    ]
}
