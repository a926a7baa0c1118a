// @ts-check
/** A sentence and a way on for everything that may go wrong in the room. Pure text. */

import { _ } from './i18n.js';

/** @typedef {{text: string, act: string, label: string}} Sentence `act` names what the button does */

/**
 * @param {import('./devices.js').Trouble} trouble
 * @returns {Sentence}
 */
export function deviceSentence({ source, kind }) {
  const retry = (/** @type {string} */ text) => ({ text, act: `start:${source}`, label: _('Thử lại') });
  const other = (/** @type {string} */ text) => ({ text, act: 'devices', label: _('Chọn thiết bị khác') });
  if (kind === 'insecure') {
    const text = _('Trình duyệt chỉ cho dùng camera và micro trên kết nối an toàn (https). Hãy mở trang bằng địa chỉ https của hệ thống.');
    return { text, act: 'help:https', label: _('Cách mở') };
  }
  if (source === 'screen') return { text: _('Không chia sẻ được màn hình trên máy này.'), act: 'share', label: _('Thử lại') };
  if (source === 'mic') {
    if (kind === 'refused') {
      return retry(_('Micro đang bị chặn. Bấm biểu tượng ổ khóa cạnh thanh địa chỉ, chọn Cho phép micro, rồi bấm Thử lại.'));
    }
    if (kind === 'busy') return retry(_('Micro đang được chương trình khác dùng. Hãy đóng chương trình đó rồi bấm Thử lại.'));
    if (kind === 'missing') return retry(_('Không tìm thấy micro. Hãy cắm micro rồi bấm Thử lại. Bạn vẫn nghe được phiên tiếp.'));
    if (kind === 'unplugged') return other(_('Micro vừa bị rút ra, mọi người không nghe được bạn. Hãy cắm lại hoặc chọn micro khác.'));
    return retry(_('Không mở được micro. Hãy rút ra cắm lại rồi bấm Thử lại.'));
  }
  if (kind === 'refused') {
    return retry(_('Camera đang bị chặn. Bấm biểu tượng ổ khóa cạnh thanh địa chỉ, chọn Cho phép camera, rồi bấm Thử lại.'));
  }
  if (kind === 'busy') return retry(_('Camera đang được chương trình khác dùng. Hãy đóng chương trình đó rồi bấm Thử lại. Mọi người vẫn nghe được bạn.'));
  if (kind === 'missing') return retry(_('Không tìm thấy camera. Bạn vẫn tham gia bằng âm thanh; cắm camera rồi bấm Thử lại.'));
  if (kind === 'unplugged') return other(_('Camera vừa bị rút ra. Mọi người vẫn nghe được bạn. Hãy cắm lại hoặc chọn camera khác.'));
  return retry(_('Không mở được camera. Mọi người vẫn nghe được bạn. Hãy rút ra cắm lại rồi bấm Thử lại.'));
}

/**
 * Why the socket is closed for good.
 * @param {string} reason
 * @returns {{title: string, text: string, act: string, label: string}}
 */
export function overSentence(reason) {
  if (reason === 'replaced') {
    return {
      title: _('Phiên đã được mở ở một thẻ khác'),
      text: _('Thiết bị này vừa mở phiên trong một thẻ hoặc cửa sổ khác; hình và tiếng đang chạy ở đó. Có thể đóng thẻ này.'),
      act: 'reload',
      label: _('Dùng thẻ này'),
    };
  }
  if (reason === 'not_allowed') {
    return {
      title: _('Lượt vào phiên đã hết hiệu lực'),
      text: _('Đường vào phiên chỉ dùng trong thời gian ngắn hoặc quyền tham dự đã thay đổi. Tải lại trang để nhận lượt vào mới.'),
      act: 'reload',
      label: _('Tải lại trang'),
    };
  }
  if (reason === 'protocol') {
    return {
      title: _('Trang này đã cũ'),
      text: _('Máy chủ vừa được nâng cấp. Tải lại trang để dùng bản mới; biên bản đã lưu không bị mất.'),
      act: 'reload',
      label: _('Tải lại trang'),
    };
  }
  if (reason === 'left') {
    return { title: _('Bạn đã rời phiên'), text: _('Có thể vào lại khi phiên còn mở.'), act: 'reload', label: _('Vào lại') };
  }
  return { title: _('Phiên đã kết thúc'), text: _('Hình và tiếng đã tắt.'), act: 'home', label: _('Về trang chính') };
}
