"""A text encoder's first lessons: to tell what a prompt says, before pictures teach it what that looks like.

A prompt explains little of a picture, and an untrained encoder says nearly the same of all: left to the pictures alone, words were
not heard after thousands of steps.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from deocc_aug.appearance.text import tokens_of
from deocc_aug.describe.colours import ANCHORS, lab
from deocc_aug.describe.questions import DEFAULT, QUESTIONS, prompt_of

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer

SAID = 0.75  # how often a prompt answers a question
HAIR = {"blond": "yellow"}
BATCH = 32


def told(looks: dict[str, str]) -> Float[np.ndarray, "facts"]:
    """What a prompt says, question by question: CIELAB / 100 of a colour or a 1 for a garment, then 1 where it is said."""
    facts: list[float] = []
    for key in DEFAULT:
        answer, answers = looks.get(key), QUESTIONS[key].answers
        if all(HAIR.get(one, one) in ANCHORS for one in answers):
            name = HAIR.get(answer or "", answer or "")
            facts += [*(lab(np.array(ANCHORS[name][:1], np.uint8))[0] / 100 if answer else np.zeros(3)), float(answer is not None)]
        else:
            facts += [float(answer == one) for one in answers]
    return np.array(facts, np.float32)


def teach(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, steps: int, seed: int = 0) -> float:
    """Trains the encoder until each of its tokens from the prompt's last word on tells what the prompt says; returns the last loss.

    A linear map of the embeddings must give :func:`told` back.  In the end every channel of the last tokens has mean 0 and
    deviation 1 over prompts: what is the same in all of them would drown what differs wherever embeddings are averaged.
    """
    rng, device = np.random.default_rng(seed), next(encoder.parameters()).device
    head = nn.Linear(encoder.config.hidden_size, len(told({}))).to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-3)
    loss = torch.zeros(())
    with torch.enable_grad():
        for _ in tqdm(range(steps), desc="lessons", unit="step"):
            looks = invented(rng, BATCH)
            tokens = tokens_of(tokenizer, [prompt_of(one) for one in looks]).to(device)
            truth = torch.from_numpy(np.stack([told(one) for one in looks])).to(device)
            loss = lesson(encoder, head, tokens, truth, int(tokenizer.eos_token_id))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    prompts = [prompt_of(one) for one in invented(rng, 16 * BATCH)]
    standardise(encoder, tokens_of(tokenizer, prompts).to(device), int(tokenizer.eos_token_id))
    return float(loss.detach())


def invented(rng: np.random.Generator, count: int) -> list[dict[str, str]]:
    """What people might wear: answers at random, some left out."""
    return [{key: str(rng.choice(QUESTIONS[key].answers)) for key in DEFAULT if rng.random() < SAID} for _ in range(count)]


@torch.no_grad()
def standardise(encoder: CLIPTextModel, tokens: Tensor, end: int) -> None:
    """Gives each channel mean 0 and deviation 1 over the last tokens of some prompts, in the encoder's own last normalisation."""
    last = encoder(tokens).last_hidden_state[(tokens == end).cumsum(1) > 0]        # (n, channels)
    norm, middle, spread = last_norm(encoder), last.mean(0), last.std(0).clamp(min=1e-3)
    norm.weight.div_(spread)
    norm.bias.sub_(middle).div_(spread)


def last_norm(encoder: CLIPTextModel) -> nn.LayerNorm:
    """The normalisation that makes the embeddings; transformers 4 keeps it one level deeper than 5."""
    return next(module for name, module in encoder.named_modules() if name.endswith("final_layer_norm"))


def lesson(encoder: CLIPTextModel, head: nn.Linear, tokens: Tensor, truth: Float[Tensor, "b facts"], end: int) -> Tensor:
    """How far the facts that the last tokens tell are from the truth, squared."""
    said = head(encoder(tokens).last_hidden_state)                               # (B, tokens, facts)
    last = ((tokens == end).cumsum(1) > 0).float()[..., None]                      # from the first end on
    error = F.mse_loss(said, truth[:, None].expand_as(said), reduction="none")
    return (error * last).sum() / (last.sum() * truth.shape[1])
