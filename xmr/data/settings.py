"""The `data` section of a recipe: which records, how cleaned, how split."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import Field, PrivateAttr, model_validator

from xmr.core.component import Section
from xmr.data.records import Records

Seed = Annotated[int, Ge(0), Le(2**32 - 1)]  # what all generators of random numbers take
Amount = Annotated[float, Ge(0), Le(1_000_000_000)]


class SplitSettings(Section):
    """How records become train, validation and test."""

    by: Literal[
        "random",
        "cluster",
        "scaffold",
        "position",
        "mutations",
        "predefined",
        "fold",
        "cross_validation",
        "group",
        "time",
        "none",
    ] = Field(
        "random",
        description="random (stratified), by cluster of similar sequences, by scaffold of molecules (extra "
        "`molecule`), by the position or the number of mutations of variants, predefined in a column of the file, one "
        "of several folds, every fold in turn (`xmr run` trains for each, and once on all records), one held-out group "
        "(speaker, patient), the last rows of a time-series table, or none: no test part",
    )
    test: Amount = Field(0.2, description="fraction (< 1) or number of records of the test set")
    validation: Amount = Field(
        0.1, description="fraction (< 1) of what the test set leaves, or number of records; 0: no validation set"
    )
    n_labelled: Annotated[int, Ge(2)] | None = Field(
        None,
        description="total number of labelled records for training and validation; with by: predefined, of training "
        "records only; by default all",
    )
    shots: Annotated[int, Ge(1)] | None = Field(
        None, description="training records of every class (few-shot learning); by default all"
    )
    similarity: Annotated[float, Gt(0)] = Field(
        0.4,
        description="cluster: minimum similarity of two sequences in one cluster (3-mer cosine, or MMseqs2 identity)",
    )
    tool: Literal["auto", "mmseqs", "kmers"] = Field(
        "auto",
        description="cluster: what compares sequences; auto: MMseqs2 if installed. Name one to fix the split",
    )
    balanced: bool = Field(
        True, description="cluster: clusters are chosen so that each part has the classes in their fractions"
    )
    keep_together: Literal["cluster", "scaffold", "group"] | None = Field(
        None, description="fold, cross_validation: what is in one fold as a whole; by default each record is by itself"
    )
    held_out_group: str | None = Field(None, description="group: the one that is the test set")
    folds: Annotated[int, Ge(2), Le(10_000)] = Field(5, description="fold, cross_validation: number of folds")
    fold: Annotated[int, Ge(0)] = Field(0, description="fold: which one is the test set")


class DataSettings(Section):
    """Where the records are and how they are read."""

    _held: Records | None = PrivateAttr(None)

    dataset: str | None = Field(None, description="a public data set by name (`xmr data list`)")
    path: str | Annotated[list[str], MinLen(1)] | None = Field(
        None,
        description="your own file (FASTA, CSV, TSV, JSON Lines, Parquet, Excel, .smi, .npz; .gz too), several, or a "
        "folder (a file or subfolder per class)",
    )
    test_path: str | None = Field(None, description="a second file with the test set (split.by: predefined)")
    header: bool | None = Field(
        None, description="tables: whether the first row is a header; by default inferred from the rows"
    )
    names: list[str] | None = Field(None, description="tables without a header: the names of all columns, in order")
    input: str | None = Field(None, description="column of the input; by default one with a usual name, e.g. sequence")
    target: str | list[str] | None = Field(None, description="column of the label, or several for multilabel")
    target_scale: Literal["standard", "quantile"] = Field(
        "standard",
        description="regression: standardized, or normal scores of the training quantiles (for skewed values)",
    )
    positive: str | None = Field(None, description="binary tasks: the positive class, for AUROC and average precision")
    id: str | None = Field(
        None, description="column of record ids; by default `id`, otherwise, or with `none`, the line number"
    )
    split_column: str | None = Field(None, description="column with the values train, validation and test")
    group_column: str | None = Field(None, description="column with the origin of each record (speaker, patient)")
    ignore_columns: list[str] = Field(
        [],
        description="columns of tables and time series to ignore: neither features, samples nor channels",
    )
    pattern: str | None = Field(
        None,
        description="pattern of file names, or of FASTA headers, with the label, e.g. {label}_{group}_{take} or "
        "{id}|{label}|{set}; {group} and {set} are read too, other fields are ignored",
    )
    wild_type: str | None = Field(
        None,
        description="variants whose input lists mutations (A24G,N30D): the unchanged sequence, or a FASTA file of it",
    )
    offset: int = Field(0, description="variants: the number of the first residue of `wild_type`, less one")
    label_separator: Annotated[str, MinLen(1)] | None = Field(
        None, description="multilabel: what separates several labels in one cell, e.g. | for membrane|nucleus"
    )
    documents: bool = Field(False, description="a folder of texts: each .txt file is one text, not each line")
    time: str | None = Field(
        None,
        description="time series with one row per time step: the column of the time; by default one with a usual name",
    )
    time_step: Annotated[float, Gt(0)] | None = Field(
        None,
        description="time series with one row per time step: interpolate linearly to steps of this length (seconds "
        "where times are dates); gaps of more than three steps stay missing",
    )
    rows: Annotated[int, Ge(1)] | None = Field(None, description="forecasting: number of rows to use, from the first")
    labels_path: str | None = Field(
        None,
        description="labels from a file of their own: text with one per line, in the order of the records; per-residue "
        "tasks: FASTA of label strings, by id, or text with one string per line",
    )
    mask_path: str | None = Field(None, description="per-residue tasks: FASTA (or text) of 0/1 strings, 0 = not scored")
    split: SplitSettings = Field(default_factory=SplitSettings)
    seed: Seed | None = Field(None, description="seed of the split; by default the recipe's seed")
    max_length: Annotated[int, Ge(1)] | None = Field(
        None,
        description="records with more symbols are skipped (not cut) and listed in skipped.csv",
    )
    duplicates: Literal["remove", "keep"] = Field("remove", description="records with the same input")
    conflicting_labels: Literal["remove", "keep", "fail"] = Field("remove", description="one input with two labels")
    on_error: Literal["fail", "skip"] = Field(
        "fail", description="records that cannot be read: stop with an error, or skip and list them"
    )
    shuffle_labels: bool = Field(
        False, description="control: shuffle the training labels; test metrics must fall to chance level"
    )

    @property
    def held(self) -> Records | None:
        """Records in memory that take the place of files; a recipe that is written does not hold them."""
        return self._held

    def holding(self, records: Records | None) -> DataSettings:
        """A copy whose records are these. `path` says what they are; see `Records.digest`."""
        if records is None:
            return self
        files = ("dataset", "test_path", "labels_path", "mask_path", "wild_type")
        made = self.model_copy(update={**dict.fromkeys(files), "path": f"<memory {records.digest()}>"})
        made._held = records
        return made

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> DataSettings:
        """Records in memory are shared: nothing changes them."""
        return super().__deepcopy__({**(memo or {}), id(self._held): self._held})

    @model_validator(mode="after")
    def _one_origin(self) -> DataSettings:
        if (self.dataset is None) == (self.path is None):
            raise ValueError("exactly one of data.dataset and data.path")
        return self
