"""The kinds of data an encoder can emit, one file per kind: its `Spec`, its `Batch` and its `EncodedSet`.

General code asks these objects and never which kind they are, so a new kind is a file like the ones here.

Axis legend: B rows of a batch, R records of a batch, L target length, S symbols of an alphabet (letters and mixtures),
A its letters, C channels.
"""

from xmr.core.kinds.base import Batch, EncodedSet, Spec, Windows
from xmr.core.kinds.image import ImageBatch, ImageSet, ImageSpec
from xmr.core.kinds.signal import SignalBatch, SignalSet, SignalSpec
from xmr.core.kinds.symbols import SymbolBatch, SymbolSet, SymbolSpec
from xmr.core.kinds.table import Category, TableBatch, TableSet, TableSpec

__all__ = [
    "Batch",
    "Category",
    "EncodedSet",
    "ImageBatch",
    "ImageSet",
    "ImageSpec",
    "SignalBatch",
    "SignalSet",
    "SignalSpec",
    "Spec",
    "SymbolBatch",
    "SymbolSet",
    "SymbolSpec",
    "TableBatch",
    "TableSet",
    "TableSpec",
    "Windows",
]
