"""A registry of components by name. Entries are "module:Class" strings, so that listing them imports nothing heavy.

Third parties add components by an entry-point group (`xmr.encoders`, `xmr.transforms`, `xmr.sources`, `xmr.outputs`,
`xmr.tasks`; `xmr.drafts` for `xmr new`) or, on the command line, by `--plugin file.py` (which calls `add`). A component
states its cell of the grid in class attributes; for built-in ones the registry repeats these facts, so that a recipe
with an empty cell is refused before anything is loaded (a test compares the two).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from xmr.errors import RecipeError, one_of


@dataclass(frozen=True)
class Entry:
    """One registered component. `target`: a class (or a function), or its "module:Class"; `facts`: its cell of the
    grid.
    """

    name: str
    target: Callable[..., Any] | str
    summary: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it is defined: "module:Class"."""
        if isinstance(self.target, str):
            return self.target
        return f"{self.target.__module__}:{self.target.__qualname__}"

    def load(self) -> Any:
        """The class itself, imported now."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def fact(self, key: str) -> str:
        """A fact of the grid, e.g. `takes` or `space`; read from the class unless the registry states it."""
        return self.facts[key] if key in self.facts else str(getattr(self.load(), key))


class Registry:
    """The components of one kind. Raises RecipeError with the nearest name for an unknown one."""

    def __init__(self, kind: str, entries: list[Entry]) -> None:
        self.kind = kind
        self.group = f"xmr.{kind}s"
        self._entries = {entry.name: entry for entry in entries}
        self._discovered = False

    def add(self, name: str, target: Callable[..., Any] | str, summary: str = "", **facts: str) -> None:
        """Register a component; the name must be free, unless its package has registered the same by an entry point."""
        entry = Entry(name, target, summary, facts)
        if name in self._entries and self._entries[name].place != entry.place:
            raise RecipeError(f"{self.kind} {name!r} is already registered as {self._entries[name].place}")
        self._entries[name] = entry

    def _discover(self) -> None:
        if not self._discovered:
            self._discovered = True
            for point in entry_points(group=self.group):
                if point.name not in self._entries:
                    self.add(point.name, point.value, f"from the package {point.dist.name if point.dist else '?'}")

    def __iter__(self) -> Iterator[Entry]:
        self._discover()
        return iter([*self._entries.values()])  # a package that is loaded meanwhile may add more

    def names(self) -> list[str]:
        """Every registered name, plugins included."""
        return [entry.name for entry in self]

    def entry(self, name: str, place: str | None = None) -> Entry:
        """The entry called `name`; `place` (file:line: field) opens the error message."""
        self._discover()
        if name not in self._entries:
            raise RecipeError(one_of(place or f"{self.kind}.name", name, self._entries))
        return self._entries[name]

    def get(self, name: str, place: str | None = None) -> Any:
        """The class called `name`."""
        return self.entry(name, place).load()


T = TypeVar("T")


class OpenList(Generic[T]):
    """Objects in the order of their registration, which packages extend by entry points of a group."""

    def __init__(self, group: str, items: Iterable[T]) -> None:
        self.group = group
        self._items = list(items)
        self._discovered = False

    def add(self, item: T) -> None:
        """Register an object behind the others; nothing happens where it is among them."""
        if item not in self._items:
            self._items.append(item)

    def __iter__(self) -> Iterator[T]:
        if not self._discovered:
            self._discovered = True
            for point in entry_points(group=self.group):
                self.add(point.load())
        return iter([*self._items])


PLUGIN_PREFIX = "xmr_plugin_"  # of the modules made from plugin files
PLUGINS: list[Path] = []  # loaded files, for processes that are started later


def load_plugin(path: Path) -> None:
    """Run a plugin file the user named on the command line; it calls `xmr.core.registry.<KIND>.add(...)`."""
    spec = importlib.util.spec_from_file_location(f"{PLUGIN_PREFIX}{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise RecipeError(f"--plugin: found {path}; expected a Python file that exists")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    PLUGINS.append(path)


def _feature(name: str, target: str, reads: str, summary: str) -> Entry:
    return Entry(name, f"xmr.outputs.domain_features.{name}:{target}", summary, {"reads": reads})


def _transform(name: str, target: str, takes: str, space: str, summary: str) -> Entry:
    return Entry(name, f"xmr.transforms.{target}", summary, {"takes": takes, "space": space})


ENCODERS = Registry(
    "encoder",
    [
        Entry("protein", "xmr.encoders.protein:ProteinEncoder", "amino-acid sequences", {"emits": "symbols"}),
        Entry("series", "xmr.encoders.series:SeriesEncoder", "time series of any channels", {"emits": "signal"}),
        Entry("audio", "xmr.encoders.audio:AudioEncoder", "audio clips of any sample rate", {"emits": "signal"}),
        Entry("forecast", "xmr.encoders.forecast:ForecastEncoder", "a time-series table", {"emits": "signal"}),
        Entry("image", "xmr.encoders.image:ImageEncoder", "images: files or arrays", {"emits": "image"}),
        Entry("table", "xmr.encoders.table:TableEncoder", "columns of any kind", {"emits": "table"}),
        Entry("dna", "xmr.encoders.dna:DnaEncoder", "nucleotides or k-mers", {"emits": "symbols"}),
        Entry("molecule", "xmr.encoders.molecule:MoleculeEncoder", "molecules as SMILES", {"emits": "symbols"}),
        Entry("text", "xmr.encoders.text:TextEncoder", "words or characters", {"emits": "symbols"}),
    ],
)
TRANSFORMS = Registry(
    "transform",
    [
        _transform("free_embedding", "vocabulary:FreeEmbedding", "symbols", "token", "one free vector per symbol"),
        _transform("vocabulary_map", "vocabulary:VocabularyMap", "symbols", "token", "Theta E, dense (R2DL)"),
        _transform("convex_vocabulary_map", "vocabulary:ConvexVocabularyMap", "symbols", "token", "softmax(W) E"),
        _transform("sparse_vocabulary_map", "sparse:SparseVocabularyMap", "symbols", "token", "k-sparse Theta E"),
        _transform("context_window", "window:ContextWindow", "symbols", "token", "a short convolution over symbols"),
        _transform("prompt", "prompt:Prompt", "symbols", "token", "learned vectors before the symbols' tokens"),
        _transform(
            "token_remap", "remap:TokenRemap", "symbols", "token", "each window selects a source token (Neekhara)"
        ),
        _transform("symbol_tiles", "tiles:SymbolTiles", "symbols", "pixel", "one tile per symbol, row by row"),
        _transform(
            "signal_patches", "signal_patches:SignalPatches", "signal", "token", "patches projected by one linear layer"
        ),
        _transform(
            "patch_reprogramming",
            "signal_patches:PatchReprogramming",
            "signal",
            "token",
            "Time-LLM: mixtures of source tokens",
        ),
        _transform("patch_dictionary", "signal_patches:PatchDictionary", "signal", "token", "mixtures of free vectors"),
        _transform(
            "wave_pattern", "wave:WavePattern", "signal", "wave", "placed in a wave with a learned pattern (V2S)"
        ),
        _transform(
            "signal_image",
            "signal_image:SignalImage",
            "signal",
            "pixel",
            "rendered as images, with border or watermark",
        ),
        _transform("feature_tokens", "feature_tokens:FeatureTokens", "table", "token", "one free token per column"),
        _transform(
            "feature_prototypes",
            "feature_tokens:FeaturePrototypes",
            "table",
            "token",
            "columns as mixtures of source tokens",
        ),
        _transform(
            "feature_dictionary",
            "feature_tokens:FeatureDictionary",
            "table",
            "token",
            "columns as mixtures of free vectors",
        ),
        _transform("row_text", "feature_tokens:RowText", "table", "token", "control: the row as text"),
        _transform("column_tiles", "column_tiles:ColumnTiles", "table", "pixel", "one tile per column, border (BAR)"),
        _transform("border", "frame:Border", "image", "pixel", "learned pixels around the image"),
        _transform(
            "enhanced_border", "frame:EnhancedBorder", "image", "pixel", "border with normalized gradients (EVP)"
        ),
        _transform(
            "clustered_border", "clustered:ClusteredBorder", "image", "pixel", "one border per cluster (DAM-VP)"
        ),
        _transform(
            "watermark", "frame:Watermark", "image", "pixel", "a learned pattern added on a frame or everywhere"
        ),
        _transform("sample_specific_masks", "masks:SampleSpecificMasks", "image", "pixel", "one mask per image (SMM)"),
        _transform("coordinator", "coordinator:Coordinator", "image", "pixel", "input-dependent prompt (BlackVIP)"),
        _transform(
            "patch_projection", "patches:PatchProjection", "image", "token", "patches projected by one linear layer"
        ),
    ],
)
SOURCES = Registry(
    "source",
    [
        Entry(
            "minilm",
            "xmr.sources.hf_text:MiniLM",
            "all-MiniLM-L6-v2 from its pip package",
            {"space": "token"},
        ),
        Entry("antiberty", "xmr.sources.antiberty:AntiBERTy", "antibodies, from its pip package", {"space": "token"}),
        Entry("rxnmapper", "xmr.sources.rxnmapper:RXNMapper", "reactions, from its pip package", {"space": "token"}),
        Entry("hf_text", "xmr.sources.hf_text:HFText", "any Hugging Face language model", {"space": "token"}),
        Entry("hf_image", "xmr.sources.vision:HFImage", "any Hugging Face image classifier", {"space": "pixel"}),
        Entry("clip", "xmr.sources.clip:Clip", "CLIP, with texts as classes", {"space": "pixel"}),
        Entry("timm", "xmr.sources.vision:Timm", "any classifier of timm", {"space": "pixel"}),
        Entry(
            "efficientnet_lite0",
            "xmr.sources.efficientnet:EfficientNetLite0",
            "ImageNet classifier from its pip package",
            {"space": "pixel"},
        ),
        Entry("resnet20_cifar10", "xmr.sources.resnet20:ResNet20", "ResNet-20 of CIFAR-10", {"space": "pixel"}),
        Entry(
            "whisper_tiny",
            "xmr.sources.whisper_tiny:WhisperTiny",
            "Whisper tiny.en from a pip package",
            {"space": "wave"},
        ),
        Entry(
            "speech_embedding",
            "xmr.sources.speech_embedding:SpeechEmbedding",
            "Google's speech embedding from a pip package",
            {"space": "wave"},
        ),
        Entry("attention_rnn", "xmr.sources.keywords:AttentionRNN", "36 spoken commands (V2S)", {"space": "wave"}),
        Entry("keyword_cnn", "xmr.sources.keywords:KeywordCNN", "honk's ten spoken commands", {"space": "wave"}),
        Entry("yamnet", "xmr.sources.yamnet:Yamnet", "521 sounds of AudioSet", {"space": "wave"}),
        Entry("hf_audio", "xmr.sources.wave:HFAudio", "any raw-wave model of Hugging Face", {"space": "wave"}),
        Entry(
            "hf_spectrogram", "xmr.sources.hf_spectrogram:HFSpectrogram", "AST, or Whisper's encoder", {"space": "wave"}
        ),
        Entry("onnx_image", "xmr.sources.onnx_model:OnnxImage", "an image model in an ONNX file", {"space": "pixel"}),
        Entry("onnx_audio", "xmr.sources.onnx_model:OnnxAudio", "an audio model in an ONNX file", {"space": "wave"}),
        Entry("http_image", "xmr.sources.http_service:HttpImage", "an image service (KServe)", {"space": "pixel"}),
        Entry("http_audio", "xmr.sources.http_service:HttpAudio", "an audio service (KServe)", {"space": "wave"}),
        Entry("http_text", "xmr.sources.http_service:HttpText", "a text service (KServe)", {"space": "token"}),
        Entry("identity", "xmr.sources.identity:Identity", "control: no source model at all", {"space": "token"}),
        Entry("mfcc", "xmr.sources.mfcc:MFCC", "control: a front end, no network", {"space": "wave"}),
    ],
)
OUTPUTS = Registry(
    "output",
    [
        Entry("linear", "xmr.outputs.heads:Linear", "a linear layer on the pooled hidden state"),
        Entry("kernel_ridge", "xmr.outputs.kernel_ridge:KernelRidge", "radial basis functions, for few records"),
        Entry("ridge", "xmr.outputs.ridge:Ridge", "a linear layer by ridge regression, for few records"),
        Entry("forecast", "xmr.outputs.forecast:Forecast", "future steps from all tokens"),
        Entry("per_position", "xmr.outputs.heads:PerPosition", "a linear layer at every position"),
        Entry("vocabulary_linear", "xmr.outputs.learned:VocabularyLinear", "Gamma over the vocabulary, merged"),
        Entry(
            "vocabulary_per_position",
            "xmr.outputs.learned:VocabularyPerPosition",
            "Gamma at every position (ReprogBERT)",
        ),
        Entry("verbalizer", "xmr.outputs.verbalizer:Verbalizer", "the source's own head at words of each class (WARP)"),
        Entry("learned_mapping", "xmr.outputs.learned:LearnedMapping", "learned many-to-one mapping"),
        Entry("random_mapping", "xmr.outputs.mapping:RandomMapping", "disjoint random groups of source classes"),
        Entry("frequent_mapping", "xmr.outputs.mapping:FrequentMapping", "counted once, before training"),
        Entry("iterative_mapping", "xmr.outputs.mapping:IterativeMapping", "counted again every epoch"),
        Entry("optimal_mapping", "xmr.outputs.mapping:OptimalMapping", "as iterative, by optimal assignment"),
        Entry(
            "similarity_mapping",
            "xmr.outputs.mapping:SimilarityMapping",
            "by cosine of source classes and mean features",
        ),
        Entry("text_mapping", "xmr.outputs.texts:TextMapping", "CLIP: mean or top texts of each class"),
        Entry("residual_text_mapping", "xmr.outputs.texts:ResidualTextMapping", "CLIP: learned text weights (RVP)"),
        Entry(
            "decoupled_text_mapping", "xmr.outputs.texts:DecoupledTextMapping", "CLIP: a program for each part (DVP)"
        ),
        Entry("bayesian_mapping", "xmr.outputs.mapping:BayesianMapping", "conditional probabilities from counts"),
        Entry(
            "primed_mapping", "xmr.outputs.primed:PrimedMapping", "AReS: a head that imitates another source's answers"
        ),
        Entry("bayesian_plus_mapping", "xmr.outputs.mapping:BayesianPlusMapping", "as Bayesian, with soft counts"),
    ],
)
TASKS = Registry(
    "task",
    [
        Entry("classification", "xmr.tasks.classification:Classification", "one of several classes per record"),
        Entry("multilabel", "xmr.tasks.multilabel:Multilabel", "several labels per record, yes or no each"),
        Entry("regression", "xmr.tasks.regression:Regression", "numbers per record"),
        Entry("sequence_labeling", "xmr.tasks.sequence_labeling:SequenceLabeling", "a class at every position"),
        Entry("infilling", "xmr.tasks.infilling:Infilling", "letters that are hidden in a sequence"),
        Entry("forecasting", "xmr.tasks.forecasting:Forecasting", "the next steps of a time series"),
    ],
)
FEATURES = Registry(
    "domain_feature",
    [
        _feature("kmers", "Kmers", "symbols", "frequencies of 1- to 3-mers"),
        _feature("one_hot", "OneHot", "symbols", "varying positions of aligned sequences"),
        _feature("descriptors", "Descriptors", "symbols", "properties of peptides (modlAMP)"),
        _feature("minirocket", "MiniRocket", "signal", "random convolutions (aeon)"),
        _feature("mfcc", "Mfcc", "signal", "cepstral coefficients of audio, each quarter of a clip (torchaudio)"),
        _feature("hog", "Hog", "image", "histograms of oriented gradients"),
        _feature("columns", "Columns", "table", "numbers and one-hot categories"),
    ],
)
REGISTRIES = {"encoders": ENCODERS, "transforms": TRANSFORMS, "sources": SOURCES, "outputs": OUTPUTS}


def encoded_kinds() -> list[str]:
    """The kinds of data that registered encoders emit."""
    return list(dict.fromkeys(entry.fact("emits") for entry in ENCODERS))


def space_kinds() -> list[str]:
    """The spaces of registered sources."""
    return list(dict.fromkeys(entry.fact("space") for entry in SOURCES))


def grid() -> dict[tuple[str, str], list[str]]:
    """The grid of input transformations: (encoded kind, source space) -> names. Empty cells are omitted."""
    cells: dict[tuple[str, str], list[str]] = {}
    for entry in TRANSFORMS:
        cells.setdefault((entry.fact("takes"), entry.fact("space")), []).append(entry.name)
    return cells
