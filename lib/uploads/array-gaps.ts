/** Arrays of a multipart body without the holes that a field name such as `tags[9]` leaves. */

/**
 * Moves the values of every array together, in order. A hole is skipped by what copies an array, so that the array
 * which was validated would not be the one that the handler gets.
 */
export function closeArrayGaps(body: object): void {
  const pending: object[] = [body];
  for (let container = pending.pop(); container; container = pending.pop()) {
    const values: unknown[] = Object.values(container);
    if (Array.isArray(container) && values.length < container.length) container.splice(0, container.length, ...values);
    pending.push(...values.filter((value) => typeof value === 'object' && value !== null));
  }
}
