// Reads what camera.js drew out of a <video>. Evaluated in the page by support.py.
(() => {
  const CELLS = 16;
  const canvas = document.createElement('canvas');
  canvas.width = 160;
  canvas.height = 90;
  const pen = canvas.getContext('2d', { willReadFrequently: true });

  // { count, ident, valid, flash } or null when the video shows nothing yet
  function read(video) {
    if (!video || video.readyState < 2 || !video.videoWidth) return null;
    pen.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    const cell = canvas.width / CELLS;
    const light = (x, y) => {
      const at = 4 * (Math.floor((y + 0.5) * cell) * canvas.width + Math.floor((x + 0.5) * cell));
      return data[at] + data[at + 1] + data[at + 2] > 384;
    };
    const row = (bits, y) => {
      let value = 0;
      for (let bit = 0; bit < bits; bit++) value = value * 2 + (light(bit, y) ? 1 : 0);
      return value;
    };
    const count = row(16, 0);
    const ident = row(4, 2);
    const valid = (count ^ row(16, 1)) === 0xffff && (ident ^ row(4, 3)) === 15;
    return { count, ident, valid, flash: light(8, 7) };
  }

  // Every frame shown until `window.enough` is set, or for `seconds`: how far the counter went back at most, the longest
  // time in ms without a new picture between pictures of one size and where the size changed, how many frames were
  // looked at, and their widths in order.
  async function watch(video, seconds) {
    const seen = { frames: 0, back: 0, gap: 0, switch: 0, invalid: 0, sizes: [] };
    const end = performance.now() + seconds * 1000;
    let last = null;
    let at = performance.now();
    await new Promise((done) => {
      const look = (now, meta) => {
        const one = read(video);
        if (one?.valid) {
          const step = last === null ? 1 : ((one.count - last + 0x8000) & 0xffff) - 0x8000;
          if (step < 0) seen.back = Math.max(seen.back, -step);
          if (step > 0) {
            const kind = seen.sizes.at(-1) === meta.width ? 'gap' : 'switch';
            if (seen.frames) seen[kind] = Math.max(seen[kind], now - at);
            at = now;
            last = one.count;
          }
          seen.frames += 1;
        } else seen.invalid += 1;
        if (seen.sizes.at(-1) !== meta.width) seen.sizes.push(meta.width);
        if (now < end && !window.enough) video.requestVideoFrameCallback(look);
        else done();
      };
      video.requestVideoFrameCallback(look);
      setTimeout(done, seconds * 1000 + 2000);
    });
    return seen;
  }

  return { read, watch };
})()
