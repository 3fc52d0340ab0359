"""Language models whose tensors and vocabulary are files of a pip package; the package's own code never runs."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Self

from annotated_types import Ge, Le

from xmr.sources.depths import FeatureLayers
from xmr.sources.hf_text import HFText
from xmr.sources.hugging_face import quiet, random_init
from xmr.sources.packaged import PackagedFile
from xmr.sources.specials import Specials
from xmr.sources.weights import Weights, fill, load_weights


class PackagedText(HFText):
    """A masked language model in an architecture of transformers, with one token per line of its vocabulary file.

    Subclasses state the files, the configuration, and how a text is cut into tokens.
    """

    packaged: ClassVar[PackagedFile]
    vocabulary: ClassVar[PackagedFile]
    name: ClassVar[str]

    def __init__(
        self,
        layers: Annotated[int, Ge(1), Le(1000)] | None = None,
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__(self.name, None, layers, weights, feature_layers=feature_layers)

    @abstractmethod
    def config(self) -> Any:
        """The configuration, of transformers' class."""

    @abstractmethod
    def network(self) -> Any:
        """The model with its masked-LM head, its weights not yet loaded."""

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """A text cut into tokens of the vocabulary."""

    def load(self, seed: int = 0) -> Self:
        """Read the files inside the package. Raises MissingExtraError where it is not installed."""
        self.seed = seed
        words = tuple(self.vocabulary.path().read_text(encoding="utf-8").split("\n"))
        words = words[: self.config().vocab_size]
        number = {word: index for index, word in enumerate(words)}
        with quiet():
            model = random_init(self.network, seed)
        if self.weights == "pretrained":
            # The checkpoint also holds what the masked-LM model has no use for: a pooler, other heads, positions.
            known = model.state_dict().keys()
            fill(model, {key: value for key, value in load_weights(str(self.packaged.path())).items() if key in known})

        def tokenize(texts: list[str]) -> list[list[int]]:
            return [[number.get(token, number["[UNK]"]) for token in self.tokens(text)] for text in texts]

        return self.adopt(
            model, Specials((number["[CLS]"],), (number["[SEP]"],), words, (), tokenize, number.get("[MASK]"))
        )

    def blocks(self) -> int:
        """See `Source.blocks`."""
        return int(self.config().num_hidden_layers)

    def without_network(self) -> dict[str, Any]:
        """See `HFText.without_network`."""
        return {"name": "identity", "width": getattr(self.config(), "embedding_size", self.config().hidden_size)}
