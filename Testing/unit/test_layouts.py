"""What the layouts write, those for whom they are can read; and published samples are read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTAGenLib.layouts.classes import ClassList
from PASTAGenLib.layouts.pastagen import EDGE, ROOM, folder_of, total_table
from PASTAGenLib.layouts.pastagen_reader import find_samples, read_sample, read_type_json
from PASTAGenLib.production.cli import SUCCESS, main
from PASTAGenLib.production.produced import read_records
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from production_case import write_recipe

LESIONS = [
    {"type": "kidney_tumor", "count": 1, "long_axis_mm": 22},
    {"type": "liver_cyst", "count": 1, "long_axis_mm": 18, "density": "Hypodense"},
]


def made(folder: Path, layout: str) -> Path:
    path = write_recipe(folder, layout=layout, lesions=LESIONS)
    assert main([str(path), "-o", str(folder / "out"), "-q"]) == SUCCESS
    return folder / "out"


@pytest.fixture(scope="module")
def pastagen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("pastagen"), "pastagen")


def test_folders_are_named_as_published():
    assert folder_of("gallstone") == "Gall/Stone"
    assert folder_of("gallbladder_cancer") == "Gall/Tumor"
    assert folder_of("liver_cyst") == "Liver/Cyst"
    assert folder_of("lung_tumor") == "Lung/Tumor"
    assert len({folder_of(kind) for kind in catalog().lesion_types}) == 15


def test_a_sample_has_the_published_files_size_and_axes(pastagen):
    folders = list(find_samples(pastagen))
    assert [f.relative_to(pastagen).as_posix() for f in folders] == [
        "Kidney/Tumor/1",
        "Liver/Cyst/1",
    ]
    for folder in folders:
        names = {"img.nii.gz", "label.nii.gz", "total.nii.gz", "type.json"}
        assert {path.name for path in folder.iterdir()} == names
        for name in sorted(names - {"type.json"}):
            image = sitk.ReadImage(str(folder / name))
            assert image.GetSize() == (EDGE, EDGE, EDGE)
            assert image.GetSpacing() == (1, 1, 1)
            assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)


def test_a_sample_comes_back_as_ct_organs_lesion_and_report(pastagen):
    records = {record.name: record for record in read_records(pastagen / "records").values()}
    for kind in ("kidney_tumor", "liver_cyst"):
        sample = read_sample(pastagen / folder_of(kind) / "1")
        assert sample.type == kind
        (truth,) = records[f"{kind}_0001"].truths
        lesion = sitk.GetArrayFromImage(sample.lesion) > 0
        assert lesion.sum() == pytest.approx(truth["volume_mm3"], rel=0.1)
        places = np.argwhere(lesion)
        middle = Geometry.of(sample.lesion).points_of_zyx(places.mean(axis=0))
        assert np.allclose(middle, truth["center"], atol=1.0)
        hu = sitk.GetArrayFromImage(sample.ct)[lesion]
        assert hu.mean() == pytest.approx(truth["mean_hu"], abs=8)

        (reported,) = sample.report
        assert reported.structure == truth["structure"]
        assert np.allclose(reported.centers[0], places.mean(axis=0), atol=0.51)
        assert np.allclose(
            np.multiply(2, reported.semi_axes[0]), np.ptp(places, axis=0) + 1, atol=1
        )
        assert reported.pasta == truth["attributes"]
        assert reported.attributes["enhancement status"] == "enhanced CT"
        assert reported.attributes["origin"].startswith("SYNTHETIC")
        organs = sitk.GetArrayFromImage(sample.organs)
        assert catalog().label(truth["structure"]) in organs[lesion]


def test_label_is_one_in_the_organ_and_two_in_the_lesion(pastagen):
    folder = pastagen / "Kidney/Tumor/1"
    label, total = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{name}.nii.gz")))
        for name in ("label", "total")
    )
    assert set(np.unique(label)) == {0, 1, 2}
    assert set(np.unique(total[label == 1])) <= {2, 3}  # TotalSegmentator v1: right and left kidney


def test_the_lesion_is_away_from_the_faces_of_the_cube(pastagen):
    for folder in find_samples(pastagen):
        places = np.argwhere(sitk.GetArrayFromImage(read_sample(folder).lesion) > 0)
        assert places.min() >= ROOM - 1
        assert places.max() <= EDGE - ROOM


def test_numbers_of_total_are_those_of_totalsegmentator_v1():
    table, label = total_table(), catalog().label
    assert table[label("liver")] == 5
    assert table[label("urinary_bladder")] == 104
    assert table[label("vertebra_L5")] == 18
    assert table[label("lung_right")] == 15  # not split into lobes: the first of them
    assert table[0] == 0


@pytest.mark.parametrize(
    ("name", "structure", "center", "semi_axes", "shape"),
    [
        ("Liver_cancer", "liver", (261, 179, 107), (28, 29, 26), "irregular"),
        (
            "Bladder_cancer",
            "urinary_bladder",
            (76, 191, 146),
            (23, 18, 24),
            "round-like,protrusion into the lumen",
        ),
    ],
)
def test_published_samples_are_read(shared_data, name, structure, center, semi_axes, shape):
    sample = read_sample(shared_data("anatomy_labels"), f"pastagen_{name}_")
    assert sample.ct is None
    (reported,) = sample.report
    assert reported.structure == structure
    assert reported.centers == (center,)
    assert reported.semi_axes == (semi_axes,)
    assert reported.attributes["shape"] == shape
    lesion = sitk.GetArrayFromImage(sample.lesion) > 0
    organs = sitk.GetArrayFromImage(sample.organs)
    assert lesion[center]
    assert set(organs[lesion]) == {catalog().label(structure)}
    half = (np.ptp(np.argwhere(lesion), axis=0) + 1) / 2
    assert np.allclose(half, semi_axes, rtol=0.25)


def test_a_report_of_attributes_only_is_read(tmp_path):
    (tmp_path / "type.json").write_text(json.dumps({"5": {"Shape": "Irregular"}}))
    (reported,) = read_type_json(tmp_path / "type.json")
    assert reported.structure == "liver"
    assert reported.pasta == {"shape": "Irregular"}
    assert reported.centers == ()


@pytest.mark.parametrize("text", [None, "{", '{"x": {}}', '{"5": [1]}', "[]"])
def test_a_file_that_is_no_report_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "type.json").write_text(text)
    with pytest.raises(PastaError, match="no report of PASTA-Gen"):
        read_type_json(tmp_path / "type.json")


def test_nnunet_finds_a_dataset_of_its_own_form(tmp_path):
    root = made(tmp_path, "nnunet") / "Dataset501_Phantoms"
    facts = json.loads((root / "dataset.json").read_text(encoding="utf-8"))
    assert facts["labels"] == {
        "background": 0, "liver": 1, "kidney": 2, "liver_cyst": 3, "kidney_tumor": 4,
    }  # fmt: skip
    assert facts["numTraining"] == 2
    assert facts["file_ending"] == ".nii.gz"
    for name, organ in (("kidney_tumor", 2), ("liver_cyst", 1)):
        image = sitk.ReadImage(str(root / "imagesTr" / f"{name}_0001_0000.nii.gz"))
        labels = sitk.ReadImage(str(root / "labelsTr" / f"{name}_0001.nii.gz"))
        assert image.GetSize() == labels.GetSize()
        assert np.allclose(image.GetDirection(), labels.GetDirection())
        found = sitk.GetArrayFromImage(labels)
        assert {organ, facts["labels"][name]} <= set(np.unique(found))


def test_nnunet_accepts_the_dataset(tmp_path):
    pytest.importorskip("nnunetv2")
    root = made(tmp_path, "nnunet") / "Dataset501_Phantoms"
    # In a process of its own: nnU-Net forks, and a fork of this one, with its threads, may hang.
    program = (
        "import sys; from nnunetv2.experiment_planning import verify_dataset_integrity as check; "
        "check.verify_dataset_integrity(sys.argv[1], num_processes=1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_monai_reads_the_datalist(tmp_path):
    monai = pytest.importorskip("monai.data")
    out = made(tmp_path, "monai")
    items = monai.load_decathlon_datalist(str(out / "datalist.json"), data_list_key="training")
    assert len(items) == 2
    for item in items:
        for key in ("image", "label", "organs"):
            assert Path(item[key]).is_file()


def test_classes_are_consecutive_and_lesions_lie_over_organs():
    classes = ClassList.of(["kidney_stone", "liver_tumor"])
    assert classes.names == ("background", "liver", "kidney", "liver_tumor", "kidney_stone")
    organs = np.zeros((1, 1, 4), np.uint8)
    organs[..., 1:] = [catalog().label(k) for k in ("liver", "kidney_left", "spleen")]
    lesions = np.zeros_like(organs)
    lesions[..., 2] = catalog().label("kidney_stone")
    merged = classes.merged(sitk.GetImageFromArray(organs), sitk.GetImageFromArray(lesions))
    assert sitk.GetArrayFromImage(merged).ravel().tolist() == [0, 1, 4, 0]
