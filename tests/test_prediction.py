"""A prediction that was stopped goes on only as what it was begun as."""

from xmr.data.tables import Columns
from xmr.prediction import _fingerprint


def test_a_partial_prediction_belongs_to_its_file_columns_and_options(tmp_path):
    (tmp_path / "program.json").write_text("{}")
    (tmp_path / "program.safetensors").write_bytes(b"weights")
    source = tmp_path / "x.csv"
    source.write_text("a,b\nACDE,EDCA\n")

    def key(column="a", on_bad="fail", precision="full"):
        return _fingerprint(tmp_path, source, Columns(column), on_bad, precision)

    first = key()
    assert key() == first
    others = [key(column="b"), key(on_bad="skip"), key(precision="bf16")]
    source.write_text("a,b\nACDE,EDCAA\n")
    others.append(key())
    (tmp_path / "program.safetensors").write_bytes(b"other weights")
    others.append(key())
    assert len({first, *others}) == 6
