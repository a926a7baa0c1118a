// @ts-check
/** The page that says the hub is away: loads itself again, at first soon, then every half minute. */

const key = 'retry-count';
const count = Number(sessionStorage.getItem(key) || 0);
sessionStorage.setItem(key, String(count + 1));
setTimeout(() => location.reload(), Math.min(30, 4 + 3 * count) * 1000);
