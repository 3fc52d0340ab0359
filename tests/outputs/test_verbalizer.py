"""The verbalizer: formula by hand, where it reads, gradients, refusals."""

import pytest
import torch

from tests.tiny import WORDS, tiny_model
from xmr.core.component import check_section, create
from xmr.core.kinds import SymbolBatch, SymbolSpec
from xmr.core.registry import OUTPUTS, TRANSFORMS
from xmr.errors import RecipeError
from xmr.sources.hf_text import HFText
from xmr.sources.specials import Specials

SPEC = SymbolSpec("AB")


def source(kind="bert", tokenize=lambda texts: [[WORDS.index(word) for word in text.split("+")] for text in texts]):
    return HFText("tiny").adopt(tiny_model(kind), Specials((1,), (2,), WORDS, (), tokenize, 3))


def verbalizer(made, words, **settings):
    output = create(OUTPUTS, check_section("output", {"name": "verbalizer", "words": words, **settings}, "test"))
    output.target_names = ("glad", "sad")
    return output.build(made, 2, None, torch.Generator())


def test_the_formula_by_hand():
    """t = (1, 2); W[good] = (1, 0), W[fine] = (0, 1), W[bad] = (-1, 0), b = 0: glad = 1.5, sad = -1."""
    made = source()
    good, fine, bad = WORDS[5:8]
    with torch.no_grad():
        made.head.decoder.weight.zero_()
        made.head.decoder.weight[5, 0] = made.head.decoder.weight[6, 1] = 1
        made.head.decoder.weight[7, 0] = -1
        made.head.decoder.bias.zero_()
    made.head.transform = torch.nn.Identity()
    output = verbalizer(made, {"glad": [good, fine], "sad": [bad]}, learn=False)
    t = torch.zeros(made.hidden_width)
    t[0], t[1] = 1, 2
    assert (t @ output.rows.T + output.bias).tolist() == [1.5, -1.0]
    assert not list(output.parameters())


def test_it_reads_the_mask_token_of_the_prompt():
    made = source()
    transform = create(TRANSFORMS, check_section("transform", {"name": "prompt", "length": 2, "position": "around",
                       "mask": True, "init": "random_tokens"}, "test"))  # fmt: skip
    transform.build(SPEC, made.space, torch.Generator().manual_seed(0))
    mask = torch.tensor([[True, True, True], [True, False, False]])
    batch = SymbolBatch(torch.tensor([[0, 1, 0], [1, 0, 0]]), mask)
    inputs = transform(batch)
    assert inputs.mask.sum(dim=1).tolist() == [8, 6]  # 2 + 3 + 2 + 1 and 2 + 1 + 2 + 1
    for row, last in enumerate((7, 5)):
        assert torch.equal(inputs.embeddings[row, last], made.space.embedding[3])
    answer = made(inputs)
    output = verbalizer(made, {"glad": [WORDS[5]], "sad": [WORDS[7]]})
    found = output(answer, batch, made)
    full = made.answers(torch.stack([answer.hidden[0, 8], answer.hidden[1, 6]]))  # [CLS] comes first
    assert torch.allclose(found, full[:, [5, 7]], atol=1e-5)
    found.sum().backward()
    assert transform.prompt.grad is not None
    assert output.rows.grad is not None


def test_what_cannot_be_read_is_refused():
    with pytest.raises(RecipeError, match="a source without a trained vocabulary head"):
        verbalizer(source("bert_body"), {"glad": [WORDS[5]], "sad": [WORDS[6]]})
    with pytest.raises(
        RecipeError, match=rf"output.words.sad: found '{WORDS[5]}\+{WORDS[6]}' \({WORDS[5]}, {WORDS[6]}\)"
    ):
        verbalizer(source(), {"glad": [WORDS[5]], "sad": [f"{WORDS[5]}+{WORDS[6]}"]})
    with pytest.raises(RecipeError, match="no word for 'sad'"):
        verbalizer(source(), {"glad": [WORDS[5]]})
    section = check_section("transform", {"name": "prompt", "mask": True, "init": "random_tokens"}, "test")
    made = HFText("tiny").adopt(tiny_model("gpt2"), Specials(words=WORDS))
    with pytest.raises(RecipeError, match="a source without a mask token"):
        create(TRANSFORMS, section).build(SPEC, made.space, torch.Generator())
