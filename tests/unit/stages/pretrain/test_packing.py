from __future__ import annotations

import numpy as np
import torch

from pipeline.stages.pretrain.packing import PackedBatch, PackedRows, pack
from pipeline.stages.pretrain.token_store import TokenStore
from tests.unit.models.tiny import tiny_decoder, tiny_rows


def store_of(documents):
    tokens = np.concatenate([np.asarray(document, dtype=np.uint16) for document in documents])
    return TokenStore(tokens, np.cumsum([0, *map(len, documents)]))


def rows_of(documents, context_length):
    store = store_of(documents)
    return PackedRows(store, pack(store, context_length))


def test_every_document_lies_whole_in_one_row():
    documents = tiny_rows(40, 3, 30)
    rows = rows_of(documents, 32)
    packed = [tuple(document.tolist()) for row in range(len(rows)) for document in rows[row]]
    assert sorted(packed) == sorted(map(tuple, documents))
    assert all(sum(map(len, rows[row])) <= 32 for row in range(len(rows)))


def test_rows_are_nearly_full():
    rows = rows_of(tiny_rows(300, 3, 30), 64)
    filled = sum(len(document) for row in range(len(rows)) for document in rows[row])
    assert filled / (len(rows) * 64) > 0.97


def test_a_longer_document_is_cut_so_that_each_token_is_predicted_once():
    (document,) = tiny_rows(1, 50, 50)
    rows = rows_of([document], 16)
    batch = PackedBatch(16, pad_id=0)([rows[row] for row in range(len(rows))])
    assert sorted(batch["labels"][batch["labels"] != -100].tolist()) == sorted(document[1:])


def test_no_document_predicts_the_next_ones_first_token():
    rows = rows_of([[1, 10, 11, 2], [1, 12, 2]], 9)
    batch = PackedBatch(9, pad_id=0)([rows[0]])
    assert batch["labels"].tolist() == [[-100, 10, 11, 2, -100, 12, 2, -100, -100]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1, 2, 0, 1]]


def test_a_rows_documents_are_known_by_their_place_in_the_corpus():
    documents = tiny_rows(40, 3, 30)
    rows = rows_of(documents, 32)
    wanted = np.array([3, 0])
    named = rows.documents(wanted)
    assert [documents[index] for index in named] == [d.tolist() for row in wanted for d in rows[row]]


def test_loss_tokens_are_those_that_the_labels_bear():
    rows = rows_of(tiny_rows(40, 3, 30), 32)
    wanted = np.array([3, 0, 5])
    batch = PackedBatch(32, pad_id=0)([rows[row] for row in wanted])
    assert rows.loss_tokens(wanted) == (batch["labels"] != -100).sum()


def test_changing_one_document_leaves_the_next_ones_logits_alone():
    """Through the trainer's own collator and model, in training and in evaluation mode."""
    documents = [document[:12] for document in tiny_rows(2, 12, 12)]
    collate = PackedBatch(28, pad_id=0)
    model = tiny_decoder()
    other = [tiny_rows(1, 12, 12, seed=99)[0], documents[1]]
    for mode in (model.train, model.eval):
        mode()
        first, second = (
            model(**collate([list(map(np.asarray, row))]), use_cache=False).logits for row in (documents, other)
        )
        assert not torch.allclose(first[0, 5], second[0, 5])
        torch.testing.assert_close(first[0, 12:24], second[0, 12:24])
        alone = model(input_ids=torch.tensor([documents[1]])).logits
        torch.testing.assert_close(first[0, 12:24], alone[0], rtol=1e-4, atol=1e-5)
