"""The recorder as one more subscriber: which journals open and close, and that fences hold for the disk too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media import rtcp
from media.messages import WriteFailed
from media.tracks import Track
from media.types import PublishedMedia
from tests.support.media import (
    H264,
    IN_IDS,
    OPUS,
    VP8,
    MemoryTrack,
    Sender,
    World,
    camera,
    member,
    microphone,
    parse,
    rtx_of,
)

BOTH = (member("an"), member("binh"))


def tracks(world: World) -> dict[tuple[str, str, int], MemoryTrack]:
    return {(track.info.participant, track.info.source, track.info.part): track for track in world.recorder.tracks}


def test_a_track_opens_with_its_first_packet_and_holds_what_arrived(
    world: World, sound: Sender, picture: Sender
) -> None:
    world.apply(record="full", part=1)
    assert world.recorder.tracks == []
    first = sound.sound(b"sound")
    world.send("peer-an", first)
    key = picture.key()
    world.send("peer-an", key)
    found = tracks(world)
    assert set(found) == {("an", "mic", 1), ("an", "camera", 1)}
    assert found["an", "mic", 1].packets == [first]
    assert found["an", "camera", 1].packets == [key]
    info = found["an", "camera", 1].info
    assert (info.session, info.epoch, info.codec, info.extensions) == ("s", 1, VP8, IN_IDS)


def test_the_recorder_asks_for_a_key_frame_at_its_start_and_every_ten_seconds(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    world.run(1)
    world.feedback("peer-an")
    world.apply(record="full", part=1)
    world.run(0.2)
    assert world.plis("peer-an") == 1
    world.send("peer-an", picture.key())
    asked = 0
    for _ in range(600):
        world.send("peer-an", picture.delta())
        world.received("peer-binh")
        world.run(0.05)
        if world.plis("peer-an"):
            asked += 1
            world.send("peer-an", picture.key())
    assert asked in (2, 3)


def test_sound_only_and_protected_points(world: World, sound: Sender, picture: Sender) -> None:
    world.apply(record="sound", part=1)
    world.send("peer-an", sound.sound())
    world.send("peer-an", picture.key())
    assert set(tracks(world)) == {("an", "mic", 1)}
    world.apply(record="full", members=(member("an", record=False), member("binh")))
    world.send("peer-an", sound.sound())
    world.send("peer-an", picture.key())
    assert set(tracks(world)) == {("an", "mic", 1)}
    assert world.recorder.tracks[0].closed and len(world.recorder.tracks[0].packets) == 1


def test_nothing_that_must_not_be_heard_is_written(world: World, sound: Sender) -> None:
    before = sound.sound(b"before the record")
    lost_before = sound.sound(b"late, from before the record")
    world.send("peer-an", before)
    world.apply(record="full", part=1)
    world.send("peer-an", lost_before)
    sound.pause(0.2)
    world.send("peer-an", sound.sound(b"1"))
    world.apply(members=(member("an", muted=("mic",)), member("binh")))
    world.send("peer-an", sound.sound(b"muted"))
    lost_muted = sound.sound(b"lost while muted")
    world.send("peer-an", sound.sound(b"muted"))
    world.apply(members=BOTH)
    world.send("peer-an", lost_muted)
    sound.pause(0.2)
    world.send("peer-an", sound.sound(b"2"))
    world.apply(state="paused")
    world.send("peer-an", sound.sound(b"paused"))
    world.apply(state="running")
    sound.pause(0.2)
    world.send("peer-an", sound.sound(b"3"))
    world.apply(record="off")
    world.send("peer-an", sound.sound(b"off"))
    (track,) = world.recorder.tracks
    assert track.payloads == [b"1", b"2", b"3"]
    assert track.marks == ["mute", "unmute", "pause", "resume"]
    assert track.closed


def test_a_new_part_starts_new_journals(world: World, sound: Sender) -> None:
    world.apply(record="full", part=1)
    world.send("peer-an", sound.sound(b"one"))
    world.apply(part=2)
    sound.pause(0.2)
    world.send("peer-an", sound.sound(b"two"))
    found = tracks(world)
    assert found["an", "mic", 1].closed and found["an", "mic", 1].payloads == [b"one"]
    assert not found["an", "mic", 2].closed and found["an", "mic", 2].payloads == [b"two"]


def test_retransmissions_are_written_unwrapped_and_once(world: World, picture: Sender) -> None:
    world.apply(record="full", part=1)
    world.send("peer-an", picture.key())
    lost = picture.delta()
    world.send("peer-an", picture.delta())
    world.send("peer-an", rtx_of(lost, 201, 97, 1))
    world.send("peer-an", rtx_of(lost, 201, 97, 2))
    (track,) = world.recorder.tracks
    written = [parse(packet) for packet in track.packets]
    assert [packet.seq for packet in written] == [1000, 1002, 1001]
    original = parse(lost)
    assert written[2] == replace(original, extensions={})


def test_a_device_that_comes_back_goes_on_in_the_same_journal(world: World, sound: Sender) -> None:
    world.apply(record="full", part=1)
    world.send("peer-an", sound.sound(b"1"))
    world.relay.detach("peer-an", "publish", world.now)  # type: ignore[arg-type]
    world.apply(members=(member("an", peer="other-device"), member("binh")))
    world.publish("other-device", microphone(ssrc=800))
    world.send("other-device", Sender(800, OPUS).sound(b"2"))
    (track,) = world.recorder.tracks
    assert track.payloads == [b"1", b"2"] and not track.closed
    assert track.marks == ["silent", "live", "new_ssrc"]


def test_another_codec_begins_another_journal(world: World) -> None:
    world.apply(record="full", part=1)
    world.send("peer-an", Sender(200, VP8).key())
    world.publish("peer-an", camera(ssrc=300, codec=H264))
    world.send("peer-an", Sender(300, H264).packet(b"\x67sps"))
    first, second = world.recorder.tracks
    assert first.closed and (first.info.codec, second.info.codec) == (VP8, H264)
    assert second.info.part == 1


def test_sender_reports_reach_the_journal(world: World, sound: Sender) -> None:
    world.apply(record="full", part=1)
    world.send("peer-an", sound.sound())
    buffer = bytearray(28)
    rtcp.write_sender_report(buffer, 0, 100, 5 << 32, 77, 1, 1)
    world.send_rtcp("peer-an", "publish", bytes(buffer))
    assert world.recorder.tracks[0].reports == [(5 << 32, 77)]


def test_a_report_that_came_before_the_record_is_written_at_its_start(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound())
    buffer = bytearray(28)
    rtcp.write_sender_report(buffer, 0, 100, 5 << 32, 77, 1, 1)
    world.send_rtcp("peer-an", "publish", bytes(buffer))
    world.apply(record="full", part=1)
    sound.pause(0.2)
    world.send("peer-an", sound.sound())
    assert world.recorder.tracks[0].reports == [(5 << 32, 77)]


def test_closing_a_session_closes_its_journals_only(world: World, sound: Sender) -> None:
    world.apply(record="full", part=1)
    world.send("peer-an", sound.sound())
    world.apply("other", record="full", part=1, members=(member("chi"),))
    world.publish("peer-chi", microphone(ssrc=900))
    world.send("peer-chi", Sender(900, OPUS).sound())
    world.apply("other", state="closed")
    assert [track.closed for track in world.recorder.tracks] == [False, True]
    assert world.recorder.ended == ["other"]


def test_only_the_best_layer_sent_is_written(world: World) -> None:
    media = PublishedMedia("1", "camera", VP8, IN_IDS, rids=("q", "h"))
    world.publish("peer-an", media, queue=world.queues["peer-an", "publish"])
    world.apply(record="full", part=1)
    low = Sender(301, VP8, extensions={4: b"1", 10: b"q"})
    high = Sender(302, VP8, extensions={4: b"1", 10: b"h"})
    world.send("peer-an", low.key())
    world.send("peer-an", high.key())
    world.send("peer-an", low.delta())
    world.send("peer-an", high.delta())
    (track,) = world.recorder.tracks
    assert [parse(packet).ssrc for packet in track.packets] == [301, 302, 302]
    assert "new_ssrc" in track.marks


def test_media_that_arrives_and_is_not_written_is_reported_once_and_its_return_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that stands open while its packets go astray: said within 10 s, once, and again after it went on."""
    sender = Sender(301, VP8)
    world.publish("peer-an", PublishedMedia("1", "camera", VP8, IN_IDS, ssrcs=(301,)))
    world.apply(record="full", part=1)

    def play(seconds: float) -> list[float]:
        found = []
        for _ in range(round(seconds / 0.1)):
            world.send("peer-an", sender.delta())
            world.run(0.1)
            found += [world.now for _, body in world.listener.reports if isinstance(body, WriteFailed)]
            world.listener.reports.clear()
        return found

    world.send("peer-an", sender.key())
    assert play(12) == []
    began = world.now
    with monkeypatch.context() as astray:
        astray.setattr(Track, "write", lambda *_: None)
        [told] = play(20)
    assert told - began <= 10
    play(1)
    (track,) = world.recorder.tracks
    assert track.confirms == 1
    with monkeypatch.context() as astray:
        astray.setattr(Track, "write", lambda *_: None)
        assert len(play(8)) == 1


def test_muted_paused_and_silent_sources_are_not_missed(world: World) -> None:
    sender = Sender(800, OPUS)
    world.publish("peer-an", microphone(ssrc=800))
    world.apply(record="full", part=1)
    world.send("peer-an", sender.sound())

    def play(sends: bool) -> None:
        for _ in range(200):
            if sends:
                world.send("peer-an", sender.sound())
            world.run(0.1)

    world.apply(members=(member("an", muted=("mic",)), member("binh")))
    play(sends=True)
    world.apply(members=BOTH, state="paused")
    play(sends=True)
    world.apply(state="running")
    play(sends=False)
    assert [body for _, body in world.listener.reports if isinstance(body, WriteFailed)] == []


def test_a_journal_that_cannot_be_opened_is_reported_once_and_forwarding_goes_on(
    world: World, sound: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> MemoryTrack:
        raise OSError("no space")

    monkeypatch.setattr(world.recorder, "open_track", refuse)
    world.apply(record="full", part=1)
    world.send("peer-an", sound.sound())
    world.send("peer-an", sound.sound())
    assert len(world.received("peer-binh")) == 2
    assert [body for _, body in world.listener.reports if isinstance(body, WriteFailed)] == [
        WriteFailed(code="disk_error")
    ]
