// One verification on the page: what goes on, each step as it is done, and what it comes to.

import { el, mark, stepItem, sentences, shapes, moment, plural } from './show.js';
import { policy } from './trust.js';

const listed = 2_000; // steps that are listed one by one

// unasked stands in place of cosignatures where the reader has named no witnesses.
const unasked = { name: 'witnesses', title: 'Cosignatures: your policy', ok: true, about: -1, inputs: [],
  detail: 'You have named no witnesses, so that nobody but the log vouches that everybody is shown this same history. Paste your policy below.' };

// Report is the place on the page for one verification after the other. Its data-state is running, holds, fails or alarm; steps have
// data-step and data-ok.
export class Report {
  constructor(place, title) {
    this.place = place;
    this.say = el('p', { class: 'finding', role: 'status' });
    this.bar = el('progress', { 'aria-label': 'Verifying' });
    this.steps = el('ol', { class: 'checks' });
    this.more = el('div');
    this.known = 0;
    this.groups = new Map();
    this.policy = policy() !== '';
    place.replaceChildren(el('h2', {}, title), el('div', { class: 'verdict claimed' }, this.say, this.bar), this.steps, this.more);
    place.dataset.state = 'running';
    place.hidden = false;
  }

  goes(what) { this.say.replaceChildren(mark('waiting', 'running'), ` ${what}`); }

  step(s, word) {
    this.known++;
    if (this.known <= listed || !s.ok) this.group(s).append(stepItem(s, word));
    if (s.name === 'head' && s.ok && !this.policy) this.steps.append(stepItem(unasked, 'not asked'));
  }

  // group is the list where a step belongs: among those about everything, or those about one entry, which are folded away where there are several.
  group(s) {
    if (!(s.about >= 0)) return this.steps;
    if (!this.groups.has(s.about)) {
      const list = el('ol', { class: 'checks' });
      const fold = el('details', { open: this.groups.size === 0 }, el('summary', {}, `Entry ${s.about.toLocaleString('en')}, check by check`), list);
      for (const g of this.groups.values()) g.fold.open = g.failed;
      this.groups.set(s.about, { fold, list, failed: false });
      this.steps.append(el('li', { class: 'group' }, fold));
    }
    const g = this.groups.get(s.about);
    if (!s.ok) g.failed = g.fold.open = true;
    return g.list;
  }

  // ends says what it comes to: of a shape and a word, with a sentence.
  ends(state, shape, word, sentence) {
    this.place.dataset.state = state;
    this.bar.remove();
    this.say.parentElement.className = `verdict ${shape}`;
    this.say.replaceChildren(mark(shape, word), ' ', el('bdi', {}, sentence));
    if (this.known > listed) this.steps.append(el('li', { class: 'quiet' }, `${plural(this.known - listed, 'more step')}, which hold, are not listed.`));
  }

  fails(error) { this.ends('fails', 'refused', 'refuted', error); }

  // breaks off where not all could be checked: that says nothing about the evidence.
  breaks(error, how = 'Nothing was verified:') { this.ends('fails', 'doubt', 'trouble', `${how} ${error}`); }

  // took says how long the checks took, without what was fetched.
  took(ms) { this.add(el('p', { class: 'small quiet' }, `Checked in ${ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`} in this browser, by the Go program that the server and the command line run.`)); }

  // alarm is louder than a failure: something that an honest log can't do.
  alarm(title, ...children) {
    this.place.dataset.state = 'alarm';
    this.bar.remove();
    this.say.parentElement.className = 'verdict refused';
    this.say.replaceChildren(mark('refused', 'alarm'), ' ', el('strong', {}, title));
    this.say.setAttribute('role', 'alert');
    this.steps.before(el('div', { class: 'alarming' }, ...children));
  }

  add(...children) { this.more.append(...children); }

  // claims tells of the entries that a bundle is about.
  claims(answer) {
    const several = answer.claims.length > 3;
    for (const c of answer.claims) {
      const shape = c.doubts.length ? 'doubt' : shapes[c.verdict];
      const title = [mark(shape, c.verdict), c.doubts.length ? ', in doubt' : '', ` Entry ${c.index.toLocaleString('en')}: ${c.kind}`];
      const what = [
        el('p', { class: 'small quiet' }, 'About ', el('bdi', {}, c.subject), ', said by ', el('bdi', {}, c.source), `, logged ${moment(c.logged)}`),
        ...sentences([mark('doubt', 'in doubt')], c.doubts, 'h4'), ...sentences('Proven', c.proven, 'h4'), ...sentences('Only claimed', c.claimed, 'h4'),
        el('details', {}, el('summary', {}, 'What the source signed'), el('pre', {}, pretty(c.payload)))];
      const about = { class: 'claim', 'data-entry': String(c.index), 'data-verdict': c.verdict };
      this.add(several ? el('details', about, el('summary', {}, ...title), ...what) : el('article', about, el('h3', {}, ...title), ...what));
    }
    if (answer.unlisted > 0) this.add(el('p', {}, `${plural(answer.unlisted, 'more entry')} were verified in the same way, and are not listed.`));
    this.add(...sentences('Stays trusted', answer.trusted));
  }
}

export function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
