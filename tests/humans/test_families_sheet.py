"""The picture of the pose families has them all, and is the same for a seed."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

pytest.importorskip("anny")
pytest.importorskip("numba")

from deocc_aug.humans import families_sheet as sheet


@pytest.mark.slow
def test_five_people_of_each_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "SIZE", (48, 36))
    sheet.main(["--out", str(tmp_path / "families.jpg")])
    picture = cv2.imread(str(tmp_path / "families.jpg"))
    assert picture is not None and picture.shape == (5 * (48 + sheet.TITLE + sheet.GAP), 2 * 5 * 36 + sheet.GAP, 3)
    strips = [picture[k // 2 * 78 + sheet.TITLE:k // 2 * 78 + sheet.TITLE + 48, k % 2 * 188:k % 2 * 188 + 180] for k in range(10)]
    assert all(strip.std() > 20 for strip in strips)
