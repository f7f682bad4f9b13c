"""What a reader does in the panel of PASTA, for tests."""

from __future__ import annotations

import numpy as np

PATIENCE_S = 120.0


def cells(panel, column: int) -> list[str]:
    table = panel.ui.findingsTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


def choose(panel, row: int) -> None:
    panel.ui.findingsTable.selectRow(row)


def draw_ball(panel, finding_id: str, center: tuple, radius: float) -> None:
    """As an effect of the segment editor: the voxels of the segment change."""
    from PASTALib.mrml.labelmaps import put_region
    from PASTALib.mrml.volumes import grid_of
    from PASTALib.region import Region

    grid = grid_of(panel.desk.nodes.volume)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid.points_of_zyx(index) - np.array(center), axis=-1)
    put_region(panel.desk.nodes.lesions, finding_id, Region.of(distance <= radius, grid))


def measured(host, panel) -> None:
    """Wait until what was drawn is measured."""
    host.process_events()
    host.process_events(
        lambda: (
            not (panel.desk.outlining or panel.desk.pending or panel.correction._still.isActive())
        ),
        PATIENCE_S,
    )


def holds(panel, finding_id: str, point: tuple) -> bool:
    """Whether an outline holds a point (RAS mm)."""
    from PASTALib.mrml.volumes import grid_of

    grid, region = grid_of(panel.desk.nodes.volume), panel.desk.regions[finding_id]
    index = np.round(grid.indices_zyx((-point[0], -point[1], point[2]))).astype(int)
    return bool(region.within(index, (1, 1, 1))[0, 0, 0])


def slice_view(name: str):
    """A slice view by its name, such as ``Red``."""
    import slicer

    return slicer.app.layoutManager().sliceWidget(name).sliceView()


def pixel(view, point: tuple) -> tuple[int, int]:
    """Where in a slice view a point (RAS mm) is, from the upper left."""
    x, y, _ = view.convertRASToXYZ(point)
    return round(x), round(view.height - 1 - y)
