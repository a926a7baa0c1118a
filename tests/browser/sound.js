// A publisher of a tone alone, and a receiver that plays it; for tests of what sound is sent as.
(() => {
  window.__speak = async () => {
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: 440 });
    const out = new MediaStreamAudioDestinationNode(context);
    tone.connect(new GainNode(context, { gain: 0.3 })).connect(out);
    tone.start();
    const [track] = out.stream.getAudioTracks();
    const peer = (window.__peer = new RTCPeerConnection());
    peer.addTransceiver(track, { direction: 'sendonly' });
    await peer.setLocalDescription();
    return peer.localDescription.sdp;
  };

  window.__answer = (sdp) => window.__peer.setRemoteDescription({ type: 'answer', sdp });

  window.__listen = async (sdp) => {
    const peer = (window.__peer ??= new RTCPeerConnection());
    peer.ontrack = ({ track }) => {
      const player = new Audio();
      player.autoplay = true;
      player.srcObject = new MediaStream([track]);
      document.body.append(player);
    };
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription();
    return peer.localDescription.sdp;
  };

  // The RTP stream, and the codecs that were negotiated for it, the preferred one first.
  window.__sound = async () => {
    const [sender] = window.__peer?.getSenders() ?? [];
    const used = sender?.track ? sender : window.__peer?.getReceivers()[0];
    if (!used) return null;
    const codecs = used.getParameters().codecs.map(({ mimeType, sdpFmtpLine }) => `${mimeType} ${sdpFmtpLine ?? ''}`);
    for (const stat of (await used.getStats()).values()) {
      if (stat.type === 'outbound-rtp' || stat.type === 'inbound-rtp') return { ...stat, codecs };
    }
    return null;
  };
})();
