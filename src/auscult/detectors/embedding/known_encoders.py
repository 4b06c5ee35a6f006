"""Public audio encoders that can be exported for `embedding_memory`: licence, rate, size and how to export.

Nothing is shipped or downloaded. The figures are those that the authors publish; licences and addresses can
change, so check them before use.
"""

from __future__ import annotations

from dataclasses import dataclass

_REQUIREMENTS = "pip install torch torchaudio onnx onnxscript"
_FRONTS = "copy fronts.py from docs/how-to/export-an-encoder.md"
_CHECK = (
    "check the file as docs/how-to/export-an-encoder.md describes, "
    "then: auscult fit DIR -o MODEL --set encoder={file}"
)


@dataclass(frozen=True)
class KnownEncoder:
    """A public encoder.

    Attributes:
        name: short name, as in ``auscult encoders NAME``.
        title: network and checkpoint.
        reference: the paper.
        licence: of the weights, and of the code if that differs.
        parameters: millions of parameters of the network, its classifier included.
        sample_rate: of its input, Hz.
        features: columns of the exported output, D.
        frames: what one frame of the exported output is.
        audioset_map: published mean average precision on AudioSet of this checkpoint with its classifier;
            ``None`` for one without a classifier, or not published.
        download: address of the weights.
        steps: how to export it to ONNX, in order.
        measured: whether the export was run with the published weights (see
            docs/results/encoders.md).
    """

    name: str
    title: str
    reference: str
    licence: str
    parameters: float
    sample_rate: int
    features: int
    frames: str
    audioset_map: float | None
    download: str
    steps: tuple[str, ...]
    measured: bool = False


def _recipe(script: str, file: str, *before: str) -> tuple[str, ...]:
    """The steps of an encoder whose export script is in the documentation."""
    return (
        _REQUIREMENTS,
        *before,
        f"{_FRONTS} and {script} into one folder with it",
        f"python {script}, which writes {file}",
        _CHECK.format(file=file),
    )


def _own_export(file: str, code: str, output: str) -> tuple[str, ...]:
    """The steps of an encoder without a script in the documentation."""
    return (
        _REQUIREMENTS,
        f"load the checkpoint with {code}",
        f"wrap it in a module that takes the waveform (B, N) and returns (B, F, D): {output}; replace stft "
        "and other operations without export as fronts.py in docs/how-to/export-an-encoder.md does",
        f"torch.onnx.export to {file}, and write sample_rate into its metadata, as in "
        "docs/how-to/export-an-encoder.md",
        _CHECK.format(file=file),
    )


def _efficientat(name: str, width: str, parameters: float, features: int, precision: float) -> KnownEncoder:
    digits = f"{1000 * precision:.0f}"
    return KnownEncoder(
        name=name,
        title=f"EfficientAT {name}, MobileNetV3 of width {width}",
        reference="Schmid, Koutini & Widmer, ICASSP 2023, arXiv:2211.04772",
        licence="MIT",
        parameters=parameters,
        sample_rate=32_000,
        features=features,
        frames="0.32 s, mean over frequency of the last convolution",
        audioset_map=precision,
        download=f"https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/{name}_mAP_{digits}.pt",
        steps=_recipe(
            "export_efficientat.py",
            f"{name}.onnx",
            "download the weights"
            + ("" if name == "mn04_as" else f", and write {name} instead of mn04_as in the script"),
        ),
        measured=name == "mn04_as",
    )


def _ced(name: str, parameters: float, width: int, precision: float) -> KnownEncoder:
    return KnownEncoder(
        name=name,
        title=f"{name}, vision transformer distilled from an ensemble",
        reference="Dinkel et al., ICASSP 2024, arXiv:2308.11957",
        licence="Apache-2.0 (the training code, RicherMans/CED, is not needed; reported as GPL-3.0)",
        parameters=parameters,
        sample_rate=16_000,
        features=4 * width,
        frames="0.16 s, the patches of its four frequency bands side by side; windows of at most 10 s",
        audioset_map=precision,
        download=f"https://huggingface.co/mispeech/{name}",
        steps=_recipe(
            "export_ced.py",
            "ced.onnx",
            "git clone https://github.com/jimbozhang/hf_transformers_custom_model_ced, and pip install it",
            *(
                []
                if name == "ced-base"
                else [f"write mispeech/{name} instead of mispeech/ced-base in the script"]
            ),
        ),
    )


KNOWN_ENCODERS: tuple[KnownEncoder, ...] = (
    KnownEncoder(
        name="yamnet",
        title="YAMNet, MobileNet v1 (TensorFlow Lite classification model)",
        reference="Plakal & Ellis, github.com/tensorflow/models/tree/master/research/audioset/yamnet",
        licence="Apache-2.0",
        parameters=3.7,
        sample_rate=16_000,
        features=1024,
        frames="0.975 s, the input of its classifier",
        audioset_map=0.306,
        download="https://www.kaggle.com/models/google/yamnet (TFLite, classification-tflite)",
        steps=_recipe(
            "export_yamnet.py", "yamnet.onnx", "pip install tflite", "download the weights as yamnet.tflite"
        ),
        measured=True,
    ),
    _efficientat("mn04_as", "0.4", 0.98, 384, 0.432),
    _efficientat("mn05_as", "0.5", 1.43, 480, 0.443),
    _efficientat("mn10_as", "1.0", 4.88, 960, 0.471),
    _efficientat("mn20_as", "2.0", 17.91, 1920, 0.478),
    _efficientat("mn40_as", "4.0", 68.43, 3840, 0.484),
    _ced("ced-tiny", 5.5, 192, 0.481),
    _ced("ced-mini", 9.6, 256, 0.490),
    _ced("ced-small", 22.0, 384, 0.496),
    _ced("ced-base", 86.0, 768, 0.500),
    KnownEncoder(
        name="beats",
        title="BEATs_iter3, self-supervised transformer",
        reference="Chen et al., ICML 2023, arXiv:2212.09058",
        licence="MIT",
        parameters=90.0,
        sample_rate=16_000,
        features=6144,
        frames="0.16 s, the patches of its eight frequency bands side by side",
        audioset_map=None,
        download="https://github.com/microsoft/unilm/tree/master/beats (links in the README)",
        steps=_recipe(
            "export_beats.py",
            "beats.onnx",
            "git clone https://github.com/microsoft/unilm, and use its folder beats",
            "download BEATs_iter3.pt, not one that is fine-tuned",
        ),
    ),
    KnownEncoder(
        name="eat-base",
        title="EAT-base, 30 epochs, self-supervised transformer",
        reference="Chen et al., IJCAI 2024, arXiv:2401.03497",
        licence="MIT",
        parameters=88.0,
        sample_rate=16_000,
        features=6144,
        frames="0.16 s, the patches of its eight frequency bands side by side",
        audioset_map=None,
        download="https://huggingface.co/worstchan/EAT-base_epoch30_pretrain",
        steps=_own_export(
            "eat.onnx",
            "transformers (AutoModel, trust_remote_code) after reading that code",
            "extract_features of its Kaldi filter bank, without the class token, the patches of one time "
            "step side by side, limited as docs/how-to/export-an-encoder.md says",
        ),
    ),
    KnownEncoder(
        name="dasheng-base",
        title="Dasheng base, masked autoencoder",
        reference="Dinkel et al., Interspeech 2024, arXiv:2406.06992",
        licence="Apache-2.0",
        parameters=86.0,
        sample_rate=16_000,
        features=768,
        frames="0.04 s",
        audioset_map=None,
        download="https://huggingface.co/mispeech/dasheng-base",
        steps=_own_export("dasheng.onnx", "the package dasheng", "the output of its encoder"),
    ),
    KnownEncoder(
        name="cnn14",
        title="PANNs Cnn14",
        reference="Kong et al., IEEE/ACM TASLP 28, 2020, arXiv:1912.10211",
        licence="CC BY 4.0 (code: MIT)",
        parameters=80.8,
        sample_rate=32_000,
        features=2048,
        frames="0.32 s, mean over frequency of the last convolution",
        audioset_map=0.431,
        download="https://zenodo.org/records/3987831 (Cnn14_mAP=0.431.pth)",
        steps=_own_export(
            "cnn14.onnx",
            "github.com/qiuqiangkong/audioset_tagging_cnn",
            "the output of conv_block6, averaged over frequency, before it is pooled over time",
        ),
    ),
    KnownEncoder(
        name="passt",
        title="PaSST-S, passt-s-f128-p16-s10-ap.476, transformer",
        reference="Koutini et al., Interspeech 2022, arXiv:2110.05069",
        licence="Apache-2.0",
        parameters=86.0,
        sample_rate=32_000,
        features=768,
        frames="mean over frequency of the patches of one time step; windows of at most 10 s",
        audioset_map=0.476,
        download="https://github.com/kkoutini/PaSST/releases",
        steps=_own_export(
            "passt.onnx",
            "the package hear21passt",
            "its last norm without the class and distillation tokens, averaged over frequency",
        ),
    ),
    KnownEncoder(
        name="openl3",
        title="OpenL3, environmental sounds, 256 mel bands",
        reference="Cramer et al., ICASSP 2019",
        licence="CC BY 4.0 (code: MIT)",
        parameters=4.7,
        sample_rate=48_000,
        features=512,
        frames="1 s, or less if the module splits its input",
        audioset_map=None,
        download="https://github.com/marl/openl3 (installed with the package)",
        steps=_own_export(
            "openl3.onnx",
            "the package torchopenl3, or openl3 and tf2onnx.convert.from_keras",
            "its embedding of each second",
        ),
    ),
)


def known_encoder(name: str) -> KnownEncoder | None:
    """Return the encoder of this name, or ``None`` if it is not in the table."""
    return next((encoder for encoder in KNOWN_ENCODERS if encoder.name == name), None)
