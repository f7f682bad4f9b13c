"""Outlines that the worker computes: the same as at once, and in memory that does not grow."""

from __future__ import annotations

import numpy as np
import psutil
import pytest
import SimpleITK as sitk

from organs_sent import put_organs
from PASTALib.catalog import catalog
from PASTALib.drafting import draft_report
from PASTALib.geometry import Geometry
from PASTALib.gestures.answering import answered
from PASTALib.gestures.marks import Gesture
from PASTALib.gestures.wish import EditableArea, Wish
from PASTALib.region import Region
from PASTALib.worker.client import Worker
from PASTALib.worker.failures import WorkerFailed
from PASTALib.worker.messages import put_image
from PASTALib.worker.wishes import put_wish, take_answer
from report_case import MODEL, a_case

CENTER = (-70.0, -20.0, 180.0)
MANY, WARM, MOST_GROWTH = 30, 10, 12_000_000


@pytest.fixture(scope="module")
def case():
    ct, segmentation = a_case()
    return ct, segmentation, draft_report(ct, segmentation, [], MODEL).model_dump(mode="json")


@pytest.fixture
def worker(case):
    ct, segmentation, report = case
    with Worker() as worker:
        image = put_image(ct.image, worker.folder)
        worker.run("open", {"key": "k", "name": "CT", "image": image})
        organs = put_organs(segmentation.organs, worker.folder)
        worker.run("resume", {"key": "k", "report": report, "organs": organs})
        yield worker


def outlined_in(worker, wish, geometry):
    result = worker.run("outline", {"key": "k", "wish": put_wish(wish, worker.folder)})
    return take_answer(result, worker.folder, geometry)


def test_the_worker_answers_as_at_once_says_why_not_and_its_memory_stays_flat(case, worker):
    ct, segmentation, _ = case
    geometry = Geometry.of(ct.image)
    hu, organs = map(sitk.GetArrayViewFromImage, (ct.image, segmentation.organs))
    lesions = sitk.GetArrayViewFromImage(segmentation.lesions)
    other = Region.of(lesions == catalog().label("kidney_cyst"), geometry)
    area = EditableArea(hu=(-50.0, 200.0), outside=other)
    wish = Wish((Gesture("point", (CENTER,)),), None, [other], area, untyped=True)
    answer = outlined_in(worker, wish, geometry)
    direct = answered(wish, hu, geometry, organs, "portal_venous")
    assert answer.type == direct.type == "liver_tumor"
    assert answer.region.start == direct.region.start
    assert np.array_equal(answer.region.mask, direct.region.mask)

    taken = Gesture("point", ((66.0, 30.0, 120.0),))
    with pytest.raises(WorkerFailed, match="another finding"):
        outlined_in(worker, Wish((taken,), None, [other]), geometry)

    process, before = psutil.Process(worker.process.pid), answer.region
    gestures: tuple[Gesture, ...] = wish.gestures
    for number in range(MANY):
        angle = 0.7 * number
        place = (CENTER[0] + 12 * np.cos(angle), CENTER[1] + 12 * np.sin(angle), CENTER[2])
        gestures = (*gestures, Gesture("point", (place,), inside=number % 3 > 0))
        before = outlined_in(worker, Wish(gestures, before, [other]), geometry).region
        if number == WARM:
            warm = process.memory_info().rss
    assert process.memory_info().rss - warm < MOST_GROWTH
    assert list(worker.folder.iterdir()) == []
