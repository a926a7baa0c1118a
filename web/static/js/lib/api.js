// @ts-check
/** Calls to the hub's REST interface. Errors carry the hub's stable code and its sentence. No DOM. */

import { _ } from './i18n.js';

export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message a sentence for the user
   * @param {number} status HTTP status, 0 when the hub was not reached
   */
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {{method?: string, body?: unknown, csrf?: string, fetch?: typeof fetch, timeout?: number}} [options]
 *   `timeout` in seconds
 * @returns {Promise<any>} the decoded answer, null when there is none
 */
export async function call(path, options = {}) {
  const { method = options.body === undefined ? 'GET' : 'POST', body, csrf = '', timeout = 15 } = options;
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json' };
  if (csrf) headers['x-csrftoken'] = csrf;
  const raw = body instanceof Uint8Array;
  if (body !== undefined) headers['content-type'] = raw ? 'application/octet-stream' : 'application/json';
  let response;
  try {
    response = await (options.fetch ?? fetch)(path, {
      method,
      headers,
      credentials: 'same-origin',
      body: body === undefined ? undefined : raw ? /** @type {BodyInit} */ (body) : JSON.stringify(body),
      signal: AbortSignal.timeout(timeout * 1000),
    });
  } catch {
    throw new ApiError('network', _('Không liên lạc được với máy chủ. Điều vừa làm chưa được lưu; hãy thử lại.'), 0);
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // an HTML error page of a proxy: its status says enough
  }
  if (response.ok) return answer;
  const message = answer?.message ?? _('Máy chủ trả lời lỗi {status}. Hãy thử lại.', { status: response.status });
  throw new ApiError(answer?.error ?? 'http', message, response.status);
}
