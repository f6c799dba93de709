// What was typed into a form and not used yet. It outlives a redraw, a look at another page and a
// reload, in this tab alone.

/** @param {string} form */
const key = (form) => `typed:${form}`;

/**
 * What was typed into a form, by field; empty if nothing is noted.
 * @param {string} form what tells it from others: its route, mostly
 * @returns {Partial<Record<string, string>>}
 */
export function typedIn(form) {
  try {
    const noted = JSON.parse(sessionStorage.getItem(key(form)) ?? '{}');
    return Object.fromEntries(Object.entries(noted).filter(([, value]) => typeof value === 'string'));
  } catch {
    return {};
  }
}

/** Notes what is typed into a form, or forgets it. @param {string} form @param {Partial<Record<string, string>> | undefined} fields */
export function noteTyped(form, fields) {
  try {
    if (fields) sessionStorage.setItem(key(form), JSON.stringify(fields));
    else sessionStorage.removeItem(key(form));
    return true;
  } catch {
    // There is no room for it.
    return false;
  }
}

/**
 * Fills fields in with what was noted, and notes every change of them.
 * @param {string} form @param {Record<string, HTMLInputElement>} fields
 */
export function keepTyped(form, fields) {
  const noted = typedIn(form);
  for (const [name, field] of Object.entries(fields)) {
    field.value = noted[name] ?? field.value;
    field.addEventListener('input', () => noteTyped(form, { ...typedIn(form), [name]: field.value }));
  }
}
