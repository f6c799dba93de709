// How numbers, dates and foreign text are shown.

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Shows control, zero-width and direction characters instead of obeying them. @param {string} text */
export function visible(text) {
  return text.replace(HIDDEN, (character) => {
    if (character === '\r') return '';
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

/** Whether a text holds characters that change how it reads. @param {string} text */
export function hasHidden(text) {
  return /[\u200b-\u200d\u202a-\u202e\u2060-\u2069]/.test(text);
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(bytes < 10 ? 1 : 0)} ${bytes === 1 && unit === 0 ? 'byte' : units[unit]}`;
}

/** @param {number} count @param {string} noun @param {string} [plural] */
export function count(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? noun : plural}`;
}

/** @type {Array<[Intl.RelativeTimeFormatUnit, number]>} */
const STEPS = [
  ['year', 31557600],
  ['month', 2629800],
  ['week', 604800],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
];

/** "3 days ago". @param {number} seconds since 1970 */
export function relativeDate(seconds) {
  const away = seconds - Date.now() / 1000;
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  for (const [unit, length] of STEPS) if (Math.abs(away) >= length) return format.format(Math.round(away / length), unit);
  return 'just now';
}

/** The date in the zone it was written in, as git prints it with --date=iso. @param {{timestamp: number, tz: string}} signature */
export function absoluteDate({ timestamp, tz }) {
  const match = /^([+-])(\d\d)(\d\d)$/.exec(tz);
  const offset = match ? (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 3600 + Number(match[3]) * 60) : 0;
  const date = new Date((timestamp + offset) * 1000);
  if (Number.isNaN(date.getTime())) return `${timestamp} seconds since 1970 ${tz}`;
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} ${tz}`;
}

/** A date element: relative, with the exact date as its title. @param {{timestamp: number, tz: string}} signature */
export function timeProps({ timestamp, tz }) {
  return { text: relativeDate(timestamp), title: absoluteDate({ timestamp, tz }) };
}

/** A name that is safe to save a file under. @param {string} path */
export function downloadName(path) {
  const last = path.split('/').pop() ?? '';
  const clean = last.replace(HIDDEN, '').replace(/[\\/:*?"<>|]/g, '_').replace(/^[. ]+|[. ]+$/g, '');
  return clean || 'file';
}
