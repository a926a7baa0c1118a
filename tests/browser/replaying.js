// What a replayed page shows at this moment, and how long it takes to show another one. Evaluated in the page by
// replaying.py, in Chromium and in Firefox.
(() => {
  const canvas = document.createElement('canvas');
  canvas.width = 320;
  canvas.height = 180;
  const pen = canvas.getContext('2d', { willReadFrequently: true });

  // { ident, count } of media.clip's counter, {} when the video shows nothing readable
  function read(video) {
    if (video.hidden || video.readyState < 2) return {};
    pen.drawImage(video, 0, 0, canvas.width, canvas.height);
    const row = (y) => {
      let value = 0;
      for (let bit = 0; bit < 16; bit += 1) value = value * 2 + (pen.getImageData((bit + 0.5) * 20, y, 1, 1).data[0] > 127 ? 1 : 0);
      return value;
    };
    const value = row(150);
    return (value ^ row(170)) === 0xffff ? { ident: value >> 12, count: value & 0xfff } : {};
  }

  const byTest = (name, within = document) => within.querySelector(`[data-testid="${name}"]`);

  function look() {
    const shown = [...document.querySelectorAll('[data-testid="replay-tile"]')].map((tile) => {
      const video = tile.querySelector('video');
      const gap = byTest('replay-gap', tile);
      return {
        ...read(video), main: tile.classList.contains('main'), rate: video.playbackRate, pitch: video.preservesPitch,
        muted: video.muted, volume: video.volume, words: gap.hidden ? '' : gap.textContent,
      };
    });
    return { at: Number(byTest('seek')?.value), wall: byTest('wall').textContent, shown };
  }

  // Moves the page to a moment; milliseconds until every point that has something shows the picture of that moment.
  function seek(at, rate, period) {
    return new Promise((done, gaveUp) => {
      const slider = byTest('seek');
      const began = performance.now();
      slider.value = String(at);
      slider.dispatchEvent(new Event('input'));
      const due = Math.floor(at * rate) % period;
      const wait = () => {
        const took = performance.now() - began;
        const seen = look().shown.filter((one) => !one.words);
        if (seen.length && seen.every((one) => one.count !== undefined && Math.abs(one.count - due) <= 1)) done(took);
        else if (took > 15000) gaveUp(new Error(`at ${at}, due ${due}: ${JSON.stringify(look())}`));
        else setTimeout(wait, 5);
      };
      wait();
    });
  }

  return { look, seek };
})()
