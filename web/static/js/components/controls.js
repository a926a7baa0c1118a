// @ts-check
/** The bar under the stage: own microphone, camera, sharing, hand; and the operator's buttons. */

import { el, icon, rebuild } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */

/**
 * @typedef {object} Actions what the page does when a button is pressed
 * @property {() => void} toggleMic
 * @property {() => void} toggleCamera
 * @property {() => void} share
 * @property {() => void} devices
 * @property {() => void} admit
 * @property {() => void} start
 * @property {() => void} sideTalk
 * @property {() => void} more
 * @property {() => void} denunciation
 * @property {() => void} end
 * @property {() => void} leave
 * @property {() => void} panel
 */

/**
 * @param {string} name stable hook
 * @param {string} image
 * @param {string} label
 * @param {() => void} run
 * @param {{kind?: string, badge?: number, pressed?: boolean, title?: string, disabled?: boolean}} [more]
 */
function button(name, image, label, run, more = {}) {
  return el(
    'button',
    {
      type: 'button',
      class: `c ${more.kind ?? ''}`,
      'data-testid': name,
      'data-focus': name,
      'aria-pressed': more.pressed === undefined ? null : String(more.pressed),
      title: more.title,
      disabled: more.disabled,
      onclick: run,
    },
    icon(image),
    el('span', {}, label, more.badge ? el('span', { class: 'badge' }, String(more.badge)) : null),
  );
}

export class Controls {
  /**
   * @param {RoomState} room
   * @param {HTMLElement} node
   * @param {Actions} actions
   */
  constructor(room, node, actions) {
    this.room = room;
    this.node = node;
    this.actions = actions;
  }

  render() {
    const { room } = this;
    const self = room.self;
    const state = {
      mic: room.media.tracks.has('mic') && !self?.muted.includes('mic'),
      held: Boolean(self?.muted_by_operator.includes('mic')),
      camera: room.media.tracks.has('camera') && !self?.muted.includes('camera'),
      sharing: room.media.tracks.has('screen') || room.media.tracks.has('document'),
      hand: Boolean(self?.hand),
      inside: room.inside && room.live,
      session: room.session.state,
      side: room.session.side_talk.length,
      notice: room.session.notice_read,
      waiting: room.session.participants.filter((/** @type {any} */ one) => one.state === 'waiting').length,
      may: [...room.may].sort().join(),
      over: room.status.phase === 'over',
      ended: ['closed', 'locked'].includes(room.session.state),
    };
    rebuild(this.node, JSON.stringify(state), () => (state.over ? [] : [...this._own(state), ...this._host(state), ...this._end(state)]));
  }

  /** @param {any} state */
  _own(state) {
    const { actions, room } = this;
    if (state.ended) return [];
    const kit = room.data.kit;
    const hand = button('hand', 'hand', state.hand ? _('Hạ tay') : _('Giơ tay'), () => void room.ask('hand', { up: !state.hand }), {
      kind: state.hand ? 'on' : '',
      pressed: state.hand,
    });
    if (room.data.watches) return state.inside ? [hand] : [];
    const mic = button(
      'mic',
      state.mic && !state.held ? 'mic' : 'mic-off',
      state.held ? _('Bị tắt micro') : state.mic ? _('Tắt micro') : _('Bật micro'),
      actions.toggleMic,
      { kind: state.mic && !state.held ? '' : 'off', title: state.held ? _('Người điều hành đã tắt micro của bạn. Giơ tay để xin phát biểu.') : _('Phím M') },
    );
    const camera = button('camera', state.camera ? 'video' : 'video-off', state.camera ? _('Tắt camera') : _('Bật camera'), actions.toggleCamera, {
      kind: state.camera ? '' : 'off',
      title: _('Phím V'),
    });
    if (!state.inside) return [mic, camera, button('devices', 'settings', _('Thiết bị'), actions.devices)];
    const share = button('share', state.sharing ? 'monitor-off' : 'monitor-up', state.sharing ? _('Dừng chia sẻ') : _('Chia sẻ'), actions.share, {
      kind: state.sharing ? 'on' : '',
    });
    return [mic, camera, kit ? null : share, room.isOperator ? null : hand, kit ? null : button('devices', 'settings', _('Thiết bị'), actions.devices)];
  }

  /** @param {any} state */
  _host(state) {
    const { actions, room } = this;
    if (!room.live || room.data.kit) return [];
    if (!room.isOperator) {
      const take = room.may.has('take_over') && button('take-over', 'user-check', _('Nhận điều hành'), () => void room.ask('take_over'), { kind: 'host' });
      const cut = state.inside && room.self?.role === 'point' && room.may.has('to_denunciation')
        && button('to-denunciation', 'shield-alert', _('Tố cáo'), actions.denunciation, { kind: 'host', title: _('Chuyển sang tố cáo') });
      return take || cut ? [el('span', { class: 'sep' }), take, cut] : [];
    }
    const has = (/** @type {string} */ type) => room.may.has(type);
    return [
      el('span', { class: 'sep' }),
      has('admit') && button('admit', 'log-in', _('Mời vào'), actions.admit, { kind: 'host', badge: state.waiting }),
      has('start') && button('start', 'circle-play', _('Bắt đầu phiên'), actions.start, { kind: 'go' }),
      has('pause') && button('pause', 'pause', _('Tạm dừng'), () => void room.ask('pause'), { kind: 'host' }),
      has('resume') && button('resume', 'play', _('Tiếp tục'), () => void room.ask('resume'), { kind: 'go' }),
      has('side_talk') && state.session !== 'open'
        ? button('side-talk', 'messages-square', state.side ? _('Hết hội ý') : _('Hội ý'), actions.sideTalk, { kind: state.side ? 'on' : 'host' })
        : null,
      button('more', 'ellipsis', _('Điều hành'), actions.more, { kind: 'host' }),
    ];
  }

  /** @param {any} state */
  _end(state) {
    const { actions, room } = this;
    const panel = room.data.kit ? null : button('panel-toggle', 'book-text', _('Biên bản'), actions.panel, { kind: 'narrow-only' });
    const leave = button('leave', 'door-open', _('Rời phiên'), actions.leave, { kind: room.isOperator ? 'host' : 'end' });
    if (!room.isOperator || !room.live) return [panel, el('span', { class: 'sep' }), leave];
    return [panel, el('span', { class: 'sep' }), button('end', 'phone-off', _('Kết thúc phiên'), actions.end, { kind: 'end' })];
  }
}
