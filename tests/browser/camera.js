// A camera and microphone that can be recognised at the other end; put into a page before its own scripts run.
// Picture: 16 cells with a frame counter, 16 with its complement, 4 cells with who it is and 4 with their complement
// (first bit leftmost, white is 1); below them a field that flashes white for 120 ms at each full second. Sound: a
// steady tone of 300 + 60 * ident Hz, and a beep of 1600 Hz for 120 ms with each flash. Both follow one audio clock.
// A camera that is asked for by its id is the second one on the desk: its pictures say ident + 8.
(() => {
  const [IDENT, RATE, WIDTH, HEIGHT] = JSON.parse('__SETTINGS__');
  const CELL = WIDTH / 16;
  const BEEP_S = 0.12;

  const peers = (window.__peers = []);
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      peers.push(this);
    }
  };

  let audio = null;
  const clock = () => {
    audio ??= new AudioContext();
    void audio.resume();
    return audio;
  };

  function sound() {
    const context = clock();
    const out = new MediaStreamAudioDestinationNode(context);
    const tone = new OscillatorNode(context, { frequency: 300 + 60 * IDENT });
    tone.connect(new GainNode(context, { gain: 0.05 })).connect(out);
    tone.start();
    const beep = new OscillatorNode(context, { frequency: 1600 });
    const gate = new GainNode(context, { gain: 0 });
    beep.connect(gate).connect(out);
    beep.start();
    let next = Math.ceil(context.currentTime + 0.2);
    setInterval(() => {
      while (next < context.currentTime + 3) {
        gate.gain.setValueAtTime(0.5, next);
        gate.gain.setValueAtTime(0, next + BEEP_S);
        next += 1;
      }
    }, 500);
    return out.stream.getAudioTracks()[0];
  }

  function picture(ident) {
    const context = clock();
    const canvas = document.createElement('canvas');
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    const pen = canvas.getContext('2d', { alpha: false });
    const row = (value, bits, y) => {
      for (let bit = 0; bit < bits; bit++) {
        pen.fillStyle = (value >> (bits - 1 - bit)) & 1 ? '#fff' : '#000';
        pen.fillRect(bit * CELL, y, CELL, CELL);
      }
    };
    let count = 0;
    const drawn = (window.__drawn = []);
    const draw = () => {
      count = (count + 1) & 0xffff;
      if (drawn.push([count, Date.now()]) > 8000) drawn.shift();
      pen.fillStyle = `hsl(${ident * 47}, 45%, 30%)`;
      pen.fillRect(0, 0, WIDTH, HEIGHT);
      row(count, 16, 0);
      row(~count & 0xffff, 16, CELL);
      row(ident, 4, 2 * CELL);
      row(~ident & 15, 4, 3 * CELL);
      pen.fillStyle = context.currentTime % 1 < BEEP_S && context.currentTime > 0.5 ? '#fff' : '#000';
      pen.fillRect(0, 5 * CELL, WIDTH, HEIGHT - 5 * CELL);
      pen.fillStyle = '#0a0';
      pen.fillRect((count * 7) % WIDTH, 4 * CELL, CELL, CELL);
    };
    draw();
    setInterval(draw, 1000 / RATE);
    return canvas.captureStream(RATE).getVideoTracks()[0];
  }

  window.__trouble = { video: '', audio: '' };
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    for (const kind of ['video', 'audio']) {
      if (wanted[kind] && window.__trouble[kind]) throw new DOMException('test', window.__trouble[kind]);
    }
    const tracks = [];
    if (wanted.audio) tracks.push(sound());
    if (wanted.video) tracks.push(picture(wanted.video.deviceId?.exact ? IDENT + 8 : IDENT));
    return new MediaStream(tracks);
  };
})();
