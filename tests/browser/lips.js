// Flash and beep of camera.js on the clock of the media: in what a page sends, and in a replay file as the browser
// decodes it. Nothing here depends on when a frame is painted. Evaluated in the page by lips.py.
(() => {
  const BEEP_LEVEL = 0.2; // between the steady tone and the beep
  const BLOCK_S = 0.005;
  const STEP_S = 0.04; // shorter than the flash
  const REACH_S = 0.28;

  // Records the page's own microphone and camera, as they are handed to the connection, until kept() is called.
  function keep() {
    const senders = window.__peers.flatMap((peer) => (peer.connectionState === 'closed' ? [] : peer.getSenders()));
    const track = (kind) => senders.map((one) => one.track).find((one) => one?.kind === kind);
    const stream = new MediaStream([track('audio'), track('video')]);
    const recorder = (window.__recorder = new MediaRecorder(stream, { mimeType: 'video/webm;codecs=vp8,opus' }));
    window.__kept = [];
    recorder.ondataavailable = (event) => window.__kept.push(event.data);
    recorder.start();
  }

  // The recording, base64.
  async function kept() {
    const recorder = window.__recorder;
    await new Promise((done) => {
      recorder.onstop = done;
      recorder.stop();
    });
    const reader = new FileReader();
    reader.readAsDataURL(new Blob(window.__kept));
    await new Promise((done) => (reader.onload = done));
    return reader.result.split(',')[1];
  }

  async function beeps(url) {
    const sound = await new AudioContext().decodeAudioData(await (await fetch(url)).arrayBuffer());
    const samples = sound.getChannelData(0);
    const block = Math.round(sound.sampleRate * BLOCK_S);
    const found = [];
    let quietSince = null;
    for (let at = 0; at < samples.length; at += block) {
      let peak = 0;
      for (let i = at; i < Math.min(at + block, samples.length); i++) peak = Math.max(peak, Math.abs(samples[i]));
      const time = at / sound.sampleRate;
      if (peak <= BEEP_LEVEL) quietSince ??= time;
      else {
        if (quietSince !== null && time - quietSince > 0.3) found.push(time);
        quietSince = null;
      }
    }
    return found;
  }

  // Milliseconds by which beeps of a replay file come after their flashes: the sound decoded as a whole, the first
  // white picture found by seeking around each beep.
  async function offsets(url, most) {
    const video = document.createElement('video');
    video.muted = true;
    video.preload = 'auto';
    video.src = url;
    await new Promise((ok, no) => {
      video.onloadeddata = ok;
      video.onerror = () => no(video.error.message);
    });
    const pen = new OffscreenCanvas(32, 18).getContext('2d', { willReadFrequently: true });
    const white = async (time) => {
      const there = new Promise((ok) => (video.onseeked = ok));
      video.currentTime = time;
      await there;
      pen.drawImage(video, 0, 0, 32, 18);
      return pen.getImageData(16, 15, 1, 1).data[1] > 128;
    };
    const found = [];
    for (const beep of (await beeps(url)).filter((one) => one > REACH_S)) {
      if (found.length === most) break;
      let dark = null;
      let light = null;
      for (let time = beep - REACH_S; light === null && time < beep + REACH_S; time += STEP_S) {
        if (!(await white(time))) dark = time;
        else if (dark === null) break;
        else light = time;
      }
      if (light === null) continue;
      while (light - dark > BLOCK_S) {
        const middle = (dark + light) / 2;
        if (await white(middle)) light = middle;
        else dark = middle;
      }
      found.push((beep - light) * 1000);
    }
    return found;
  }

  return { keep, kept, offsets };
})()
