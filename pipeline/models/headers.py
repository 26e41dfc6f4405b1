"""The size of a model in a folder, read from `config.json` and the headers of its weights; no torch, no weights."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from pipeline.artifacts import adapter_base, is_adapter
from pipeline.models.sizes import DecoderSizes, sizes_of


def folder_sizes(folder: Path) -> DecoderSizes | None:
    """The sizes of a decoder's folder; None where there is no config, or one without layers."""
    file = _whole(folder) / "config.json"
    if not file.is_file():
        return None
    settings = json.loads(file.read_text(encoding="utf-8"))
    is_scorer = any(name.endswith("ForSequenceClassification") for name in settings.get("architectures") or [])
    labels = len(settings.get("id2label") or {}) or 1
    sizes = sizes_of(settings, labels=labels if is_scorer else 0)
    return sizes if sizes.num_hidden_layers and sizes.hidden_size else None


def weight_count(folder: Path) -> int | None:
    """Weights in a folder's safetensors files; None where there are none."""
    whole = _whole(folder)
    files = [] if is_adapter(whole) else sorted(whole.glob("*.safetensors"))
    return sum(map(_count, files)) if files else None


def _whole(folder: Path) -> Path:
    """An adapter's base, where it lies here: what is opened has its size."""
    base = adapter_base(folder) if is_adapter(folder) else folder
    return base if isinstance(base, Path) else folder


def _count(file: Path) -> int:
    with open(file, "rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        header = json.loads(opened.read(length))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
