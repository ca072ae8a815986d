"""The demo of painting, shortened."""

from PIL import Image

from painting import demo


def test_a_drawn_face_is_painted_in_both_manners(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "LTP_STROKES", 5)
    monkeypatch.setattr(demo, "IST_STROKES", 8)
    monkeypatch.setattr(demo, "CANVAS", 24)
    monkeypatch.setattr(demo, "SIDE", 64)
    said: list[str] = []
    assert demo.demo(tmp_path, 1, said.append) == 0
    for method, strokes in (("ltp", 5), ("ist", 8)):
        assert any(line.startswith(f"{tmp_path / method / 'face'}: {strokes} strokes") for line in said)
        with Image.open(tmp_path / method / "face/sheet.png") as sheet:
            assert sheet.size == (1392, 392)
        assert (tmp_path / method / "face/painting.gif").stat().st_size > 10_000
