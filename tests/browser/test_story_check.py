"""The device check: good devices pass and are kept for the day; bad ones fail with what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.story import COLLEAGUE, DISTRICT, Person, World, screens, world_in

pytestmark = pytest.mark.browser

BAD_DEVICES = """(() => {
    window.__bad = { video: '', audio: '' };
    const real = navigator.mediaDevices.getUserMedia;
    const picture = (colours) => {
        const canvas = document.createElement('canvas');
        canvas.width = 320; canvas.height = 180;
        const pen = canvas.getContext('2d');
        const draw = () => colours.forEach((colour, n) => {
            pen.fillStyle = colour;
            pen.fillRect(n * 320 / colours.length, 0, 320 / colours.length, 180);
        });
        draw();
        setInterval(draw, 100);
        return canvas.captureStream(10).getVideoTracks()[0];
    };
    const sound = (level) => {
        const context = new AudioContext();
        void context.resume();
        const out = new MediaStreamAudioDestinationNode(context);
        const tone = new OscillatorNode(context, { type: 'square', frequency: 200 });
        tone.connect(new GainNode(context, { gain: level })).connect(out);
        tone.start();
        return out.stream.getAudioTracks()[0];
    };
    const made = {
        black: () => picture(['#000', '#010101']), frozen: () => picture(['#246', '#ca8', '#fff']),
        silent: () => sound(0), clipping: () => sound(1.2),
    };
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const kind = wanted.video ? 'video' : 'audio';
        return window.__bad[kind] ? new MediaStream([made[window.__bad[kind]]()]) : real(wanted);
    };
})()"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("check") / "data", "--no-worker") as found:
        yield found


async def result(person: Person, name: str, state: str, words: str) -> None:
    """Wait until the part has this result and says so."""
    shown = person.page.locator(f'[data-testid="result-{name}"][data-state="{state}"]')
    await shown.filter(has_text=words).wait_for()


@pytest.mark.long
async def test_good_devices_pass_for_the_day(world: World) -> None:
    async with screens(world, "check-good") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        point = officer.page.locator("[data-point]")
        assert await point.get_by_text("Chưa thử hôm nay").count() == 4
        await officer.push("Kiểm tra thiết bị")
        await result(officer, "camera", "good", "320×180")
        await result(officer, "mic", "good", "Micro nghe rõ")
        await result(officer, "line", "good", "Đường truyền tốt")
        await officer.hit("play-sound")
        await result(officer, "speaker", "running", "Có nghe hai tiếng chuông không?")
        await officer.hit("heard")
        await officer.sees("Mọi thứ sẵn sàng.")
        await officer.hit("save")
        await officer.page.wait_for_url(f"{world.hub.url}/")  # on with the day
        await officer.sees("Kiểm tra gần nhất", "[data-point]")
        assert await point.get_by_text("Chưa thử hôm nay").count() == 0


@pytest.mark.long
async def test_bad_devices_fail_with_what_to_do(world: World) -> None:
    async with screens(world, "check-bad") as all_screens:
        officer = await all_screens.sit(COLLEAGUE)
        await officer.context.add_init_script(BAD_DEVICES)
        await officer.page.goto(f"{world.hub.url}/check")
        await result(officer, "mic", "good", "Micro nghe rõ")
        for video, seen, audio, said in (
            ("black", "Hình đen: mở nắp che ống kính", "silent", "Không nghe thấy gì: kiểm tra nút tắt trên micro"),
            ("frozen", "Hình đứng yên", "clipping", "Tiếng bị vỡ: giảm mức thu"),
        ):
            await officer.page.evaluate("([video, audio]) => { window.__bad = { video, audio }; }", [video, audio])
            await officer.page.locator("#again-camera").press("Enter")
            await officer.page.locator("#again-mic").press("Enter")
            await result(officer, "camera", "bad", seen)
            await result(officer, "mic", "bad", said)
        await officer.page.evaluate("() => { window.__bad = { video: '', audio: '' }; }")
        await officer.trouble("video", "NotReadableError")
        await officer.page.locator("#again-camera").press("Enter")
        await result(officer, "camera", "bad", "Camera")
        await officer.hit("not-heard")
        await officer.hit("save")
        await officer.sees("Còn mục chưa đạt")
