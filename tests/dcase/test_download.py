"""Zenodo records, planning a download, and executing the plan with a local server."""

from __future__ import annotations

import dataclasses
import io
import os
import socket
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.helpers import time_with_sleep

from auscult.corpus import open_corpus
from auscult.dcase.download import LOCK, download, execute_plan
from auscult.dcase.download_plan import plan_download
from auscult.dcase.zenodo_records import RECORDS, wanted_archives
from auscult.errors import DownloadError, OptionError


def zip_bytes(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def machine_zip(machine: str, kind: str, *, names: list[str], table: str | None = None) -> bytes:
    members = {f"{machine}/{kind}/{name}": os.urandom(2000) for name in names}
    if table:
        members[f"{machine}/attributes_00.csv"] = table.encode()
    return zip_bytes(members)


@pytest.fixture
def year_2024(zenodo):
    """The three records of 2024, with a few machines each."""
    train, test = (
        "section_00_source_train_normal_0000_noAttribute.wav",
        "section_00_source_test_anomaly_0000_.wav",
    )
    zenodo.add_record(
        10902294,
        {f"dev_{m}.zip": machine_zip(m, "train", names=[train]) for m in RECORDS[2024][0].machines},
    )
    zenodo.add_record(
        11259435,
        {
            "eval_data_3DPrinter_train.zip": b"withdrawn",
            "eval_data_3DPrinter_train_r2.zip": machine_zip(
                "3DPrinter", "train", names=[train], table="f,d1p\n"
            ),
            "eval_data_Scanner_train.zip": machine_zip("Scanner", "train", names=[train]),
        },
        licence="cc-by-nc-sa-4.0",
    )
    zenodo.add_record(
        11363076,
        {
            "eval_data_3DPrinter_test.zip": machine_zip(
                "3DPrinter", "test", names=[test], table="f,d1p,d1v\n"
            ),
            "eval_data_Scanner_test.zip": machine_zip("Scanner", "test", names=[test]),
        },
        licence=None,
    )
    return zenodo


def test_records_of_every_year() -> None:
    assert list(RECORDS) == [2020, 2021, 2022, 2023, 2024, 2025, 2026]
    numbers = [record.number for records in RECORDS.values() for record in records]
    assert len(numbers) == len(set(numbers)) == 21
    assert [len(records) for records in RECORDS.values()] == [3] * 7
    assert {len(records[0].machines) for year, records in RECORDS.items() if year > 2020} == {7}


@pytest.mark.parametrize(
    ("year", "index", "machine", "name"),
    [
        (2020, 0, "ToyConveyor", "dev_data_ToyConveyor.zip"),
        (2020, 1, "fan", "eval_data_train_fan.zip"),
        (2020, 2, "fan", "eval_data_test_fan.zip"),
        (2021, 0, "gearbox", "dev_data_gearbox.zip"),
        (2021, 2, "gearbox", "eval_data_gearbox_test.zip"),
        (2022, 0, "bearing", "dev_bearing.zip"),
        (2023, 1, "Vacuum", "eval_data_Vacuum_train.zip"),
        (2024, 1, "RoboticArm", "eval_data_RoboticArm_train_r2.zip"),
        (2025, 2, "ToyRCCar", "eval_data_ToyRCCar_test.zip"),
        (2026, 0, "ToyCar", "dev_ToyCar_r2.zip"),
        (2026, 1, "Sander", "eval_data_Sander_train.zip"),
        (2026, 2, "Sander", "eval_data_Sander_test.zip"),
    ],
)
def test_archive_names(year: int, index: int, machine: str, name: str) -> None:
    record = RECORDS[year][index]
    assert machine in record.machines
    assert record.archive_in(machine, ["other.zip", name]) == name


def test_archive_in_takes_the_latest_revision_and_ignores_similar_names() -> None:
    record = RECORDS[2026][0]
    assert record.archive_in("ToyCar", ["dev_ToyCar_r2.zip", "dev_ToyCar.zip"]) == "dev_ToyCar_r2.zip"
    assert record.archive_in("ToyCar", ["dev_ToyCar_r2.zip", "dev_ToyCar_r10.zip"]) == "dev_ToyCar_r10.zip"
    assert record.archive_in("ToyCar", ["dev_ToyCarEmu.zip", "dev_ToyCar.zip.txt"]) is None


def test_wanted_archives_by_part_and_machine() -> None:
    assert [record.number for record, _ in wanted_archives(2024, part="all")] == [
        10902294,
        11259435,
        11363076,
    ]
    assert [names for _, names in wanted_archives(2024, part="eval", machines=["scanner"])] == [
        ("Scanner",)
    ] * 2
    assert [r.splits for r, _ in wanted_archives(2024, part="all", machines=["fan"])] == ["all"]
    with pytest.raises(OptionError, match=r"no machine scanner in the dev data of 2024; available: bearing"):
        wanted_archives(2024, machines=["Scanner"])
    with pytest.raises(OptionError, match="2019; available years: 2020, 2021"):
        wanted_archives(2019)
    with pytest.raises(OptionError, match="dev, eval or all"):
        wanted_archives(2024, part="test")  # type: ignore[arg-type]


def test_the_plan_states_size_disk_space_and_licence_and_writes_nothing(year_2024, tmp_path: Path) -> None:
    plan = plan_download(2024, tmp_path / "data", part="eval", machines=["3DPrinter"], base_url=year_2024.url)
    assert "labels of the evaluation clips from https://raw.githubusercontent.com/nttcslab/" in str(plan)
    assert [archive.name for archive in plan.archives] == [
        "eval_data_3DPrinter_train_r2.zip",
        "eval_data_3DPrinter_test.zip",
    ]
    assert plan.to_fetch == sum(archive.size for archive in plan.archives) > 0
    assert plan.disk_needed > plan.to_fetch
    assert plan.disk_free > 0
    assert plan.licences == ("cc-by-nc-sa-4.0",)
    assert "2 archives" in str(plan)
    assert "licence: cc-by-nc-sa-4.0" in str(plan)
    assert "GB free" in str(plan)
    assert os.listdir(tmp_path) == []


def test_downloads_into_the_year_layout(year_2024, tmp_path: Path) -> None:
    steps: list[tuple] = []
    folders = download(
        2024,
        tmp_path,
        part="eval",
        machines=["3DPrinter", "Scanner"],
        base_url=year_2024.url,
        labels=False,
        progress=lambda *step: steps.append(step),
    )
    raw = tmp_path / "dcase2024t2" / "eval_data" / "raw"
    assert folders == [str(raw / "3DPrinter"), str(raw / "Scanner")]
    corpus = open_corpus(tmp_path)
    assert corpus.machines == ("3DPrinter", "Scanner")
    assert [(c.split, c.condition) for c in corpus.where(machine="Scanner")] == [
        ("train", "normal"),
        ("test", "anomaly"),
    ]
    assert sorted(os.listdir(raw / "3DPrinter")) == [
        "attributes_00.csv", "attributes_00_eval_data_3DPrinter_test.csv", "test", "train",
    ]  # fmt: skip
    downloads = set(os.listdir(tmp_path / "dcase2024t2" / "downloads")) - {LOCK}
    assert all(name.endswith(".done") for name in downloads)
    last = {name: (done, total) for name, done, total, _ in steps}
    assert set(last) == {a[0].rsplit("/", 1)[1] for a in year_2024.requests if "/files/" in a[0]}
    assert all(done == total for done, total in last.values())


def test_finished_archives_are_not_fetched_again(year_2024, tmp_path: Path) -> None:
    first = download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    year_2024.requests.clear()
    assert download(2024, tmp_path, machines=["fan", "valve"], base_url=year_2024.url) == [
        *first,
        first[0].replace("fan", "valve"),
    ]
    assert [path for path, _ in year_2024.requests] == [
        "/api/records/10902294",
        "/records/10902294/files/dev_valve.zip",
    ]
    plan = plan_download(2024, tmp_path, machines=["fan", "valve"], base_url=year_2024.url)
    assert (plan.to_fetch, plan.disk_needed) == (0, 0)
    assert "2 already done; 0 kB to download" in str(plan)


def test_a_revised_archive_is_fetched_again(year_2024, tmp_path: Path) -> None:
    folder = Path(download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)[0])
    year_2024.add_record(
        10902294, {"dev_fan.zip": machine_zip("fan", "train", names=["section_00_0001.wav"])}
    )
    download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    assert (folder / "train" / "section_00_0001.wav").exists()


def test_a_deleted_folder_is_downloaded_again(year_2024, tmp_path: Path) -> None:
    folder = Path(download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)[0])
    folder.rename(tmp_path / "elsewhere")
    download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    assert len(list((folder / "train").iterdir())) == 1


def test_a_clip_that_was_deleted_is_downloaded_again(year_2024, tmp_path: Path) -> None:
    folder = Path(download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)[0])
    (clip,) = (folder / "train").iterdir()
    clip.unlink()
    plan = plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    assert plan.to_fetch > 0
    assert f"dev_fan.zip: 1 of the unpacked files are missing from {folder}" in str(plan)
    execute_plan(plan)
    assert clip.exists()
    assert plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url).to_fetch == 0


def test_two_downloads_into_one_folder_take_turns(year_2024, tmp_path: Path) -> None:
    plan = plan_download(2024, tmp_path, base_url=year_2024.url)
    year_2024.requests.clear()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: execute_plan(plan), range(4)))
    assert len(year_2024.requests) == len(plan.archives)
    assert len(open_corpus(tmp_path)) == len(plan.archives)


def test_a_record_that_has_moved_is_followed(year_2024, tmp_path: Path) -> None:
    year_2024.files["/api/records/1"] = year_2024.files.pop("/api/records/10902294")
    year_2024.moved["/api/records/10902294"] = "/api/records/1"
    assert download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)


def test_declining_fetches_nothing(year_2024, tmp_path: Path) -> None:
    shown = []
    assert (
        download(2024, tmp_path, base_url=year_2024.url, confirm=lambda plan: bool(shown.append(plan))) == []
    )
    assert len(shown[0].archives) == 7
    assert [path for path, _ in year_2024.requests] == ["/api/records/10902294"]
    assert os.listdir(tmp_path) == []


def test_a_broken_connection_is_resumed(year_2024, tmp_path: Path) -> None:
    year_2024.break_after = [500, None]
    plan = plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    execute_plan(plan, backoff=0.001)
    assert year_2024.requests[-1][1] == "bytes=500-"
    assert len(open_corpus(tmp_path)) == 1


def test_the_plan_subtracts_bytes_already_fetched(year_2024, tmp_path: Path) -> None:
    plan = plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    part = Path(plan.archives[0].path + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 700)
    assert (
        plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url).to_fetch
        == plan.to_fetch - 700
    )


def test_an_unsafe_archive_leaves_no_machine_folder(year_2024, tmp_path: Path) -> None:
    year_2024.add_record(
        10902294, {"dev_fan.zip": zip_bytes({"fan/train/a.wav": b"1", "../../evil.wav": b"2"})}
    )
    with pytest.raises(DownloadError, match="outside the target folder"):
        download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    assert not (tmp_path / "dcase2024t2" / "dev_data").exists()
    assert not list(tmp_path.rglob("evil.wav"))
    assert set(os.listdir(tmp_path / "dcase2024t2" / "downloads")) == {LOCK, "dev_fan.zip"}


def test_an_archive_without_split_folders_is_refused(year_2024, tmp_path: Path) -> None:
    year_2024.add_record(10902294, {"dev_fan.zip": zip_bytes({"fan/readme.txt": b"1"})})
    with pytest.raises(DownloadError, match="contains none of the folders train, test"):
        download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)


def test_an_archive_without_a_machine_folder_is_accepted(year_2024, tmp_path: Path) -> None:
    year_2024.add_record(10902294, {"dev_fan.zip": zip_bytes({"train/a.wav": b"1", "test/b.wav": b"1"})})
    (folder,) = download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    assert sorted(os.listdir(folder)) == ["test", "train"]


def test_not_enough_disk_space(year_2024, tmp_path: Path) -> None:
    plan = plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    with pytest.raises(DownloadError, match="not enough disk space"):
        execute_plan(dataclasses.replace(plan, disk_free=plan.disk_needed - 1))
    assert os.listdir(tmp_path) == []


def test_a_record_without_the_archive(year_2024, tmp_path: Path) -> None:
    year_2024.add_record(10902294, {"readme.txt": b""})
    with pytest.raises(DownloadError, match=r"no file dev_fan\.zip; available: readme\.txt"):
        plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)


@pytest.mark.parametrize("response", [b"[]", b'{"files": 3}', b'{"files": [{"key": "a"}]}', b"<html>"])
def test_an_invalid_record_is_an_error(year_2024, tmp_path: Path, response: bytes) -> None:
    year_2024.files["/api/records/10902294"] = response
    with pytest.raises(DownloadError, match=r"not a Zenodo record|not JSON") as caught:
        plan_download(2024, tmp_path, base_url=year_2024.url)
    assert caught.value.path == f"{year_2024.url}/api/records/10902294"


def test_only_http_addresses_are_accepted(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="https://"):
        plan_download(2024, tmp_path, base_url="file:///etc")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("auscult.dcase.transfer.time", time_with_sleep(lambda _: None))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_without_network_the_error_explains_the_manual_download(no_network: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        plan_download(2024, tmp_path, machines=["fan", "valve"], base_url=no_network)
    assert caught.value.path == f"{no_network}/api/records/10902294"
    assert "refused" in caught.value.reason
    assert (
        "dev_fan.zip, dev_valve.zip manually from https://zenodo.org/records/10902294" in caught.value.reason
    )
    assert str(tmp_path / "dcase2024t2" / "downloads") in caught.value.reason


def test_manual_downloads_need_no_network_and_are_not_deleted(no_network: str, tmp_path: Path) -> None:
    downloads = tmp_path / "dcase2024t2" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "dev_fan.zip").write_bytes(machine_zip("fan", "train", names=["section_00_0001.wav"]))
    (folder,) = download(2024, tmp_path, machines=["fan"], base_url=no_network)
    assert os.listdir(os.path.join(folder, "train")) == ["section_00_0001.wav"]
    assert (downloads / "dev_fan.zip").exists()
    (downloads / "dev_fan.zip").unlink()
    assert plan_download(2024, tmp_path, machines=["fan"], base_url=no_network).archives[0].done


def test_manual_downloads_are_verified_if_the_record_is_reachable(year_2024, tmp_path: Path) -> None:
    plan = plan_download(2024, tmp_path, machines=["fan"], base_url=year_2024.url)
    path = Path(plan.archives[0].path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * plan.archives[0].size)
    execute_plan(plan)
    assert len(open_corpus(tmp_path)) == 1
