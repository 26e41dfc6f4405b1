"""How much text each row is: what makes a training loss comparable between tokenizers, as bits per byte."""

from __future__ import annotations

import numpy as np

from pipeline.stages.pretrain.packing import Packing


def row_bytes(starts: np.ndarray, sizes: np.ndarray, packing: Packing) -> np.ndarray:
    """Bytes of text that the tokens of each row predict, float64 (rows,).

    `starts` are the documents' first tokens and the end of the last (documents + 1,), `sizes` the bytes of their texts
    (documents,). Those of a document that is cut are shared evenly among the tokens that are predicted.
    """
    totals = np.concatenate(([0], np.cumsum(sizes)))
    # Between the first token of a document, which nothing predicts, and its last, bytes grow evenly.
    places = np.stack((starts[:-1], starts[1:] - 1), axis=1).ravel()
    read = np.stack((totals[:-1], totals[1:]), axis=1).ravel()
    first, last = packing.starts, packing.starts + packing.lengths - 1
    return np.add.reduceat(np.interp(last, places, read) - np.interp(first, places, read), packing.rows[:-1])
