// Holds a head that was just verified against the one that this browser saw before. A log has one history: whoever shows two is caught here.

import { ask } from './engine.js';
import { seen, keep } from './trust.js';
import { saveButton } from './show.js';

const encoder = new TextEncoder();
const bytes = (text) => encoder.encode(text);
const safe = (name) => name.replace(/[^A-Za-z0-9._-]+/g, '-');

function step(ok, detail, inputs = [], title = 'One history: the head that you saw before') {
  return { name: 'memory', title, ok, detail, inputs, about: -1 };
}

const both = (a, b) => [
  { name: `the head of ${a.size} entries, seen ${a.at ?? 'now'}`, value: a.note.trimEnd() },
  { name: `the head of ${b.size} entries, ${b.at ? `seen ${b.at}` : 'shown now'}`, value: b.note.trimEnd() },
];

// notes are both heads as files: evidence, whatever they show.
const notes = (origin, a, b) => [
  saveButton(`Save the head of ${a.size} entries`, `${safe(origin)}-${a.size}-first.note`, a.note, 'text/plain'),
  saveButton(`Save the other head, of ${b.size} entries`, `${safe(origin)}-${b.size}-second.note`, b.note, 'text/plain'),
];

// contradiction is what to say, and to give to take home, where two heads can't be of one history.
async function contradiction(origin, key, kept, head, detail) {
  const keepable = notes(origin, kept, head);
  let words = detail;
  if (kept.size === head.size) {
    const made = await ask('makeFork', [bytes(kept.note), bytes(head.note), key]);
    if (made.ok) {
      words = `${made.detail}. Whoever knows the log’s key is convinced by these two notes`;
      keepable.unshift(saveButton('Save the evidence of the fork (.attestlog-fork)', `${safe(origin)}.attestlog-fork`, made.file, 'text/plain'));
    }
  }
  return { step: step(false, words, both(kept, head), 'Two histories'), fork: true, saves: keepable };
}

// compare checks the head against the one that is remembered. Without a server, hashes can't be had: then only heads of one size are
// compared. path gets the hashes between two sizes, one a line in hex; note gets the server's head of a size. An answer that is silent doesn't
// hold, and shows nothing against the log: it may be out of reach, or hide something.
export async function compare({ origin, key, head, path, note }) {
  const kept = seen(origin);
  if (!kept) {
    keep(origin, head);
    return { step: step(true, `This browser has not seen a head of ${origin} before. It keeps this one, and holds every later one against it.`, [], 'One history: first visit') };
  }
  if (kept.size === head.size) {
    if (kept.root === head.root) return { step: step(true, `It is the head that this browser saw before, ${kept.at}.`, both(kept, head)) };
    return contradiction(origin, key, kept, head, 'This is another tree of as many entries than the one that you were shown before');
  }
  const [older, newer] = kept.size < head.size ? [kept, head] : [head, kept];
  if (!path) {
    return { step: { ...step(true, `You have seen a head of ${kept.size} entries, and this one has ${head.size}. To see that one continues the other takes hashes of the log: visit its viewer.`), unasked: true } };
  }
  if (older.size === 0) {
    keep(origin, head);
    return { step: step(true, `This browser saw the empty log before, on ${kept.at}: every history begins with it.`, both(kept, head)) };
  }
  let hashes;
  try {
    hashes = await path(older.size, newer.size);
  } catch (error) {
    return { step: step(false, `This browser saw a head of ${kept.size} entries before, and the server doesn’t show that the head of ${head.size} is of the same history: ${error.message}.`, both(kept, head)), silent: true, saves: notes(origin, kept, head) };
  }
  const answer = await ask('consistency', [bytes(older.note), bytes(newer.note), hashes, key]);
  if (answer.ok) {
    keep(origin, head);
    return { step: { ...answer.steps[0], name: 'memory', title: 'One history: the head that you saw before', detail: `${answer.steps[0].detail}. You saw that of ${kept.size} entries on ${kept.at}.` } };
  }
  // Perhaps the log has meanwhile another head of the size that was seen: two heads of one size say it all.
  try {
    const other = note && await note(kept.size);
    const opened = other && await ask('head', [bytes(other), key, '']);
    if (opened?.ok && opened.head.size === kept.size && opened.head.root !== kept.root) {
      return await contradiction(origin, key, kept, { ...opened.head }, 'The log shows another head of that size now');
    }
  } catch { /* the server has none: what is known is enough */ }
  return contradiction(origin, key, kept, head, `The tree of ${newer.size} entries doesn’t continue that of ${older.size} entries: ${answer.error}`);
}
