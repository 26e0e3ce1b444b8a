"""Trains one model and writes its GGUF: `python -m training.train mini-a`.

A run ends when its minutes are over, wherever that is: the learning rate follows the clock. A stopped run goes on from
its checkpoint when it is started again.
"""

import argparse
import copy
import dataclasses
import signal
import time
from pathlib import Path
from random import Random

import torch
from torch.nn import functional as F

from .config import SPECS, Spec
from .data import batches, collate
from .export import export
from .families import Family, shape_of, tokenizer_of
from .measure import auroc
from .model import Llama
from .optim import optimisers
from .skills.task import Pupil

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def rate(done: float, decay: float = 0.5) -> float:
    """The share of the peak learning rate when `done` (0..1) of the time is over: warm up, hold, fall to nothing."""
    return min(1.0, done / 0.01 + 0.05, max(0.0, 1 - done) / decay)


def shapes(state: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}


@torch.no_grad()
def probe(model: Llama, family: Family, rng: Random, per_skill: int = 48) -> dict[str, tuple[float, float]]:
    """Accuracy and AUROC of the lowest token probability, by skill. Greedy answers are right exactly if every
    right token is the most likely one after the right tokens before it, so one pass per question is enough."""
    result: dict[str, tuple[float, float]] = {}
    device = next(model.parameters()).device
    everything: list[tuple[bool, float]] = []
    for skill, items in family.probes(rng, per_skill).items():
        ids, _ = collate([(p + a, [0.0]) for p, a in items])
        p = model(ids.to(device)).float().softmax(-1).cpu()
        marks = []
        for row, (prompt, answer) in enumerate(items):
            at = p[row, len(prompt) - 1 : len(prompt) - 1 + len(answer)]
            best, token = at.max(-1)
            right = token.tolist() == answer
            marks.append((right, best.min().item()))
        everything += marks
        result[skill] = (sum(r for r, _ in marks) / len(marks), auroc(marks))
    result["all"] = (sum(r for r, _ in everything) / len(everything), auroc(everything))
    return result


class Run:
    def __init__(self, spec: Spec, folder: Path, device: str):
        torch.manual_seed(spec.seed)
        self.spec, self.device = spec, device
        self.checkpoint = folder / f"{spec.name}.pt"
        self.log_file = folder / f"{spec.name}.log"
        folder.mkdir(parents=True, exist_ok=True)
        self.family = Family(spec)
        shape = shape_of(SPECS[spec.stem]) if spec.stem else shape_of(spec)
        self.model = Llama(dataclasses.replace(shape, layers=spec.start_layers or shape.layers)).to(device)
        self.optimisers = optimisers(self.model, spec.muon_lr, spec.adam_lr)
        self.step, self.tokens, self.seconds, self.loss = 0, 0, 0.0, 0.0
        self.warm_from = 0  # the step since which the optimisers' states gather
        self.accuracy: dict[str, float] = {}
        self.average: Llama | None = None
        stem = folder / f"{spec.stem}.pt"
        if self.checkpoint.exists():
            self.load()
        elif spec.stem:
            state = torch.load(stem, map_location=device, weights_only=False)
            self.model.load_state_dict(state.get("average") or state["model"])

    def load(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=False)
        if shapes(state["model"]) != shapes(self.model.state_dict()):
            self.grow()
        self.model.load_state_dict(state["model"])
        if "average" in state:
            self.average = copy.deepcopy(self.model)
            self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.accuracy = state["accuracy"]
        self.say(f"goes on at step {self.step}, minute {self.seconds / 60:.1f}")

    def smooth(self) -> None:
        """Follows the weights slowly: their average over the last steps is better than any one of them while the rate is high."""
        if not self.average or self.average.shape != self.model.shape:
            self.average = copy.deepcopy(self.model)
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.model.parameters()):
                slow.lerp_(fast, 1 - self.spec.average)

    @property
    def shown(self) -> Llama:
        """The weights that are measured and exported."""
        return self.average or self.model

    def grow(self) -> bool:
        """To the size of the spec; says whether that changed anything."""
        if self.model.shape == shape_of(self.spec):
            return False
        self.model = self.shown.grown(shape_of(self.spec))
        self.optimisers = optimisers(self.model, self.spec.muon_lr, self.spec.adam_lr)
        self.warm_from = self.step
        return True

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "optimisers": [o.state_dict() for o in self.optimisers],
                 "step": self.step, "tokens": self.tokens, "seconds": self.seconds, "accuracy": self.accuracy, "spec": dataclasses.asdict(self.spec)}
        state |= {"average": self.average.state_dict()} if self.average else {}
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def say(self, text: str) -> None:
        with self.log_file.open("a") as f:
            f.write(text + "\n")
        print(text, flush=True)

    def export(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        note = f"step {self.step}, {self.tokens} tokens, {self.seconds / 60:.0f} minutes"
        export(self.shown, tokenizer_of(self.spec), self.spec, folder / f"{self.spec.name}.gguf", note)

    def report(self) -> None:
        result = probe(self.shown, self.family, Random(self.spec.seed * 1000 + self.step))
        shown = " ".join(f"{skill} {100 * accuracy:.0f}" for skill, (accuracy, _) in result.items())
        self.say(f"minute {self.seconds / 60:.1f} step {self.step} tokens {self.tokens / 1e6:.2f}M loss {self.loss:.3f} | {shown} auroc {result['all'][1]:.3f}")
        self.accuracy = {skill: accuracy for skill, (accuracy, _) in result.items()}

    def reweigh(self) -> None:
        """Late skills reach their weight after 40 % of the time; an adapting run shows more of what it gets wrong."""
        grown = min(1.0, self.seconds / (self.spec.minutes * 60) / 0.4)
        for skill, weight in self.spec.weights.items():
            start = self.spec.late.get(skill, 1.0)
            weight *= start + (1 - start) * grown
            if self.spec.adapt and skill in self.accuracy:
                weight *= 0.3 + 1.5 * (1 - self.accuracy[skill])
            self.family.weights[skill] = weight
        self.rng.drill = max(self.spec.drill, 0.0 if self.spec.stem else 0.75 * (1 - grown))

    def train(self, every: float, slice_minutes: float | None, out: Path) -> None:
        """Runs until the spec's minutes (or this slice's) are over or someone interrupts. Every so many minutes it
        reports, saves a checkpoint and exports a snapshot."""
        stop: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
        signal.signal(signal.SIGINT, lambda number, _: stop.append(number))
        budget = self.spec.minutes * 60
        forward = torch.compile(self.model, dynamic=True) if self.spec.compile else self.model
        self.rng = Pupil(self.spec.seed * 1_000_003 + self.step)
        stream = batches(self.family.make, self.rng, self.spec.batch_tokens)
        end = min(budget, self.seconds + 60 * slice_minutes) if slice_minutes else budget
        next_report = self.seconds + min(120.0, every * 60)
        self.reweigh()
        pending = 0
        for ids, weights in stream:
            if stop or self.seconds >= end:
                break
            began = time.monotonic()
            if self.seconds >= budget * self.spec.grow_at and self.grow():
                forward = torch.compile(self.model, dynamic=True) if self.spec.compile else self.model
            warm = min(1.0, 0.05 + (self.step - self.warm_from) / 50)
            for optimiser, peak in zip(self.optimisers, (self.spec.muon_lr, self.spec.adam_lr)):
                for group in optimiser.param_groups:
                    group["lr"] = peak * warm * rate(self.seconds / budget)
            ids, weights = ids.to(self.device), weights.to(self.device)
            logits = forward(ids[:, :-1])
            losses = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
            counted = weights[:, 1:].flatten()
            loss = (losses * counted).sum() / counted.sum()
            (loss / self.spec.accumulate).backward()
            self.tokens += int((ids > 0).sum())
            self.loss = 0.98 * (self.loss or loss.item()) + 0.02 * loss.item()
            pending += 1
            if pending < self.spec.accumulate:
                self.seconds += time.monotonic() - began
                continue
            pending = 0
            torch.nn.utils.clip_grad_norm_(self.optimisers[1].param_groups[0]["params"], 1.0)
            for optimiser in self.optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            if self.spec.average:
                self.smooth()
            self.step += 1
            self.seconds += time.monotonic() - began
            if self.step % 20 == 0:
                self.reweigh()
            if self.seconds >= next_report:
                next_report = self.seconds + every * 60
                self.keep(out)
        self.keep(out)

    def keep(self, out: Path) -> None:
        self.report()
        self.save()
        self.export(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=SPECS)
    parser.add_argument("--work", type=Path, default=Path("work"), help="folder of checkpoints and logs")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder of the GGUF file")
    parser.add_argument("--minutes", type=float, help="another time budget")
    parser.add_argument("--slice", type=float, help="stop after so many minutes, to go on later")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="other numbers for the spec, e.g. muon_lr=0.01")
    parser.add_argument("--every", type=float, default=4, help="minutes between reports")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--export-only", action="store_true", help="write the GGUF of the checkpoint as it is")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    spec = SPECS[args.model]
    changes = {name: float(value) for name, value in (change.split("=") for change in args.set)}
    if args.minutes:
        changes["minutes"] = args.minutes
    spec = dataclasses.replace(spec, compile=spec.compile and not args.no_compile, **changes)
    run = Run(spec, args.work, "cuda" if torch.cuda.is_available() else "cpu")
    if args.export_only:
        run.export(args.out)
    else:
        run.say(f"{spec.name}: {run.model.parameter_count()} parameters, {spec.minutes} minutes")
        run.train(args.every, args.slice, args.out)


if __name__ == "__main__":
    main()
