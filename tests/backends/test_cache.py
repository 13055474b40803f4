"""Where this machine keeps what may be made again."""

import os

from memalign_bench.backends.cache import make_room


def test_what_was_used_last_stays(tmp_path):
    for age in range(6):
        path = tmp_path / f"used_{age}_hours_ago"
        path.write_bytes(b"1234567890")
        os.utime(path, (0, -3600 * age))
    make_room(tmp_path, 60)
    assert len(list(tmp_path.iterdir())) == 6
    make_room(tmp_path, 59)
    # Two thirds of the limit hold three files of ten bytes.
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"used_{age}_hours_ago" for age in range(3)
    ]


def test_room_is_made_though_a_file_is_gone_before_it_is_looked_at(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    (tmp_path / "there").write_bytes(b"1234567890")
    make_room(tmp_path, 9)
    assert not (tmp_path / "there").exists()
