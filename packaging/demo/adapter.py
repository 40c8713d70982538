"""Train a LoRA for the demo: `python adapter.py pirate OUT lsrv-demo-pirate.gguf`, with OUT as train.py left it."""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import torch
import vocabulary
from corpus.adapters import ADAPTERS, documents_of
from export import ARCH
from model import Linear, Model, Shape
from rows import Rows
from torch import Tensor, nn
from torch.nn import functional as F
from train import loss_of

RANK = 8
ALPHA = 16.0
_N_STEPS = 200
_N_WARM_UP = 20
_PEAK_RATE = 4e-3
_ROWS, _ROW_TOKENS = 8, 512


class LoraLinear(nn.Module):
    """A frozen matrix plus its low-rank change: W + b a × alpha / rank."""

    def __init__(self, base: Linear) -> None:
        super().__init__()
        self.base = base
        self.lora_a = nn.Parameter(torch.randn(RANK, base.in_features) / base.in_features**0.5)
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + F.linear(F.linear(x, self.lora_a), self.lora_b) * (ALPHA / RANK)


def with_lora(model: Model) -> dict[str, LoraLinear]:
    """Every matrix of every block gets one; only they train. By tensor name."""
    model.requires_grad_(False)
    found: dict[str, LoraLinear] = {}
    for name, module in list(model.named_modules()):
        if isinstance(module, Linear):
            parent, _, child = name.rpartition(".")
            found[f"{name}.weight"] = LoraLinear(module)
            setattr(model.get_submodule(parent), child, found[f"{name}.weight"])
    return found


def train(name: str, out: Path) -> dict[str, LoraLinear]:
    """The adapter `name` on the model of `out`."""
    torch.manual_seed(7)
    model = Model(Shape())
    model.load_state_dict(torch.load(out / "checkpoint.pt", weights_only=True)["model"])
    loras = with_lora(model)
    model.compile(dynamic=False)
    rows = Rows(vocabulary.load(out / "tokenizer.json"), documents_of(name))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=_PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(_N_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * min(1.0, (step + 1) / _N_WARM_UP) * (1 - step / _N_STEPS)
        loss = loss_of(model, *rows.batch(step, _ROWS, _ROW_TOKENS))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 25 == 0:
            print(f"{name} step {step + 1}/{_N_STEPS} loss {loss.item():.4f}", flush=True)
    return loras


def export(name: str, loras: dict[str, LoraLinear], target: Path) -> None:
    """A GGUF as llama.cpp's convert_lora_to_gguf.py writes it."""
    writer = gguf.GGUFWriter(target, ARCH)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, ALPHA)
    writer.add_name(f"lsrv demo {name}")
    writer.add_license("mit")
    for tensor, lora in loras.items():
        writer.add_tensor(f"{tensor}.lora_a", lora.lora_a.detach().half().numpy())
        writer.add_tensor(f"{tensor}.lora_b", lora.lora_b.detach().half().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(ADAPTERS))
    parser.add_argument("out", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    export(arguments.name, train(arguments.name, arguments.out), arguments.target)
    print(f"{arguments.target}: {arguments.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
