// "Verify in this browser", on the pages of entries and heads. Around a button data-verify-start stands an element that says what:
// data-verify="/entries/7/bundle", data-verify="/provenance/7/bundle" or data-verify="/heads/148/note". What comes of it is shown behind that element.

import { ask } from './engine.js';
import { el, mark, plural, saveButton } from './show.js';
import * as trust from './trust.js';
import { hold, settings, Refusal } from './held.js';
import { compare } from './memory.js';
import { Report } from './report.js';
import * as fetched from './fetched.js';

// evidence fetches and checks what the page is about. It gives the answer, with the head that was verified.
const evidence = {
  async bundle(report, path, key, policy) {
    const [, of, digits] = /^\/(entries|provenance)\/(\d{1,16})\/bundle$/.exec(path);
    const index = Number(digits);
    const file = await fetched.bundle(path);
    report.goes('Checking every signature and every proof …');
    const answer = await ask('bundle', [file, key, policy], (s) => report.step(s));
    report.file = saveButton('Save what was checked (.attestlog)', `${of === 'entries' ? 'entry' : of}-${index}.attestlog`, file);
    if (answer.ok && (of === 'entries' && answer.asked !== 1 || !answer.about.includes(index))) {
      const step = { name: 'about', title: 'What the evidence is about', ok: false, about: -1, inputs: [], detail: `The server was asked about entry ${index}, and the evidence is about another.` };
      report.step(step);
      return { ...answer, ok: false, error: step.detail };
    }
    return answer;
  },
  async note(report, path, key, policy) {
    const note = await fetched.small(path);
    report.goes('Checking the signatures …');
    const answer = await ask('head', [note, key, policy]);
    for (const s of answer.steps ?? []) report.step(s);
    report.file = saveButton('Save what was checked (.note)', 'head.note', note, 'text/plain');
    const size = Number(/^\/heads\/(\d{1,16})\/note$/.exec(path)[1]);
    if (answer.ok && answer.head.size !== size) return { ...answer, ok: false, error: `The server was asked for the head of ${size} entries, and gave that of ${answer.head.size}.` };
    return answer;
  },
};

async function verify(report, path, again) {
  report.goes('Loading the verifier, about 1 MB, once …');
  const { origin, key, step } = await hold(await fetched.logKey(), 'this server');
  report.step(step);
  report.add(settings(origin, key, again));
  report.goes('Fetching the evidence …');
  const kind = path.endsWith('/bundle') ? 'bundle' : 'note';
  const answer = await evidence[kind](report, path, key, trust.policy());
  if (!answer.ok) {
    report.fails(answer.error);
    contradict();
    report.add(report.file);
    return;
  }
  report.goes('Comparing with what this browser saw before …');
  const before = await compare({ origin, key, head: answer.head, path: fetched.path, note: fetched.note });
  report.step(before.step);
  if (before.silent) {
    report.breaks(before.step.detail, 'The evidence holds by itself, and couldn’t be held against what was seen before.');
    report.add(el('p', {}, 'Try again. If it stays so, keep these files, and show them to whoever monitors this log.'));
    report.add(el('p', { class: 'actions' }, ...before.saves, report.file));
    return;
  }
  if (!before.step.ok) {
    contradict();
    report.alarm(before.step.title, el('p', {}, before.step.detail), el('p', {}, 'Keep these files, and show them to whoever monitors this log: the log can’t take them back.'), el('p', { class: 'actions' }, ...before.saves, report.file));
    return;
  }
  conclude(report, answer, kind);
  report.took(answer.ms);
  report.add(el('p', {}, report.file));
}

// contradict says at the top of the page that what stands there isn't borne out: whoever made the evidence may have made the page.
function contradict() {
  document.querySelector('main .contradicted')?.remove();
  document.querySelector('main h1')?.after(el('p', { class: 'verdict refused contradicted' }, mark('refused', 'refuted'), ' Your browser checked the evidence, and it does not hold. Don’t go by what this page says: ', el('a', { href: '#verified-here' }, 'see why'), '.'));
}

function conclude(report, answer, kind) {
  if (kind === 'note') {
    report.ends('holds', 'proven', 'verified', `${answer.head.origin} signed this head of ${answer.head.size.toLocaleString('en')} entries, and nothing that this browser saw contradicts it.`);
    return;
  }
  if (answer.asked > 1) {
    const verdicts = Object.entries(answer.verdicts).map(([verdict, n]) => `${n.toLocaleString('en')} ${verdict}`).join(', ');
    report.ends('holds', answer.doubts.length ? 'doubt' : answer.verdicts.proven === answer.asked ? 'proven' : 'claimed', 'verified', `Everything that can be checked of ${plural(answer.asked, 'entry')} was checked in this browser, and holds: ${verdicts}.`);
    report.claims(answer);
    return;
  }
  const [claim] = answer.claims;
  const shape = claim.doubts.length ? 'doubt' : { proven: 'proven', claimed: 'claimed', waiting: 'waiting', refused: 'refused' }[claim.verdict];
  report.ends('holds', shape, claim.verdict, `Everything that can be checked was checked in this browser. ${claim.sentence}`);
  report.claims(answer);
}

// wire makes the button of one place work.
function wire(place) {
  const button = place.querySelector('[data-verify-start]');
  if (!button) return;
  const region = el('section', { class: 'checked', 'data-verify-result': true, id: 'verified-here', 'aria-label': 'Verification in this browser', hidden: true });
  place.after(region);
  const run = async () => {
    button.disabled = true;
    document.querySelector('main .contradicted')?.remove();
    const report = new Report(region, 'Checked in this browser');
    try {
      await verify(report, place.dataset.verify, run);
    } catch (error) {
      if (error instanceof Refusal && error.children.length) report.alarm(error.message, ...error.children);
      else report.breaks(`${error.message ?? error}`);
    }
    button.disabled = false;
    button.replaceChildren('Verify again');
  };
  button.addEventListener('click', run);
  button.hidden = false;
}

document.querySelectorAll('[data-verify]').forEach(wire);
