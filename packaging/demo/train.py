"""Train the demo: `python train.py OUT`. Stops and resumes at any moment; the same seed gives the same batches.

Muon for the matrices, AdamW for the rest, a warm-up, a plateau and a linear decay; the last part trains through
4-bit rounding, so that the quantized files answer as the full one does.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import vocabulary
from model import Model, Shape
from rows import Rows
from torch import Tensor
from torch.nn import functional as F

_VALIDATION_STEP = -1_000  # a batch that no training step sees


@dataclass(frozen=True)
class Plan:
    """How long, and how fast."""

    n_steps: int = 3600
    n_batch_tokens: int = 4096
    n_row_tokens: int = 512
    n_long_steps: int = 240  # the last ones read rows of the whole context
    n_warm_up: int = 100
    decay_share: float = 0.45
    rounding_share: float = 0.25
    peak_rate: float = 4e-3
    n_last_steps: int = 700  # once more, up to a lower rate and down again
    last_rate: float = 1.2e-3
    seed: int = 42

    @property
    def n_steps_all(self) -> int:
        return self.n_steps + self.n_last_steps

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        if step >= self.n_steps:
            done = (step - self.n_steps + 1) / self.n_last_steps
            return self.last_rate * min(10 * done, (1 - done) / 0.9)
        n_decay = int(self.n_steps * self.decay_share)
        warm = min(1.0, (step + 1) / self.n_warm_up)
        return self.peak_rate * warm * min(1.0, max(0.0, (self.n_steps - step) / n_decay))

    def is_rounding(self, step: int) -> bool:
        return step >= self.n_steps * (1 - self.rounding_share)

    def row_tokens(self, step: int, n_ctx: int) -> int:
        is_long = (
            self.n_steps - self.n_long_steps <= step < self.n_steps or step >= self.n_steps_all - self.n_long_steps
        )
        return n_ctx if is_long else self.n_row_tokens


class Training:
    """The state of one training: model, optimizers, step."""

    def __init__(self, plan: Plan, model: Model, rows: Rows) -> None:
        self.plan, self.model, self.rows, self.step = plan, model, rows, 0
        matrices = [weight for name, weight in model.named_parameters() if weight.dim() == 2 and "blk" in name]
        others = [weight for name, weight in model.named_parameters() if weight.dim() != 2 or "blk" not in name]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(
                matrices, lr=plan.peak_rate, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(others, lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]

    def run_step(self) -> float:
        """One optimizer step; returns the loss of its batch."""
        if self.plan.is_rounding(self.step):
            self.model.round_matrices()
        n_tokens = self.plan.row_tokens(self.step, self.model.shape.n_ctx)
        loss = loss_of(self.model, *self.rows.batch(self.step, self.plan.n_batch_tokens // n_tokens, n_tokens))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.plan.rate(self.step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    def save(self, path: Path) -> None:
        """Everything a later run needs, replaced as a whole."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def loss_of(model: Model, ids: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean cross-entropy in nats, weighted."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids)
    losses = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def train(out: Path, plan: Plan) -> Model:
    """The trained model; `out` gets tokenizer.json, checkpoint.pt and loss.csv."""
    torch.manual_seed(plan.seed)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer_path = out / "tokenizer.json"
    if not tokenizer_path.exists():
        vocabulary.train(tokenizer_path)
    model = Model(Shape())
    model.compile(dynamic=False)
    training = Training(plan, model, Rows(vocabulary.load(tokenizer_path)))
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        training.resume(checkpoint)
    validation = training.rows.batch(_VALIDATION_STEP, 16, plan.n_row_tokens)
    began, n_before = time.monotonic(), training.step
    with (out / "loss.csv").open("a", newline="") as file:
        log = csv.writer(file)
        while training.step < plan.n_steps_all:
            loss = training.run_step()
            if training.step % 25 == 0:
                rate = (training.step - n_before) * plan.n_batch_tokens / (time.monotonic() - began)
                with torch.no_grad():
                    held_out = loss_of(model, *validation).item() if training.step % 100 == 0 else math.nan
                log.writerow([training.step, f"{loss:.4f}", f"{held_out:.4f}", f"{rate:.0f}"])
                file.flush()
                print(f"step {training.step}/{plan.n_steps_all} loss {loss:.4f} {rate:.0f} tokens/s", flush=True)
            if training.step % 100 == 0 or training.step == plan.n_steps_all:
                training.save(checkpoint)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for tokenizer.json, checkpoint.pt and loss.csv")
    parser.add_argument("--steps", type=int, default=Plan.n_steps)
    arguments = parser.parse_args()
    train(arguments.out, Plan(n_steps=arguments.steps))


if __name__ == "__main__":
    main()
