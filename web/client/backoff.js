// How long to wait before the next try.

/** @typedef {{ firstMs: number, factor: number, mostMs: number }} BackoffShape */

/** @type {BackoffShape} */
export const BACKOFF = { firstMs: 500, factor: 1.7, mostMs: 30_000 };

/**
 * The pause before try number `attempt` (from 0). Random between half and all of it, so that a server that
 * comes back is not met by everybody at once.
 * @param {number} attempt
 * @param {() => number} [random] 0 to 1
 * @param {BackoffShape} [shape]
 */
export function pauseMs(attempt, random = Math.random, shape = BACKOFF) {
  const whole = Math.min(shape.mostMs, shape.firstMs * shape.factor ** Math.min(attempt, 40));
  return Math.round(whole * (0.5 + random() / 2));
}

/**
 * Whether a connection that closed with this code is worth another try.
 * @param {number} code
 */
export function comesBack(code) {
  return code !== 1000 && !(code >= 4000 && code <= 4499);
}
