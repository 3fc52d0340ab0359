"""The `data` section of a recipe: which records, how cleaned, how split."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field, model_validator

from xmr.core.component import Section

Seed = Annotated[int, Ge(0), Le(2**32 - 1)]  # what all generators of random numbers take
Amount = Annotated[float, Ge(0), Le(1_000_000_000)]


class SplitSettings(Section):
    """How records become train, validation and test."""

    by: Literal["random", "cluster", "predefined", "fold", "group", "time"] = Field(
        "random",
        description="random stratified, by cluster of similar sequences, by the file's own set column, folds, or one "
        "group (speaker, patient) left out, or the last rows of a table over time",
    )
    test: Amount = Field(0.2, description="share (< 1) or number of records for the test part")
    validation: Amount = Field(0.1, description="share (< 1) of the rest, or number of records; 0: no validation part")
    n_labelled: Annotated[int, Ge(2)] | None = Field(
        None,
        description="labelled records in all for training and validation together (by: predefined limits only the "
        "training records, beside the validation part the file names); by default all of them",
    )
    similarity: Annotated[float, Gt(0)] = Field(
        0.4,
        description="cluster: similarity from which two sequences share a cluster (3-mer cosine, or MMseqs2 identity)",
    )
    tool: Literal["auto", "mmseqs", "kmers"] = Field(
        "auto",
        description="cluster: auto takes MMseqs2 where it is on PATH; say which, and the split is the same everywhere",
    )
    held_out_group: str | None = Field(None, description="group: the one left out for the test part")
    folds: Annotated[int, Ge(2), Le(10_000)] = Field(5, description="fold: number of folds")
    fold: Annotated[int, Ge(0)] = Field(0, description="fold: which one is the test part")


class DataSettings(Section):
    """Where the records are and how they are read."""

    dataset: str | None = Field(None, description="a public data set by name (`xmr data list`)")
    path: str | None = Field(
        None,
        description="your own file (FASTA, CSV, TSV, Parquet, Excel, .npz; .gz too) or folder (a subfolder per class)",
    )
    test_path: str | None = Field(None, description="a second file that holds the test part (split.by: predefined)")
    header: bool | None = Field(
        None, description="tables: whether the first row holds the columns' names; by default seen from the rows"
    )
    names: list[str] | None = Field(None, description="tables without a header: the name of every column, in order")
    input: str | None = Field(None, description="column of the input; by default the usual names, e.g. sequence")
    target: str | list[str] | None = Field(None, description="column of the label, or several for multilabel")
    target_scale: Literal["standard", "quantile"] = Field(
        "standard", description="regression: standardized, or normal scores of the training quantiles (skewed values)"
    )
    positive: str | None = Field(
        None, description="binary tasks: the class of interest, which AUROC's curve and average precision are about"
    )
    id: str | None = Field(None, description="column of record ids; by default id, or the line number")
    split_column: str | None = Field(None, description="column that says train, validation or test")
    group_column: str | None = Field(None, description="column that says who a record comes from (speaker, patient)")
    ignore_columns: list[str] = Field(
        [],
        description="columns of tables, series and tables over time that are not read: no features, samples, channels",
    )
    pattern: str | None = Field(
        None,
        description="file names that hold the label, e.g. {label}_{group}_{take}; {group} and {set} are read too, "
        "other fields are passed over",
    )
    time: str | None = Field(
        None, description="series in a file of one row a time step: the column of time; by default its usual names"
    )
    rows: Annotated[int, Ge(1)] | None = Field(None, description="forecasting: only the first rows of the table")
    labels_path: str | None = Field(None, description="per-residue tasks: FASTA of label strings, by id")
    mask_path: str | None = Field(None, description="per-residue tasks: FASTA of 0/1 strings, 0 = not scored")
    split: SplitSettings = Field(default_factory=SplitSettings)
    seed: Seed | None = Field(None, description="pins the split; by default the recipe's seed")
    max_length: Annotated[int, Ge(1)] | None = Field(
        None,
        description="records with more symbols than this are left out, counted and listed in skipped.csv",
    )
    duplicates: Literal["remove", "keep"] = Field("remove", description="records with the same input")
    conflicting_labels: Literal["remove", "keep", "fail"] = Field("remove", description="one input with two labels")
    on_error: Literal["fail", "skip"] = Field("fail", description="records that cannot be read: stop, or skip and list")
    shuffle_labels: bool = Field(
        False, description="control: training labels in random order; test must fall to chance"
    )

    @model_validator(mode="after")
    def _one_place(self) -> DataSettings:
        if (self.dataset is None) == (self.path is None):
            raise ValueError("exactly one of data.dataset and data.path")
        return self
