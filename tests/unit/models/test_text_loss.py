from __future__ import annotations

import pytest
import torch

from pipeline.models.text_loss import context_pieces, document_losses, encode_documents
from tests.unit.models.tiny import BEGIN, END, tiny_decoder, tiny_tokenizer

TEXTS = ["The mill.", "", "A river runs by the mill of the village.", "<|end|> is text"]


def test_a_document_begins_and_ends_and_control_tokens_stay_text():
    documents = encode_documents(tiny_tokenizer(), TEXTS)
    assert all(ids[0] == BEGIN and ids[-1] == END for ids in documents)
    assert all(token > 6 for ids in documents for token in ids[1:-1])
    assert documents[1] == [BEGIN, END]


@pytest.mark.parametrize("length", [2, 7, 8, 9, 15, 16, 30])
def test_pieces_predict_every_token_but_the_first_once(length):
    predicted = [place for start, end in context_pieces(length, 8) for place in range(start + 1, end)]
    assert predicted == list(range(1, length))


def test_losses_are_the_models_own_and_do_not_depend_on_the_batch():
    model, tokenizer = tiny_decoder(), tiny_tokenizer()
    losses = document_losses(model, tokenizer, TEXTS, max_length=64)
    for text, (nats, count) in zip(TEXTS, losses, strict=True):
        ids = torch.tensor(encode_documents(tokenizer, [text]))
        expected = model(input_ids=ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        assert (nats, count) == (pytest.approx(expected, rel=1e-5), ids.shape[1] - 1)


def test_a_document_longer_than_the_context_is_read_in_pieces():
    model, tokenizer = tiny_decoder(), tiny_tokenizer()
    (whole, count), (pieces, same) = (document_losses(model, tokenizer, [TEXTS[2]], size)[0] for size in (64, 10))
    assert count == same
    assert pieces != pytest.approx(whole, rel=1e-3)
