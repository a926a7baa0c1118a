// @ts-check
import { _ } from './i18n.js';

/**
 * A length of time in words, as the server writes it (web/pages/formats.py).
 * @param {number} seconds
 */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  if (hours) return _('{hours} giờ {minutes} phút', { hours, minutes: String(minutes).padStart(2, '0') });
  if (whole >= 60) return _('{minutes} phút', { minutes });
  return _('{seconds} giây', { seconds: whole });
}
