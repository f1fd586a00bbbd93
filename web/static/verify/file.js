// Files that are dropped on the page, or chosen, are checked here: nothing of them leaves the browser. The same script is in the page that
// can be saved, where there is no server at all.

import { ask } from './engine.js';
import { el, plural } from './show.js';
import * as trust from './trust.js';
import { hold, settings, Refusal } from './held.js';
import { compare } from './memory.js';
import { Report, pretty } from './report.js';

const mostBundle = 32 * 2 ** 20;
const mostFiles = 2;

const decoder = new TextDecoder();
const firstLines = (bytes) => decoder.decode(bytes.subarray(0, 256 * 1024));

// kindOf tells by its content what a file is, and finds the name of the log that it is about: the first line of the head in it.
function kindOf(bytes) {
  const text = firstLines(bytes);
  const line = (from) => text.slice(from).split('\n', 1)[0];
  let m;
  if (text.startsWith('attestlog-bundle/v1\n')) return { kind: 'bundle', origin: text.split('\n', 3)[2] };
  if (text.startsWith('attestlog-fork/v1\n')) return { kind: 'fork', origin: (m = /\nfirst \d+\n/.exec(text)) ? line(m.index + m[0].length) : undefined };
  if (text.startsWith('c2sp.org/tlog-proof@v1\n')) return { kind: 'proof', origin: (m = /\n\n/.exec(text)) ? line(m.index + 2) : undefined };
  if (/^[^\n]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n— /.test(text)) return { kind: 'note', origin: line(0) };
  return { kind: 'leaf' };
}

// sort makes of the files that were given one thing to check, or says what is missing.
async function sort(files) {
  if (files.length === 0) throw new Error('There is no file among what was dropped.');
  if (files.length > mostFiles) throw new Error(`These are ${plural(files.length, 'file')}. Give one bundle, fork or head, or a leaf with its .tlog-proof.`);
  const all = [];
  for (const file of files) {
    if (file.size > mostBundle) throw new Error(`${file.name} has ${plural(file.size, 'byte')}, and no evidence has more than ${mostBundle.toLocaleString('en')}.`);
    const bytes = new Uint8Array(await file.arrayBuffer());
    all.push({ name: file.name, bytes, ...kindOf(bytes) });
  }
  const proof = all.find((f) => f.kind === 'proof');
  const leaf = all.find((f) => f.kind === 'leaf');
  if (all.length === 2 && proof && leaf) return { kind: 'receipt', origin: proof.origin, proof: proof.bytes, leaf: leaf.bytes, name: leaf.name };
  if (all.length === 2) throw new Error('Two files are checked together only if one is a leaf and the other its .tlog-proof.');
  if (proof) throw new Error('A .tlog-proof is about a leaf: give both files together.');
  if (leaf) throw new Error(`${leaf.name} is neither a bundle (.attestlog) nor evidence of a fork (.attestlog-fork), and no head. If it is a leaf, give its .tlog-proof with it.`);
  return all[0];
}

// keyFor finds the key to hold a log to: the reader's own, the page's, or the one that was seen before.
async function keyFor(origin, shown) {
  const known = trust.pinned(origin);
  if (known?.own) return hold(known.key, 'what you gave');
  if (shown) {
    const read = await ask('key', [shown]);
    if (read.ok && read.origin === origin) return hold(shown, 'this page');
  }
  if (known) return hold(known.key, 'this browser');
  throw new Refusal(`No key of ${origin ?? 'this log'} is known here`, el('p', {}, 'The file is about the log ', el('strong', {}, el('bdi', {}, origin ?? 'of no readable name')), '. Paste that log’s public key under “Your own key and witnesses” below, and try again.'));
}

const calls = {
  bundle: (e, key, policy, watch) => ask('bundle', [e.bytes, key, policy], watch),
  note: (e, key, policy) => ask('head', [e.bytes, key, policy]),
  receipt: (e, key, policy) => ask('receipt', [e.leaf, e.proof, key, policy]),
  fork: (e, key) => ask('fork', [e.bytes, key]),
};

async function check(report, evidence, shown) {
  report.goes('Loading the verifier …');
  const { origin, key, step } = await keyFor(evidence.origin, shown);
  report.step(step);
  report.goes('Checking every signature and every proof …');
  const policy = trust.policy();
  const answer = await calls[evidence.kind](evidence, key, policy, (s) => report.step(s));
  for (const s of answer.steps ?? []) report.step(s);
  if (evidence.kind === 'fork') {
    if (answer.ok) report.alarm('This file shows a fork', el('p', {}, el('bdi', {}, answer.steps[0].detail)), el('p', {}, 'It convinces whoever knows the log’s key. Rely on nothing that this log says, and hand the file on.'));
    else report.fails(`This file shows nothing against the log: ${answer.error}`);
    return;
  }
  if (!answer.ok) {
    report.fails(answer.error);
    return;
  }
  const before = await compare({ origin, key, head: answer.head });
  report.step(before.step, before.step.unasked ? 'not asked' : undefined);
  if (!before.step.ok) {
    report.alarm(before.step.title, el('p', {}, before.step.detail), el('p', {}, 'Keep these files, and show them to whoever monitors this log.'), el('p', { class: 'actions' }, ...before.saves));
    return;
  }
  conclude(report, evidence, answer);
  report.took(answer.ms);
}

const conclusions = {
  bundle(report, _, answer) {
    const verdicts = Object.entries(answer.verdicts).map(([verdict, n]) => `${n.toLocaleString('en')} ${verdict}`).join(', ');
    report.ends('holds', answer.doubts.length ? 'doubt' : answer.verdicts.proven === answer.asked ? 'proven' : 'claimed', 'verified',
      `The bundle holds: ${plural(answer.asked, 'entry')} of ${answer.head.origin}, in a tree of ${answer.head.size.toLocaleString('en')} (${verdicts}).`);
    report.claims(answer);
  },
  note(report, _, answer) {
    report.ends('holds', 'proven', 'verified', `${answer.head.origin} signed this head of ${plural(answer.head.size, 'entry')}.`);
  },
  receipt(report, _, answer) {
    report.ends('holds', 'claimed', 'in the log', `Entry ${answer.entry.index} is in the log ${answer.head.origin} of ${plural(answer.head.size, 'entry')}. Nothing more is shown by a leaf and its proof.`);
    report.add(el('details', {}, el('summary', {}, 'What the source signed'), el('pre', {}, pretty(answer.entry.payload))));
    report.add(el('h3', {}, 'Stays trusted'), el('ul', {}, ...answer.trusted.map((t) => el('li', {}, t))));
  },
};

const conclude = (report, evidence, answer) => conclusions[evidence.kind](report, evidence, answer);

function wireFiles(drop) {
  const region = document.querySelector('[data-verify-result]');
  const input = drop.querySelector('input[type=file]');
  const shown = drop.dataset.key;
  let last = [];
  let busy = false;
  let next;
  // run checks files, one lot after the other; of those that come meanwhile, the last.
  const run = async (files) => {
    if (busy) {
      next = files;
      return;
    }
    busy = true;
    last = files;
    const report = new Report(region, files.map((f) => f.name).join(' and ') || 'Files');
    try {
      await check(report, await sort(files), shown);
    } catch (error) {
      if (error instanceof Refusal) report.alarm(error.message, ...error.children);
      else report.breaks(`${error.message ?? error}`);
    }
    busy = false;
    const waiting = next;
    next = undefined;
    if (waiting) run(waiting);
  };
  input.disabled = false;
  input.addEventListener('change', () => { if (input.files.length) run([...input.files]); });
  drop.addEventListener('dragover', (e) => { e.preventDefault(); drop.classList.add('over'); });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (e) => { e.preventDefault(); drop.classList.remove('over'); run([...e.dataTransfer.files]); });
  // A file that misses the field must not replace the page.
  for (const type of ['dragover', 'drop']) addEventListener(type, (e) => e.preventDefault());
  region.after(settings(undefined, shown, () => last.length && run(last)));
}

document.querySelectorAll('[data-verify-drop]').forEach(wireFiles);
