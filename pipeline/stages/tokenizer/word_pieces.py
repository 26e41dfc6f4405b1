"""WordPiece, as BERT has it: words of letters or single marks, cut into pieces of which the later begin with `##`.

White space is lost, and words with rare characters become `<|unknown|>`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import TokenizersBackend

from pipeline.stages.tokenizer.alphabet import frequent_characters
from pipeline.stages.tokenizer.dress import UNKNOWN_TOKEN, WITH_UNKNOWN, dress

PREFIX = "##"


def train_word_pieces(texts: Iterable[str], vocab_size: int) -> TokenizersBackend:
    """A tokenizer of at most `vocab_size` tokens."""
    texts = list(texts)
    room = vocab_size - len(WITH_UNKNOWN)
    alphabet = frequent_characters(texts, room // 2, spaces=False)
    learner = Tokenizer(models.WordPiece({UNKNOWN_TOKEN: 0}, unk_token=UNKNOWN_TOKEN))
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        # The continuing characters among them: the trainer numbers those that it finds itself by chance.
        special_tokens=[*WITH_UNKNOWN, *(PREFIX + char for char in alphabet)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=PREFIX,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    vocabulary = learner.get_vocab(with_added_tokens=False)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN_TOKEN, continuing_subword_prefix=PREFIX))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(PREFIX, cleanup=False)
    return dress(tokenizer, UNKNOWN_TOKEN)
