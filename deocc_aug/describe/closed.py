"""Small tokenizers of the real classes, made for a closed set of words, and the words that one does not know."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from deocc_aug.describe.questions import NOT_SEEN, QUESTIONS

if TYPE_CHECKING:
    from transformers import BertTokenizer, CLIPTokenizer

CLOSED = "closed_vocabulary"
"""In a tokenizer's own configuration: it knows whole words and no others."""
WORD = re.compile(r"[^\W\d_]+")
END = "</w>"
FRAME = "a an person man woman boy girl child with hair wearing and shoes"


def spoken() -> list[str]:
    """Every word of every prompt, question and answer, in the order of the alphabet."""
    said = [FRAME, NOT_SEEN, *(question.text for question in QUESTIONS.values()), *(a for q in QUESTIONS.values() for a in q.answers)]
    return sorted({word.lower() for text in said for word in WORD.findall(text)})


def clip_tokenizer(words: Iterable[str], longest: int) -> CLIPTokenizer:
    """CLIP's tokenizer, trained until each of `words` is one token; letters it never saw become its unknown token."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import BpeTrainer
    from transformers import CLIPTokenizer

    special = ["<|startoftext|>", "<|endoftext|>", "<|unknown|>"]
    learner = Tokenizer(BPE(end_of_word_suffix=END))
    learner.pre_tokenizer = WhitespaceSplit()
    trainer = BpeTrainer(vocab_size=1 << 16, special_tokens=special, end_of_word_suffix=END, show_progress=False)
    learner.train_from_iterator([*sorted(set(words)), ",", "-"], trainer)
    model = json.loads(learner.to_str())["model"]
    return CLIPTokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], unk_token=special[2],
                         model_max_length=longest, **{CLOSED: True})


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
