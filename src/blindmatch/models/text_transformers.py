"""Language models of the transformers library whose text vector is the mean over tokens."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.models import LanguageEncoder, count_parameters, families
from blindmatch.models._options import check_options, one_of
from blindmatch.models._weights import explained_hub, fetch_hub, hub_answers, verify
from blindmatch.progress import say
from blindmatch.provenance import text_digest
from blindmatch.reading import read_text, reading
from blindmatch.settings import ModelSettings

#: Tokens of a text that are read, as the authors of SOTAlign do.
MOST_TOKENS = 1024


@families.register("transformers")
class TextTransformers:
    """A language model of the transformers library: Qwen3, NV-Embed, Llama-Embed-Nemotron, ...

    `checkpoint` is a Hugging Face repository, pinned by `revision`, or a folder in which a model
    was saved. NV-Embed and Llama-Embed-Nemotron come with code of their own; it is not run, their
    weights are read into transformers' own classes.
    """

    @staticmethod
    def language(settings: ModelSettings, *, pretrained: bool = True) -> LanguageEncoder:
        """The mean of the last hidden states over a text's tokens, without an instruction.

        The only layer is `mean-tokens`, not normalised. A text is cut to `MOST_TOKENS`, or to what
        its tokenizer allows. Weights keep the precision in which they are published, half of it for
        models of 8 billion parameters: 16 GB instead of 32 GB. The mean is taken in float32.
        ``pretrained=False`` keeps the architecture and draws the weights anew.

        Raises
        ------
        BlindmatchError
            Weights that cannot be had or do not fit, or an architecture that transformers lacks.
        """
        check_options(settings, required=("checkpoint",), optional=("layer", "revision"))
        layer = one_of("layer", settings.layer, ("mean-tokens",))
        folder, weights = _locate(settings)
        architecture = _architecture(folder)
        tokenizer = _tokenizer(folder)
        model = _load(folder, architecture) if pretrained else _draw(architecture)
        model = model.eval().requires_grad_(False)
        # NV-Embed's tokenizer does not mark the end of a text by itself.
        end = tokenizer.eos_token if architecture.marks_end else ""
        length = min(MOST_TOKENS, tokenizer.model_max_length)

        def encode(texts: list[str], device: str) -> np.ndarray:
            import torch

            batch = tokenizer(
                [text + end for text in texts],
                max_length=length,
                padding=True,
                truncation=True,
                return_tensors="pt",
            ).to(device)
            ids, mask = batch["input_ids"], batch["attention_mask"]
            with torch.inference_mode():
                seen = _all_tokens(mask, model.dtype) if architecture.bidirectional else mask
                states = model.to(device)(input_ids=ids, attention_mask=seen).last_hidden_state
                mask = mask[..., None]
                embeddings = (states.float() * mask).sum(dim=1) / mask.sum(dim=1)
            return embeddings.cpu().numpy()

        return LanguageEncoder(
            encode,
            dimension=architecture.config.hidden_size,
            identity={
                "checkpoint": settings.checkpoint,
                "layer": layer,
                "parameters": count_parameters(model),
                "tokens": length,
                "weights_precision": str(model.dtype).removeprefix("torch."),
                **(weights if pretrained else {"weights": "random"}),
            },
        )


class _Architecture(NamedTuple):
    """A class of models, and its configuration."""

    kind: type
    config: object
    bidirectional: bool = False
    marks_end: bool = False


def _locate(settings: ModelSettings) -> tuple[Path, dict]:
    """The folder that the model is in, and what to record about its weights."""
    folder = Path(settings.checkpoint)
    if folder.is_dir():
        digests = [verify(file, None) for file in sorted(folder.glob("*.safetensors"))]
        return folder, {"sha256": digests[0] if len(digests) == 1 else text_digest(*digests)}
    from huggingface_hub import snapshot_download

    _, commit = fetch_hub(settings.checkpoint, ("config.json",), settings.revision)
    online = hub_answers(settings.checkpoint, "config.json", commit)
    if online:
        say(f"weights of https://huggingface.co/{settings.checkpoint}: fetched unless cached")
    with explained_hub(settings.checkpoint):
        folder = snapshot_download(
            settings.checkpoint,
            revision=commit,
            allow_patterns=["*.json", "*.safetensors"],
            local_files_only=not online,
        )
    return Path(folder), {"revision": commit}


def _architecture(folder: Path) -> _Architecture:
    """The class of transformers that fits the configuration file.

    The files of NV-Embed and Llama-Embed-Nemotron name classes of their repositories. Written for
    transformers 4, the first does not load with 5, and the second would attend to earlier tokens
    only, without a word; both are plain models but for their attention.
    """
    import transformers

    described = json.loads(read_text(folder / "config.json"))
    kind = described.get("model_type")
    if kind == "nvembed":
        from blindmatch.models._nv_embed import NVEmbed

        found = _Architecture(NVEmbed, NVEmbed.configure(described), True, marks_end=True)
    elif kind == "llama_bidirec":
        config = transformers.LlamaConfig.from_dict(described | {"model_type": "llama"})
        found = _Architecture(transformers.LlamaModel, config, True)
    elif kind in transformers.CONFIG_MAPPING:
        config = transformers.CONFIG_MAPPING[kind].from_dict(described)
        found = _Architecture(transformers.MODEL_MAPPING[type(config)], config)
    else:
        raise BlindmatchError(
            f"{folder / 'config.json'}: model_type is {kind!r}, expected one that transformers "
            f"{transformers.__version__} knows (code of a repository is not run)"
        )
    found.config.use_cache = False
    return found


def _tokenizer(folder: Path):
    """The tokenizer that ``tokenizer.json`` describes, whatever class is named beside it."""
    import transformers

    with reading(folder, "tokenizer of transformers"):
        tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(
            folder, local_files_only=True
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def _load(folder: Path, architecture: _Architecture):
    """The model with its weights, in the precision in which they are stored, on the CPU."""
    with reading(folder, f"safetensors of {architecture.kind.__name__}"):
        model, report = architecture.kind.from_pretrained(
            folder,
            config=architecture.config,
            dtype="auto",
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    # transformers would draw them at random.
    if report["missing_keys"]:
        raise BlindmatchError(
            f"{folder}: the weights do not fit {architecture.kind.__name__}; they lack "
            f"{', '.join(sorted(report['missing_keys'])[:3])}"
        )
    return model


def _all_tokens(mask, dtype):
    """What is added to the scores of attention if each token sees all tokens of its text.

    Versions of transformers differ in how they are told so; all take such a matrix as it is.

    Parameters
    ----------
    mask : torch.Tensor
        1 for a token, 0 for padding, shape (texts, tokens).

    Returns
    -------
    torch.Tensor
        0 or the lowest number of `dtype`, shape (texts, 1, tokens, tokens).
    """
    import torch

    added = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    added = added.masked_fill(mask == 0, torch.finfo(dtype).min)
    return added[:, None, None, :].expand(-1, -1, mask.shape[1], -1)


def _draw(architecture: _Architecture):
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return architecture.kind(architecture.config)
