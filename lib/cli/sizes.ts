/** Sizes, counts and times as people read them. */
import bytes from 'bytes';

/** `1.2MB`: 1 MB is 1,048,576 bytes, as everywhere in the library. */
export function sizeText(size: number): string {
  return bytes.format(Math.round(size), { decimalPlaces: 1 }) ?? String(size);
}

export function countText(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** `400 ms`, `12.3 s`, `2m05s`, `1h20m`. */
export function durationText(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  return roughDurationText(seconds);
}

/** `1 s`, `12 s`, `2m05s`, `1h20m`. */
export function roughDurationText(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}h${two(minutes)}m` : `${minutes}m${two(rest)}s`;
}

/** `1.2MB/s`, and `1.2MB/s  2m05s left` where that can be told. */
export function rateText(bytesPerSecond: number, secondsLeft: number | undefined): string {
  const left = secondsLeft === undefined ? '' : `  ${roughDurationText(secondsLeft)} left`;
  return `${sizeText(bytesPerSecond)}/s${left}`;
}
