"""The demo's network in PyTorch: qwen3 as llama.cpp computes it.

RMS norms, norms on queries and keys, NEOX rotary, SwiGLU, tied embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """Rows are multiples of 256, so that K-quants apply to every matrix."""

    n_vocab: int = 2048
    n_embd: int = 256
    n_ff: int = 512
    n_layer: int = 6
    n_head: int = 4
    n_head_kv: int = 2
    head_dim: int = 64
    n_ctx: int = 1024
    rope_base: float = 10_000.0
    norm_eps: float = 1e-6


_GROUP = 32  # weights that share a scale in Q4_K


class Linear(nn.Linear):
    """A matrix without bias; `is_rounded`: it answers as Q4_K would keep it, 16 levels in each group of weights."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, bias=False)
        self.is_rounded = False

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, _rounded(self.weight) if self.is_rounded else self.weight)


class Block(nn.Module):
    """Attention and feed-forward, each after its norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        n_kv = shape.n_head_kv * shape.head_dim
        self.attn_norm = nn.RMSNorm(shape.n_embd, shape.norm_eps)
        self.attn_q = Linear(shape.n_embd, shape.n_head * shape.head_dim)
        self.attn_k = Linear(shape.n_embd, n_kv)
        self.attn_v = Linear(shape.n_embd, n_kv)
        self.attn_q_norm = nn.RMSNorm(shape.head_dim, shape.norm_eps)
        self.attn_k_norm = nn.RMSNorm(shape.head_dim, shape.norm_eps)
        self.attn_output = Linear(shape.n_head * shape.head_dim, shape.n_embd)
        self.ffn_norm = nn.RMSNorm(shape.n_embd, shape.norm_eps)
        self.ffn_gate = Linear(shape.n_embd, shape.n_ff)
        self.ffn_up = Linear(shape.n_embd, shape.n_ff)
        self.ffn_down = Linear(shape.n_ff, shape.n_embd)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: [n_rows, n_tokens, n_embd]."""
        x = x + self._attention(self.attn_norm(x), cos, sin)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))

    def _attention(self, h: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        shape, (n_rows, n_tokens, _) = self.shape, h.shape
        q = self.attn_q(h).view(n_rows, n_tokens, shape.n_head, shape.head_dim)
        k = self.attn_k(h).view(n_rows, n_tokens, shape.n_head_kv, shape.head_dim)
        v = self.attn_v(h).view(n_rows, n_tokens, shape.n_head_kv, shape.head_dim)
        q, k = _rotate(self.attn_q_norm(q), cos, sin), _rotate(self.attn_k_norm(k), cos, sin)
        group = shape.n_head // shape.n_head_kv
        k, v = k.repeat_interleave(group, 2), v.repeat_interleave(group, 2)
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True)
        return self.attn_output(mixed.transpose(1, 2).reshape(n_rows, n_tokens, -1))


class Model(nn.Module):
    """Token ids [n_rows, n_tokens] -> hidden states or logits."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.n_vocab, shape.n_embd)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.n_layer))
        self.output_norm = nn.RMSNorm(shape.n_embd, shape.norm_eps)
        frequency = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2) / shape.head_dim)
        angle = torch.outer(torch.arange(shape.n_ctx), frequency)
        self.register_buffer("cos", angle.cos()[None, :, None, :], persistent=False)
        self.register_buffer("sin", angle.sin()[None, :, None, :], persistent=False)
        self._initialize()

    def _initialize(self) -> None:
        nn.init.normal_(self.token_embd.weight, std=0.02)
        for name, weight in self.named_parameters():
            if weight.dim() == 2 and "token_embd" not in name:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.zeros_(weight)

    def hidden(self, ids: Tensor) -> Tensor:
        """Normed hidden states [n_rows, n_tokens, n_embd]."""
        n_tokens = ids.shape[1]
        x, cos, sin = self.token_embd(ids), self.cos[:, :n_tokens], self.sin[:, :n_tokens]
        for block in self.blk:
            x = block(x, cos, sin)
        return self.output_norm(x)

    def round_matrices(self) -> None:
        """From now on every matrix answers as its 4-bit self."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.is_rounded = True

    def forward(self, ids: Tensor) -> Tensor:
        """Logits [n_rows, n_tokens, n_vocab]; the embedding is the output matrix too."""
        return F.linear(self.hidden(ids), self.token_embd.weight)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, halves apart (NEOX). x: [n_rows, n_tokens, n_head, head_dim]."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).type_as(x)


def _rounded(weight: Tensor) -> Tensor:
    groups = weight.view(weight.shape[0], -1, _GROUP)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp_min(1e-9)
    rounded = ((groups - low) / scale).round() * scale + low
    return weight + (rounded.view_as(weight) - weight).detach()  # gradients pass as if nothing were rounded
