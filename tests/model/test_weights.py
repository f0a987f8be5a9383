import hashlib
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from builders.network import VOCABULARY, tiny_weights

from cxrreport.errors import UnavailableError, UsageError, WeightsError
from cxrreport.model.manifest import CONFIG, NETWORK, VIEWS, read_manifest, weights_sha256
from cxrreport.model.manifest import VOCABULARY as VOCABULARY_FILE
from cxrreport.model.prior import PriorReader
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.revtaf.hyperbolic import HyperbolicHead
from cxrreport.model.weights import RETRIEVER, load_weights, recover_weights, resolve_device, save_weights

PARTS = ("network", "views", "temporal", "prior")


def _save(directory, weights):
    card = {"licence": "test"}
    parts = (weights.hyperbolic, weights.temporal, weights.prior)
    return save_weights(directory, weights.network, weights.views, weights.tokenizer, card, *parts)


def _head(width=16, seed=6):
    torch.manual_seed(seed)
    head = HyperbolicHead(width)
    head.fit(torch.randn(20, 4, 14) * 3 + 1)
    return head


@pytest.fixture(scope="module")
def original():
    weights = tiny_weights(4)
    with torch.no_grad():
        weights.network.label_prior.copy_(torch.linspace(0.1, 1, 14))
    weights.network.config.thresholds = [0.3] * 14
    temporal, prior = (
        TemporalNetwork(weights.network.config),
        PriorReader(weights.network.config, weights.network.decoder),
    )
    temporal.strictness.fill_(1.5)
    return replace(weights, hyperbolic=_head(), temporal=temporal, prior=prior)


@pytest.fixture()
def saved(original, tmp_path):
    _save(tmp_path / "weights", original)
    return tmp_path / "weights"


def _resign(directory):
    """Make the manifest agree with the files again: what a hand that edits them would do."""
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"] = {
        name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in manifest["files"]
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))


def _refused(directory, name=""):
    with pytest.raises(WeightsError) as caught:
        load_weights(directory)
    assert caught.value.exit_code == 78
    assert name in caught.value.message
    assert str(directory) not in caught.value.message
    return caught.value


def test_round_trip(original, tmp_path):
    digest = _save(tmp_path / "a", original)
    back = load_weights(tmp_path / "a")
    assert back.sha256 == digest == weights_sha256(read_manifest(tmp_path / "a"))
    assert back.manifest["licence"] == "test"
    assert back.tokenizer.vocabulary == VOCABULARY
    lm = back.network.decoder.lm
    assert lm.cls.predictions.decoder.weight is lm.bert.embeddings.word_embeddings.weight
    for ours, theirs in ((getattr(original, part), getattr(back, part)) for part in PARTS):
        before, after = ours.state_dict(), theirs.state_dict()
        assert before.keys() == after.keys() and not theirs.training
        assert all(torch.equal(before[k].half(), after[k].half()) for k in before)  # stored in half precision
    assert back.network.config.thresholds == [0.3] * 14
    assert back.network.label_prior.tolist() == pytest.approx(torch.linspace(0.1, 1, 14).tolist(), rel=1e-3)


def test_saving_again_writes_the_same_tensors(original, saved, tmp_path):
    back = load_weights(saved)
    _save(tmp_path / "again", back)
    for name in (NETWORK, VIEWS, VOCABULARY_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()


class _Killed(BaseException):
    """Ends a save as a signal would: nothing is tidied."""


def _die_at(monkeypatch, owner, name, number):
    """Die at the `number`-th call of a function."""
    original, calls = getattr(owner, name), iter(range(1, 100))

    def replaced(*arguments, **options):
        if next(calls) == number:
            raise _Killed
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, replaced)


SAVES = [("fsync", 1), ("fsync", 8), ("fsync", 9), ("rename", 1), ("rename", 2)]


@pytest.mark.parametrize(("call", "number"), SAVES)
def test_a_save_that_is_killed_leaves_the_old_weights_whole(original, saved, monkeypatch, call, number):
    """Before and after the manifest, and on either side of both renames of the swap."""
    before = load_weights(saved).sha256
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        _die_at(patch, *((os, "fsync") if call == "fsync" else (Path, "rename")), number)
        _save(saved, replace(original, network=tiny_weights(5).network, hyperbolic=_head(seed=7)))
    recover_weights(saved)
    assert load_weights(saved).sha256 == before
    digest = _save(saved, tiny_weights(5))
    assert load_weights(saved).sha256 == digest != before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_first_save_that_is_killed_leaves_nothing_to_load(original, tmp_path, monkeypatch):
    _die_at(monkeypatch, os, "fsync", 4)
    with pytest.raises(_Killed):
        _save(tmp_path / "weights", original)
    recover_weights(tmp_path / "weights")
    assert _refused(tmp_path / "weights", "manifest.json").code == "weights.manifest"


def test_digest_knows_every_file(saved):
    manifest = read_manifest(saved)
    digests = {weights_sha256(manifest)}
    for name in manifest["files"]:
        digests.add(weights_sha256({**manifest, "files": {**manifest["files"], name: "0" * 64}}))
    assert len(digests) == 1 + len(manifest["files"])


@pytest.mark.parametrize("name", [NETWORK, VIEWS, CONFIG, VOCABULARY_FILE, RETRIEVER])
@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_damaged_file_is_named_with_both_digests(saved, name, damage):
    content = bytearray((saved / name).read_bytes())
    expected = hashlib.sha256(content).hexdigest()
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        del content[-7:]
    (saved / name).write_bytes(content)
    error = _refused(saved, name)
    assert error.code == "weights.sha256"
    assert expected in error.message and hashlib.sha256(content).hexdigest() in error.message


@pytest.mark.parametrize("name", [NETWORK, VIEWS, CONFIG, VOCABULARY_FILE, RETRIEVER])
def test_missing_file_is_named(saved, name):
    (saved / name).unlink()
    assert _refused(saved, name).code == "weights.missing"


def test_a_retriever_comes_back_in_half_precision(original, saved):
    before, after = original.hyperbolic.state_dict(), load_weights(saved).hyperbolic.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key].half(), after[key].half()) for key in before)


def test_a_retriever_that_the_manifest_does_not_name_is_not_read(original, saved):
    """It goes with a save without one, and such weights are others."""
    digest = load_weights(saved).sha256
    assert _save(saved, replace(original, hyperbolic=None)) != digest and not (saved / RETRIEVER).exists()
    (saved / RETRIEVER).write_bytes(b"whatever")
    assert load_weights(saved).hyperbolic is None and RETRIEVER not in read_manifest(saved)["files"]


def test_a_retriever_of_another_width_is_refused(original, tmp_path):
    _save(tmp_path / "w", replace(original, hyperbolic=_head(8)))
    assert _refused(tmp_path / "w", RETRIEVER).code == "weights.shape"


@pytest.mark.parametrize(
    "manifest", [None, "", "{", "[]", "{}", '{"files": {}}', '{"files": 3}', '{"files": {"a": 1}}', "[" * 100_000]
)
def test_manifest_that_is_none_of_ours(saved, manifest):
    (saved / "manifest.json").unlink()
    if manifest is not None:
        (saved / "manifest.json").write_text(manifest)
    assert _refused(saved, "manifest.json").code == "weights.manifest"


class _Canary:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", [NETWORK, VIEWS])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_in_disguise_is_never_executed(saved, tmp_path, name, how):
    canary = _Canary(tmp_path / "executed")
    if how == "pickle":
        (saved / name).write_bytes(pickle.dumps(canary))
    else:
        torch.save({"weight": canary}, saved / name)
    _refused(saved, name)
    _resign(saved)
    _refused(saved, name)
    assert not (tmp_path / "executed").exists()


def _configure(directory, key, value):
    """Change a key of config.json, update one that is a dict, drop it where the value is None."""
    config = json.loads((directory / CONFIG).read_text())
    before = config.pop(key, None)
    if value is not None:
        config[key] = {**before, **value} if isinstance(value, dict) else value
    (directory / CONFIG).write_text(json.dumps(config))
    _resign(directory)


@pytest.mark.parametrize(
    ("key", "value"), [("d_model", 64), ("decoder", {"num_hidden_layers": 3}), ("masks_per_layer", [2])]
)
def test_tensors_that_do_not_fit_the_config(saved, key, value):
    _configure(saved, key, value)
    assert _refused(saved, NETWORK).code == "weights.shape"


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("decoder", None, ""), ("encoder", {"model_type": "telepathy"}, ""), ("heads", 5, "heads must"),
        ("d_model", "wide", "d_model"), ("image_size", 1, "image_size"), ("image_size", 7, "image_size"),
        ("image_size", "224", "image_size"),
        ("retrieved", -1, "retrieved"), ("retrieved", "21", "retrieved"), ("retrieved", True, "retrieved"),
        ("scl", "no", "scl"), ("scl", 1, "scl"), ("metrics", [["l2"]], "metrics"), ("masks_per_layer", 2, "masks_per_"),
        ("label_prior", ["1"] * 14, "label_prior"), ("fcc_weight", "0.5", "fcc_weight"), ("encoder", "resnet", "encoder"),
        ("text", {"vocab_size": "many"}, ""), ("dtype", "telepathy", "telepathy"),
        ("metrics", ["smell"], "metrics must be"), ("thresholds", [0.5] * 13, "thresholds must"),
        ("grid", 14, "grid must be 7"), ("depth_of_field", 3, "no depth_of_field"),
    ],
)  # fmt: skip
def test_config_of_no_network(saved, key, value, word):
    _configure(saved, key, value)
    error = _refused(saved, CONFIG)
    assert error.code == "weights.config" and word in error.message


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_config_that_is_no_json_object(saved, content):
    (saved / CONFIG).write_bytes(content)
    _resign(saved)
    _refused(saved, CONFIG)


@pytest.mark.parametrize("lines", [[*VOCABULARY, "stray"], VOCABULARY[:9] + VOCABULARY[10:], None])
def test_vocabulary_of_another_size_or_no_text(saved, lines):
    (saved / VOCABULARY_FILE).write_bytes(b"\xff\xfe\x00" if lines is None else "\n".join(lines).encode() + b"\n")
    _resign(saved)
    _refused(saved, VOCABULARY_FILE)


def test_manifest_cannot_name_a_file_elsewhere(saved, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"x")
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["files"]["../elsewhere"] = hashlib.sha256(b"x").hexdigest()
    (saved / "manifest.json").write_text(json.dumps(manifest))
    assert _refused(saved, "manifest.json").code == "weights.manifest"


def test_auto_takes_what_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [resolve_device(name) for name in ("auto", "cuda", "cuda:1")] == ["cuda:0", "cuda:0", "cuda:1"]


@pytest.mark.parametrize(("name", "count"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_gpu_that_is_not_there(monkeypatch, name, count):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(UnavailableError, match="cpu") as caught:
        resolve_device(name)
    assert (caught.value.exit_code, caught.value.code) == (69, "device.missing")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cudax", "CPU", "cpu:0", "mps", "cuda:0\n"])
def test_a_name_that_is_no_device(name):
    with pytest.raises(UsageError, match="cuda:i") as caught:
        resolve_device(name)
    assert caught.value.exit_code == 2
