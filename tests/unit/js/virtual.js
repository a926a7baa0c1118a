// Virtual time and a fake wire for tests of the browser's library: nothing here waits.

export class VirtualClock {
  constructor() {
    this.time = 100;
    this.next = 1;
    this.timers = new Map();
  }

  now() {
    return this.time;
  }

  after(run, seconds) {
    const id = this.next++;
    this.timers.set(id, { at: this.time + seconds, run });
    return id;
  }

  cancel(id) {
    this.timers.delete(id);
  }

  // Let time pass; timers run in their order, promises settle between them.
  async pass(seconds) {
    const end = this.time + seconds;
    await settle();
    for (;;) {
      const due = [...this.timers].filter(([, timer]) => timer.at <= end + 1e-9).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
      await settle();
    }
    this.time = end;
    await settle();
  }
}

export async function settle() {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export class FakeWire {
  constructor(url) {
    this.url = url;
    this.sent = [];
    this.closed = null;
  }

  open() {
    this.onopen?.();
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  receive(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  close(code = 1005) {
    this.closed ??= code;
  }

  // The far end, or the line, closes.
  drop(code = 1006) {
    this.onclose?.({ code });
  }
}
