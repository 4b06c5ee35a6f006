"""The ground truth that the organisers publish is fetched with the evaluation data."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from auscult.corpus import open_corpus
from auscult.dcase.download import download
from auscult.dcase.ground_truth import read_ground_truth
from auscult.dcase.published_labels import LABEL_SOURCES
from auscult.dcase.zenodo_records import RECORDS
from auscult.errors import DownloadError


def archive(machine: str, names: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in names:
            file.writestr(f"{machine}/{name}", b"RIFF")
    return out.getvalue()


def publish(server, year: int, machine: str, *, train: list[str], test: list[str]) -> None:
    """Publish the evaluation data of one machine."""
    for record, names in zip(RECORDS[year][1:], (train, test), strict=True):
        server.add_record(
            record.number, {f"{record.pattern.format(machine=machine)}.zip": archive(machine, names)}
        )


def publish_labels(server, year: int, files: dict[str, str]) -> None:
    source = LABEL_SOURCES[year]
    for path, content in files.items():
        server.files[f"/{source.repository}/{source.revision}/{path}"] = content.encode()


def fetch(server, year: int, machine: str, to: Path) -> Path:
    """Download the evaluation data and return its folder."""
    download(year, to, machines=[machine], part="eval", base_url=server.url, labels_url=server.url)
    return to / f"dcase{year}t2" / "eval_data"


def test_hidden_names_of_2024_get_labels_domains_and_true_attributes(zenodo, tmp_path: Path) -> None:
    publish(
        zenodo,
        2024,
        "AirCompressor",
        train=["train/section_00_source_train_normal_0000_noAttribute.wav"],
        test=["test/section_00_0001.wav", "test/section_00_0002.wav"],
    )
    name = "ground_truth_AirCompressor_section_00_test.csv"
    publish_labels(
        zenodo,
        2024,
        {
            f"ground_truth_data/{name}": "section_00_0001.wav,0\r\nsection_00_0002.wav,1\r\n",
            f"ground_truth_domain/{name}": "section_00_0001.wav,0\r\nsection_00_0002.wav,1\r\n",
            f"ground_truth_attributes/{name}": (
                "section_00_0001.wav,section_00_source_test_normal_0001_noAttribute,"
                "section_00_source_test_normal_0001_fl_2_nos_3.wav\n"
                "section_00_0002.wav,section_00_target_test_anomaly_0002_noAttribute,"
                "section_00_target_test_anomaly_0002_fl_0_nos_1.wav\n"
            ),
        },
    )
    folder = fetch(zenodo, 2024, "AirCompressor", tmp_path)
    (truth,) = read_ground_truth(folder / "ground_truth").values()
    assert truth.labelled["section_00_0002.wav"] == (
        "section_00_target_test_anomaly_0002_noAttribute.wav",
        "section_00_target_test_anomaly_0002_fl_0_nos_1.wav",
    )
    clips = open_corpus(folder / "raw" / "AirCompressor").where(split="test")
    assert [(c.condition, c.domain, c.attributes["fl"], c.attributes["nos"]) for c in clips] == [
        ("normal", "source", "2", "3"),
        ("anomaly", "target", "0", "1"),
    ]
    zenodo.requests.clear()
    fetch(zenodo, 2024, "AirCompressor", tmp_path)
    assert not any("ground_truth" in path for path, _ in zenodo.requests)  # they are there already


def test_2021_has_a_file_for_each_domain_and_no_attributes(zenodo, tmp_path: Path) -> None:
    clips = [f"section_03_{domain}_test_000{i}.wav" for domain in ("source", "target") for i in (0, 1)]
    publish(
        zenodo,
        2021,
        "fan",
        train=["train/section_03_source_train_normal_0000_strength_1.wav"],
        test=[f"{clip.split('_')[2]}_test/{clip}" for clip in clips],
    )
    files = {
        f"ground_truth_data/ground_truth_fan_section_{section}_{domain}_test.csv": "".join(
            f"{clip.replace('_03_', f'_{section}_')},{i % 2}\n"
            for i, clip in enumerate(clips)
            if domain in clip
        )
        for section in ("03", "04", "05")
        for domain in ("source", "target")
    }
    publish_labels(zenodo, 2021, files)
    folder = fetch(zenodo, 2021, "fan", tmp_path)
    labelled = open_corpus(folder / "raw" / "fan").where(split="test")
    assert [(c.domain, c.condition) for c in labelled] == [
        ("source", "normal"), ("source", "anomaly"), ("target", "normal"), ("target", "anomaly"),
    ]  # fmt: skip


def test_the_list_of_2020_is_converted(zenodo, tmp_path: Path) -> None:
    publish(
        zenodo,
        2020,
        "fan",
        train=["train/normal_id_01_00000000.wav"],
        test=["test/id_01_00000000.wav", "test/id_03_00000001.wav"],
    )
    zenodo.files["/records/3951620/files/eval_data_list.csv"] = (
        b"fan\nid_01_00000000.wav,normal_id_01_00000000.wav,0\nid_03_00000001.wav,anomaly_id_03_00000000.wav,1\n"
        b"pump\nid_01_00000000.wav,anomaly_id_01_00000000.wav,1\n"
    )
    folder = fetch(zenodo, 2020, "fan", tmp_path)
    assert set(read_ground_truth(folder / "ground_truth")) == {("fan", "01"), ("fan", "03"), ("pump", "01")}
    clips = open_corpus(folder / "raw" / "fan").where(split="test")
    assert [(c.section, c.condition) for c in clips] == [("01", "normal"), ("03", "anomaly")]


def test_missing_labels_are_an_error_after_the_recordings(zenodo, tmp_path: Path) -> None:
    publish(zenodo, 2023, "shaker", train=["train/a.wav"], test=["test/section_00_0000.wav"])
    with pytest.raises(DownloadError, match=r"404.*The recordings are complete; only their labels"):
        fetch(zenodo, 2023, "shaker", tmp_path)
    assert (tmp_path / "dcase2023t2/eval_data/raw/shaker/test/section_00_0000.wav").exists()


def test_2026_has_no_published_labels(zenodo, tmp_path: Path) -> None:
    publish(zenodo, 2026, "Sander", train=["train/a.wav"], test=["test/section_00_0000.wav"])
    folder = fetch(zenodo, 2026, "Sander", tmp_path)
    assert not (folder / "ground_truth").exists()
