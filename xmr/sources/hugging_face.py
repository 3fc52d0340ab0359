"""The only module that loads models of Hugging Face: none of their code is run, no pickle is read.

All calls of `from_pretrained` and `from_config` are here (a test checks that), with `trust_remote_code=False`, so that
transformers neither runs code that comes with a model nor asks for permission on standard input.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import errors as hub_errors
from safetensors import SafetensorError, safe_open

from xmr.core.generators import Generators
from xmr.core.global_generators import use_generators
from xmr.core.hub import hub_fault
from xmr.errors import Problem, RecipeError, SourceUnavailableError, XmrError
from xmr.sources.published.catalog import how_to_get
from xmr.sources.weights import find_model

MAX_LAYERS = 1000
BELOW = "a folder below XMR_MODELS"  # an alternative for error messages
TOKENIZER_FILES = (
    "tokenizer_config.json",
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
SAFE_FILES = ("model.safetensors", "model.safetensors.index.json")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_LAYERS = (
    "layers",
    "n_layer",
    "num_blocks",
    "depths",
)  # suffixes of the fields with the number of blocks in a configuration
# What transformers, its configuration classes and its file readers raise for malformed files: there are few checks
# before they compute with the contents.
_LOADING_ERRORS = (
    OSError,
    ImportError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    SafetensorError,
    getattr(hub_errors, "StrictDataclassError", ValueError),  # of a configuration; new in huggingface_hub 0.33
)


class Checkpoint:
    """A model of Hugging Face: its configuration, weights, tokenizer and preprocessor.

    asked: the name in the recipe. name: the folder or hub name it stands for. instead: an alternative for error
    messages. All calls are made inside `with checkpoint.loading():`, which turns every failure into one error.
    """

    def __init__(self, asked: str, name: str, revision: str | None, instead: str) -> None:
        self.asked, self.name, self.instead = asked, name, instead
        self.local = os.path.isdir(name)  # unlike pathlib, no error for very long names
        self.fault = "" if self.local else hub_fault()
        self._where: dict[str, Any] = {"local_files_only": self.local or bool(self.fault)}
        self._where |= {"revision": revision} if revision else {}

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Quiet transformers. Raises RecipeError for a folder that is not a model, SourceUnavailableError for a name
        that cannot be reached."""
        try:
            with quiet():
                yield
        except XmrError:
            raise
        except _LOADING_ERRORS as error:
            problem = unreachable(self.asked, error, self.instead, self.fault)
            raise (RecipeError if self.local else SourceUnavailableError)(problem) from error

    def config(self) -> Any:
        """The configuration. Raises RecipeError for one that asks for code of its own, or for an adapter."""
        from transformers import AutoConfig, PreTrainedConfig

        if not self.name.strip():
            raise RecipeError(Problem("source.model", repr(self.asked), "the name of a model or its folder"))
        if self._has("adapter_config.json"):  # transformers would fetch the model that the adapter names
            found = f"{self.asked!r}, which holds an adapter (adapter_config.json)"
            raise RecipeError(
                Problem(
                    "source.model", found, "a whole model: merge the adapter into its model (peft: merge_and_unload)"
                )
            )
        facts, _ = PreTrainedConfig.get_config_dict(self.name, **self._where)
        _check_config(self.asked, facts)
        return AutoConfig.from_pretrained(self.name, trust_remote_code=False, **self._where)

    def model(
        self,
        kind: str,
        config: Any,
        weights: str,
        seed: int = 0,
        body: Callable[[Any], Any] = lambda model: model.base_model,
        unread: tuple[str, ...] = (),
    ) -> Any:
        """The model in single precision. kind: a class of transformers, e.g. AutoModel. weights: `pretrained`, or
        `random` as a control, initialized from the seed. body: the part of the model that the source runs; unread: the
        names of modules in it that it does not.

        Raises RecipeError for pickled weights, for a file that lacks tensors of the body, which transformers would
        initialize at random, and for a configuration of another model.
        """
        import transformers

        factory = getattr(transformers, kind)
        self._check_size(factory, config, body, weights)
        if weights == "random":
            made = random_init(lambda: factory.from_config(config, trust_remote_code=False), seed)
            return made.float()  # config.json may state half precision
        if self.local and not any(map(self._has, SAFE_FILES)) and any(map(self._has, PICKLES)):
            found = f"{self.asked!r}, whose weights are a pickle (pytorch_model.bin)"
            remedy = "model.safetensors, which can hold no code: load the model by transformers and save_pretrained it"
            raise RecipeError(Problem("source.model", found, remedy))
        settings = {"config": config, "dtype": torch.float32, "use_safetensors": True, **self._where}
        settings |= {"ignore_mismatched_sizes": True, "output_loading_info": True}  # refused below
        made, info = factory.from_pretrained(self.name, trust_remote_code=False, **settings)
        own = {id(tensor) for tensor in body(made).state_dict(keep_vars=True).values()}
        named = made.state_dict(keep_vars=True)
        lacking = [
            name
            for name in sorted(info["missing_keys"])
            if id(named.get(name)) in own and not {*unread, "num_batches_tracked"} & {*name.split(".")}
        ]
        other = [f"{name} {tuple(found)}, not {tuple(asked)}" for name, found, asked in info["mismatched_keys"]]
        if lacking or other:
            parts = [("lack", lacking), ("have other shapes than config.json says", sorted(other))]
            said = "; ".join(
                f"{what} ({len(names):,} tensors): {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
                for what, names in parts
                if names
            )
            expected = "a checkpoint with every tensor of the model (or, as a control, weights: random)"
            raise RecipeError(Problem("source.model", f"{self.asked!r}, whose weights {said}", expected))
        return made

    def tokenizer(self) -> Any | None:
        """The tokenizer; None for a model without one. Raises RecipeError for one that brings its own code."""
        from transformers import AutoTokenizer
        from transformers.models.auto.tokenization_auto import get_tokenizer_config, tokenizer_class_from_name

        if not any(map(self._has, TOKENIZER_FILES)):
            return None  # transformers would make one without tokens
        facts = get_tokenizer_config(self.name, **self._where)
        named = facts.get("tokenizer_class")
        if "auto_map" in facts and not (isinstance(named, str) and tokenizer_class_from_name(named)):
            raise _own_code(self.asked, "a tokenizer", "tokenizer_config.json")
        return AutoTokenizer.from_pretrained(self.name, trust_remote_code=False, **self._where)

    def image_facts(self) -> dict[str, Any]:
        """The image settings of preprocessor_config.json; {} without one."""
        from transformers.image_processing_base import ImageProcessingMixin

        return self._preprocessor(ImageProcessingMixin.get_image_processor_dict, "image_processor_type")

    def audio_facts(self) -> dict[str, Any]:
        """The audio settings of preprocessor_config.json; {} without one."""
        from transformers import FeatureExtractionMixin

        return self._preprocessor(FeatureExtractionMixin.get_feature_extractor_dict, "feature_extractor_type")

    def _preprocessor(self, read: Any, kind: str) -> dict[str, Any]:
        """Read as data: no class is instantiated."""
        import transformers

        if not any(map(self._has, ("preprocessor_config.json", "processor_config.json"))):
            return {}
        facts, _ = read(self.name, **self._where)
        if not isinstance(facts, dict):
            raise ValueError("a preprocessor_config.json that is not a mapping")
        if "auto_map" in facts and str(facts.get(kind)) not in dir(transformers):
            raise _own_code(self.asked, "a preprocessor", "preprocessor_config.json")
        return facts

    def _has(self, file: str) -> bool:
        """Whether the model has this file (which is downloaded from a hub, so only for small files)."""
        from transformers.utils import cached_file

        if self.local:
            return os.path.isfile(os.path.join(self.name, file))
        silent = {f"_raise_exceptions_for_{what}": False for what in ("missing_entries", "connection_errors")}
        return cached_file(self.name, file, **silent, **self._where) is not None

    def _check_size(self, factory: Any, config: Any, body: Callable[[Any], Any], weights: str) -> None:
        """Refuse a model that does not fit into memory, or whose body has over twice the numbers that its files hold,
        before any memory is allocated.
        """
        with torch.device("meta"):
            made = factory.from_config(config, trust_remote_code=False)
        count = sum(parameter.numel() for parameter in body(made).parameters())
        held = 0
        for path in Path(self.name).glob("*.safetensors") if self.local and weights == "pretrained" else ():
            with safe_open(path, "pt") as file:
                held += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        if 0 < 2 * held < count:
            found = f"{self.asked!r}, whose config.json asks for {count:,} weights; its files hold {held:,}"
            raise RecipeError(Problem("source.model", found, "the config.json that belongs to model.safetensors"))
        needed = 4 * sum(parameter.numel() for parameter in made.parameters())
        if needed > (room := physical_memory()):
            found = f"{self.asked!r}, whose config.json asks for {needed / 2**30:,.0f} GiB of weights"
            raise RecipeError(
                Problem("source.model", found, f"a model that fits into {room / 2**30:,.0f} GiB of memory")
            )


@contextmanager
def opened(name: str, revision: str | None = None, instead: str = BELOW) -> Iterator[tuple[Checkpoint, Any]]:
    """A model by hub name, folder or name below XMR_MODELS, and its configuration; raises as `Checkpoint.loading`."""
    checkpoint = Checkpoint(name, find_model(name), revision, instead)
    with checkpoint.loading():
        yield checkpoint, checkpoint.config()


def class_names(config: Any) -> tuple[str, ...]:
    """The names of the source classes, if its config has better ones than LABEL_0."""
    labels = getattr(config, "id2label", None) or {}
    names = tuple(str(labels[key]) for key in sorted(labels, key=int))
    return () if all(name.startswith("LABEL_") for name in names) else names


def _check_config(asked: str, facts: dict[str, Any]) -> None:
    """Refuse models that need code from outside transformers, and impossible numbers of layers."""
    from transformers import __version__
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = facts.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        if "auto_map" in facts:
            raise _own_code(asked, f"a model of type {kind!r}", "config.json")
        found = (
            f"{asked!r}, a model of type {kind!r}"
            if "model_type" in facts
            else f"{asked!r}, a config.json without model_type"
        )
        raise RecipeError(Problem("source.model", found, f"a model_type that transformers {__version__} knows"))
    inner: list[Any] = [value for key, value in facts.items() if key != "auto_map"]
    named = list(facts.items())
    while inner:
        value = inner.pop()
        inner += value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        if isinstance(value, dict):
            named += value.items()
            if "auto_map" in value:  # transformers would ask for permission to run it
                raise _own_code(asked, "a part of the model", "config.json")
    for key, value in named:
        if "_implementation" in str(key) and "/" in str(value):
            raise _own_code(asked, f"a kernel ({value!s:.60})", f"config.json: {key}")
        numbers = value if isinstance(value, list) else [value]
        if str(key).endswith(_LAYERS) and any(isinstance(n, int) and n > MAX_LAYERS for n in numbers):
            raise RecipeError(
                Problem("source.model", f"{asked!r}, config.json: {key} {value}", f"at most {MAX_LAYERS}")
            )


def _own_code(asked: str, what: str, where: str) -> RecipeError:
    """The error for a model that could only be loaded by running code that comes with it."""
    found = f"{asked!r}, {what} that brings its own code ({where}), which xmr never runs"
    return RecipeError(
        Problem("source.model", found, "a model, tokenizer and preprocessor that transformers itself has")
    )


def unreachable(name: str, error: Exception, instead: str, fault: str = "") -> Problem:
    """The problem "this model cannot be loaded", with the reason and the alternatives. fault: see `hub_fault`."""
    said = (str(error).strip().splitlines() or [""])[0][:160]
    unsafe = "cannot be loaded with `safetensors`" in str(error)
    if unsafe:
        said = "it has no weights as safetensors, and pickles are not read"
    elif not isinstance(error, OSError | ValueError):
        said = f"{type(error).__name__}: {said}"
    expected = "a folder with config.json and model.safetensors, a hub name that can be reached, or"
    found = f"{name!r}, which cannot be loaded: {said if unsafe or not fault else fault}"
    return Problem("source.model", found, f"{expected} {instead}{how_to_get(name)}")


def random_init(make: Any, seed: int) -> Any:
    """The result of `make`, with all random numbers from `seed`; torch's global generator is not used."""
    with use_generators(Generators(seed)):
        return make()


def physical_memory() -> float:
    """Bytes of memory of this machine; infinity if unknown."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        return float("inf")


@contextmanager
def quiet() -> Iterator[None]:
    """Disable the progress bars and load reports of transformers, which would disturb our output."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    bar = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bar:
            logging.enable_progress_bar()
