"""Small tokenizers of the real classes, made for a closed set of words, and the words that one does not know."""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from deocc_aug.describe.questions import NOT_SEEN, QUESTIONS

if TYPE_CHECKING:
    from transformers import BertTokenizer, CLIPTokenizer

CLOSED = "closed_vocabulary"
"""In a tokenizer's own configuration: it knows whole words and no others."""
WORD = re.compile(r"[^\W\d_]+")
END = "</w>"
ONE_READER = Lock()  # tokenizers refuse a thread while they serve another
FRAME = "a an person man woman boy girl child with hair wearing and shoes"


def spoken() -> list[str]:
    """Every word of every prompt, question and answer, in the order of the alphabet."""
    said = [FRAME, NOT_SEEN, *(question.text for question in QUESTIONS.values()), *(a for q in QUESTIONS.values() for a in q.answers)]
    return sorted({word.lower() for text in said for word in WORD.findall(text)})


LONGEST_PROMPT = 32  # tokens


def prompt_tokenizer() -> CLIPTokenizer:
    """The tokenizer of our own prompts."""
    return clip_tokenizer(spoken(), LONGEST_PROMPT)


def clip_tokenizer(words: Iterable[str], longest: int) -> CLIPTokenizer:
    """CLIP's tokenizer, trained until each of `words` is one token; letters it never saw become its unknown token.

    The same words give the same tokens on every run, which the trainer of the tokenizers library does not promise.
    """
    from transformers import CLIPTokenizer

    spelt = {word: (*word[:-1], word[-1] + END) for word in (*words, ",", "-")}
    letters, merges = sorted({letter for spelling in spelt.values() for letter in spelling}), []
    while pairs := Counter(pair for spelling in spelt.values() for pair in zip(spelling, spelling[1:], strict=False)):
        merges.append(max(pairs, key=lambda pair: (pairs[pair], pair)))
        spelt = {word: _merged(spelling, merges[-1]) for word, spelling in spelt.items()}
    special = ["<|startoftext|>", "<|endoftext|>", "<|unknown|>"]
    vocabulary = {piece: at for at, piece in enumerate(dict.fromkeys([*special, *letters, *map("".join, merges)]))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, unk_token=special[2], model_max_length=longest, **{CLOSED: True})


def _merged(spelling: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """The pieces of a word with every such pair joined, from the left."""
    out: list[str] = []
    for piece in spelling:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


def bert_tokenizer(words: Iterable[str], longest: int) -> BertTokenizer:
    """BERT's tokenizer, which BLIP uses, with one token for each of `words`; any other is `[UNK]`."""
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
    vocabulary = {piece: at for at, piece in enumerate([*special, *"?-,", *sorted(set(words))])}
    return BertTokenizer(vocab=vocabulary, model_max_length=longest, **{CLOSED: True})


def unknown_words(tokenizer: Any, prompt: str) -> list[str]:
    """The words of a prompt that a tokenizer with a closed vocabulary does not know; one with an open vocabulary knows all."""
    if not tokenizer.init_kwargs.get(CLOSED, False):
        return []
    return [word for word in dict.fromkeys(WORD.findall(prompt)) if not _known(tokenizer, word)]


def _known(tokenizer: Any, word: str) -> bool:
    tokens = tokenizer(word, add_special_tokens=False).input_ids
    return len(tokens) == 1 and tokens[0] != tokenizer.unk_token_id
