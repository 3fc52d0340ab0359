"""The source answers exactly as the Hugging Face model does for the same tokens; layers, special tokens, errors."""

import pytest
import torch

from tests.tiny import KINDS, WORDS, tiny_model, tiny_source
from xmr.core.component import create
from xmr.core.hub import hub_fault
from xmr.core.registry import SOURCES
from xmr.core.spaces import TokenInput
from xmr.errors import RecipeError
from xmr.sources.base import SourceChangedError
from xmr.sources.hf_text import HFText, MiniLM
from xmr.sources.hugging_face import unreachable
from xmr.sources.specials import Specials


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "t5"])
def test_equals_the_model_on_token_ids(kind):
    source, model = tiny_source(kind), tiny_model(kind).eval()
    content = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 11]])
    lengths = torch.tensor([4, 3])
    mask = torch.arange(4) < lengths[:, None]
    answer = source(TokenInput(source.space.embedding[content], mask, 0, 4))
    for row, n in enumerate(lengths.tolist()):
        ids = torch.tensor([[1, *content[row, :n].tolist(), 2]])
        with torch.no_grad():
            theirs = model(input_ids=ids, output_hidden_states=True)
        hidden = theirs.last_hidden_state if kind == "bert_body" else theirs.hidden_states[-1]
        assert torch.allclose(answer.hidden[row, : n + 2], hidden[0], atol=1e-4)
        if kind != "bert_body":
            assert torch.allclose(source.answers(answer.hidden[row, : n + 2]), theirs.logits[0], atol=1e-4)


def test_t5_encoder():
    source, model = tiny_source("t5"), tiny_model("t5").eval()
    ids = torch.tensor([[1, 5, 6, 2]])
    with torch.no_grad():
        theirs = model(input_ids=ids).last_hidden_state
    got = source(TokenInput(source.space.embedding[ids[:, 1:3]], torch.ones(1, 2, dtype=torch.bool), 0, 2, True))
    assert torch.allclose(got.hidden, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_stop_after_k_blocks(kind):
    whole, cut = tiny_source(kind), tiny_source(kind, layers=1)
    assert cut.parameter_count() < whole.parameter_count()
    inputs = TokenInput(whole.space.embedding[torch.tensor([[5, 6]])], torch.ones(1, 2, dtype=torch.bool), 0, 2, True)
    if kind.startswith("bert"):
        states = tiny_model(kind).base_model.eval()(
            inputs_embeds=whole.space.embedding[torch.tensor([[1, 5, 6, 2]])], output_hidden_states=True
        )
        assert torch.allclose(cut(inputs).hidden, states.hidden_states[1], atol=1e-5)
    assert not torch.allclose(cut(inputs).hidden, whole(inputs).hidden)


def test_the_mean_is_over_the_content():
    """Of a padded row as of the row alone."""
    source = tiny_source("bert")
    rows = torch.randn(2, 6, 16)
    mask = torch.arange(6) < torch.tensor([[6], [3]])
    both = source(TokenInput(rows, mask, 0, 6)).mean()
    alone = source(TokenInput(rows[1:, :3], mask[1:, :3], 0, 3, full=True)).mean()
    assert torch.allclose(both[1:], alone, atol=1e-5)


def test_every_row_of_the_matrix_has_a_name():
    """Embedding matrices are often rounded up beyond the tokenizer's words; a mapping may choose such a row."""
    model = tiny_model("bert")
    rows = len(model.get_input_embeddings().weight)
    source = HFText("tiny-bert").adopt(model, Specials((1,), (2,), WORDS[:30]))
    assert len(source.class_names) == len(source.space.words) == source.classes == rows
    assert source.class_names[29:31] == (WORDS[29], "[row 30]")
    assert HFText("tiny-bert").adopt(tiny_model("bert")).class_names == ()


def test_too_many_layers():
    with pytest.raises(RecipeError, match="at most 3"):
        tiny_source(layers=4)


def test_tied_logits_without_a_head():
    source = tiny_source("bert_body")
    hidden = torch.randn(2, 16)
    assert source.head is None
    assert torch.equal(source.answers(hidden), hidden @ source.space.embedding.T)


def test_max_length_leaves_room_for_special_tokens():
    assert tiny_source("bert").space.max_length == 62
    assert tiny_source("roberta").space.max_length == 62
    assert tiny_source("bert", specials=False).space.max_length == 64


def test_a_changed_weight_is_noticed(source):
    source.assert_unchanged()
    with torch.no_grad():
        next(source.parameters()).view(-1)[0] += 1e-7
    with pytest.raises(SourceChangedError):
        source.assert_unchanged()


def test_train_does_not_wake_it():
    source = tiny_source("bert")
    source.train()
    assert not any(module.training for module in source.modules())


def test_from_a_folder_with_tokenizer(tmp_path):
    """The route of any folder: config, weights and tokenizer from disk."""
    from transformers import BertTokenizer

    (tmp_path / "vocab.txt").write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS[3:26])))
    BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    tiny_model("bert", seed=7).save_pretrained(tmp_path)
    source = HFText(str(tmp_path), layers=2).load()
    assert source.space.prefix == (2,)
    assert source.space.suffix == (3,)
    assert source.space.words[5] == "a"
    twin = HFText(str(tmp_path), layers=2).load()
    assert source.checksum() == twin.checksum()
    drawn = [HFText(str(tmp_path), layers=2, weights="random").load(seed).checksum() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] != source.checksum()


def test_offline_hub_name_says_what_to_pass_instead():
    with pytest.raises(RecipeError, match=r"minilm.*needs no network"):
        create(SOURCES, {"name": "hf_text", "model": "no-such/model-anywhere"}).load()


@pytest.mark.parametrize("off", [True, False])
def test_a_hub_is_called_switched_off_only_where_it_is(monkeypatch, off):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", off)
    monkeypatch.setattr("xmr.core.hub._answers", lambda host, port: True)
    error = OSError("We couldn't connect.\nSee how to run in offline mode.")
    problem = unreachable("bert", error, "minilm", hub_fault())
    assert ("switched off" in str(problem)) == off
    assert ("We couldn't connect." in str(problem)) != off


def test_minilm_is_the_real_thing():
    source = MiniLM(layers=1).load()
    assert (source.space.width, len(source.space.embedding), source.space.max_length) == (384, 30522, 510)
    assert source.space.words[source.space.prefix[0]] == "[CLS]"
    assert source.space.words[source.space.suffix[0]] == "[SEP]"


def test_minilm_tells_sentences_apart():
    """Faithful loading: paraphrases are nearer than strangers, as the model was trained for."""
    from transformers import AutoTokenizer

    source = MiniLM().load()
    tokenizer = AutoTokenizer.from_pretrained(source.folder(), local_files_only=True)
    vectors = []
    for text in ("a man is playing a guitar", "someone plays an instrument", "the stock market fell today"):
        ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
        embeddings = source.space.embedding[ids]
        answer = source(TokenInput(embeddings, torch.ones_like(ids, dtype=torch.bool), 0, ids.shape[1], True))
        vectors.append(torch.nn.functional.normalize(answer.hidden.mean(1)[0], dim=0))
    assert vectors[0] @ vectors[1] > 0.4 > 0.2 > vectors[0] @ vectors[2]
