// What an engine does while nobody asks anything of it: it brings what makes later calls quick up to
// date, of one repository after the other. A call that comes puts it off; it goes on later.

/** How long nothing must have been asked, in milliseconds. */
const IDLE = 300;
/** How long to wait where another tab is at it. */
const AGAIN = 10_000;

/**
 * Work that is under way: whether all was done, unless it was cancelled.
 * @typedef {{ done: Promise<unknown>, cancel: () => unknown }} Work
 */

export class Upkeep {
  #begin;
  /** Keys of repositories that are due. @type {Set<number>} */
  #due = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {{ key: number, work: Work } | null} */
  #running = null;
  /** Whether calls are under way. */
  #paused = false;

  /** @param {(key: number) => Work | null} begin begins work on a repository, if it is open */
  constructor(begin) {
    this.#begin = begin;
  }

  /** There may be something to do for a repository. @param {number} key */
  note(key) {
    this.#due.add(key);
  }

  /** A call comes. */
  pause() {
    this.#paused = true;
    clearTimeout(this.#timer);
    this.#running?.work.cancel();
  }

  /** No call is under way any more. */
  resume() {
    this.#paused = false;
    this.#wait(IDLE);
  }

  /** A repository was closed. @param {number} key */
  forget(key) {
    this.#due.delete(key);
    if (this.#running?.key === key) this.#running.work.cancel();
  }

  /** Nothing can be done any more. */
  end() {
    this.#due.clear();
    clearTimeout(this.#timer);
  }

  /** @param {number} delay */
  #wait(delay) {
    clearTimeout(this.#timer);
    if (this.#due.size > 0 && !this.#paused && !this.#running) this.#timer = setTimeout(() => this.#next(), delay);
  }

  async #next() {
    const [key] = this.#due;
    if (key === undefined) return;
    this.#due.delete(key);
    const work = this.#begin(key);
    let delay = 0;
    if (work) {
      const running = (this.#running = { key, work });
      let cancelled = false;
      const { cancel } = work;
      work.cancel = () => (cancelled = true) && cancel();
      const done = await work.done;
      if (this.#running === running) this.#running = null;
      if (cancelled || done === false) this.#due.add(key);
      delay = cancelled ? IDLE : done === false ? AGAIN : 0;
    }
    this.#wait(delay);
  }
}
