// A publisher with a 720p picture full of motion and a steady tone, and a plain receiver, for tests of the line.
// The tests put this into empty pages; __publish gives the offer, __answer takes the answer, __receive answers offers.
(() => {
  const WIDTH = 1280;
  const HEIGHT = 720;

  function picture() {
    const canvas = document.createElement('canvas');
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    document.body.append(canvas);
    const pen = canvas.getContext('2d', { alpha: false });
    pen.scale(WIDTH / 1280, HEIGHT / 720); // the same picture in any size
    let count = 0;
    setInterval(() => {
      count += 1;
      pen.fillStyle = '#248';
      pen.fillRect(0, 0, 1280, 720);
      for (let i = 0; i < 60; i += 1) {
        pen.fillStyle = `hsl(${(i * 37) % 360}, 80%, 50%)`;
        pen.beginPath();
        pen.arc(640 + 600 * Math.sin(count * 0.03 + i * 1.7), 360 + 330 * Math.cos(count * 0.023 + i * 2.3), 20 + (i % 40), 0, 7);
        pen.fill();
      }
      for (let i = 0; i < 15; i += 1) {
        pen.fillStyle = `hsl(${Math.random() * 360}, 30%, 50%)`;
        pen.fillRect(Math.random() * 1280, Math.random() * 720, 20, 10);
      }
    }, 33);
    const [track] = canvas.captureStream(30).getVideoTracks();
    track.contentHint = 'motion';
    return track;
  }

  function sound() {
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: 440 });
    const out = new MediaStreamAudioDestinationNode(context);
    tone.connect(out);
    tone.start();
    return out.stream.getAudioTracks()[0];
  }

  window.__publish = async () => {
    const peer = (window.__peer = new RTCPeerConnection());
    for (const track of [sound(), picture()]) peer.addTrack(track, new MediaStream([track]));
    await peer.setLocalDescription();
    return peer.localDescription.sdp;
  };

  window.__answer = async (sdp) => {
    const peer = window.__peer;
    await peer.setRemoteDescription({ type: 'answer', sdp });
    await new Promise((ok) => {
      const look = () => peer.connectionState === 'connected' && ok();
      peer.onconnectionstatechange = look;
      look();
    });
  };

  window.__receive = async (sdp) => {
    window.__peer ??= new RTCPeerConnection();
    window.__peer.ontrack = ({ track }) => {
      const player = document.createElement('video');
      player.autoplay = true;
      player.srcObject = new MediaStream([track]);
      document.body.append(player);
    };
    await window.__peer.setRemoteDescription({ type: 'offer', sdp });
    await window.__peer.setLocalDescription();
    return window.__peer.localDescription.sdp;
  };

  window.__totals = async () => {
    const out = { concealed: 0, sound: 0, lost: 0, pictures: 0, freezes: 0 };
    if (!window.__peer) return out;
    for (const stat of (await window.__peer.getStats()).values()) {
      if (stat.type !== 'inbound-rtp') continue;
      out.lost += stat.packetsLost;
      out.concealed += stat.concealedSamples ?? 0;
      out.sound += stat.totalSamplesReceived ?? 0;
      out.pictures += stat.framesDecoded ?? 0;
      out.freezes += stat.freezeCount ?? 0;
    }
    return out;
  };
})();
