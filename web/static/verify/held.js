// The log's key, and whose cosignatures count: where they come from, what this browser remembers of them, and how the reader changes them.

import { ask } from './engine.js';
import { el, mark, moment, plural } from './show.js';
import * as trust from './trust.js';

const hash = (key) => key.split('+').slice(0, 2).join('+');

// Refusal is a reason to go no further, with what to show beside it.
export class Refusal extends Error {
  constructor(message, ...children) {
    super(message);
    this.children = children;
  }
}

// sameLog refuses a server that shows another log than before: under a new name it would have a new key, and nothing to be held against.
function sameLog(origin) {
  if (location.protocol === 'file:') return;
  const before = trust.served();
  if (before !== undefined && before !== origin) {
    throw new Refusal(`This server showed another log before: ${before}`,
      el('p', {}, 'Now it shows the key of ', el('strong', {}, el('bdi', {}, origin)), '. What this browser remembers of the other log can’t be held against a log of another name. Nothing was verified.'),
      el('p', {}, 'Only if you know that this server is to show another log now, such as a program of your own on this machine: '),
      el('p', {}, el('button', { type: 'button', 'data-verify-other-log': true, onclick: () => { trust.setServed(origin); location.reload(); } }, 'Go on with this log')));
  }
  trust.setServed(origin);
}

// hold takes a key that somebody shows as a log's, and holds it against the one that this browser knows. It gives {origin, key, step}, or
// throws a Refusal: of another key than before nobody but the reader can say that it is right.
export async function hold(shown, from) {
  const read = await ask('key', [shown]);
  if (!read.ok) throw new Refusal(`${from} gave no key: ${read.error}`);
  const { origin, key } = read;
  if (from === 'this server' || from === 'this page') sameLog(origin); // the page came from the server as well
  const known = trust.pinned(origin);
  const inputs = [{ name: 'the log’s key', value: key }];
  if (!known) {
    const kept = trust.pin(origin, key, false);
    return { origin, key, step: { name: 'key', title: 'The log’s key', ok: true, about: -1, inputs,
      detail: `${hash(key)}, from ${from}: seen here for the first time${kept ? ', and kept: another one will be refused' : '; this browser keeps nothing, so compare it yourself'}. Better: compare it with the key that you got from somebody whom you trust.` } };
  }
  if (known.key !== key) {
    throw new Refusal(`The key of ${origin} has changed`,
      el('p', {}, `${from[0].toUpperCase()}${from.slice(1)} shows another key for this log than the one that ${known.own ? 'you gave' : 'this browser saw'} ${moment(known.since)}. A log’s key doesn’t change. Nothing was verified.`),
      el('dl', { class: 'facts whole' }, el('dt', {}, 'The key that is kept'), el('dd', {}, el('code', { class: 'lines' }, known.key)), el('dt', {}, 'The key that is shown now'), el('dd', {}, el('code', { class: 'lines' }, key))),
      el('p', {}, 'Ask whoever told you the log’s key, by another way than this page. Only if they say that the old one is void: '),
      el('p', {}, el('button', { type: 'button', 'data-verify-forget': true, onclick: () => { trust.forget(origin); location.reload(); } }, 'Forget the kept key and all heads of this log')));
  }
  return { origin, key, step: { name: 'key', title: 'The log’s key', ok: true, about: -1, inputs,
    detail: `${hash(key)}, ${known.own ? 'which you gave' : 'seen first'} ${moment(known.since)}, and the same since` } };
}

// remembered says what this browser knows of a log.
function remembered(origin) {
  const key = origin && trust.pinned(origin);
  const head = origin && trust.seen(origin);
  if (!key) return [];
  return [el('p', { class: 'small' }, 'This browser remembers of ', el('bdi', {}, origin), `: its key, since ${moment(key.since)}${head ? `, and a head of ${plural(head.size, 'entry')}, seen ${moment(head.at)}` : ''}.`)];
}

// settings are the two things that the reader brings herself. changed is called where she changed one.
export function settings(origin, key, changed) {
  const keyField = el('textarea', { id: 'verify-key', rows: '2', spellcheck: 'false', autocomplete: 'off', 'aria-describedby': 'verify-key-said' }, key ?? '');
  const policyField = el('textarea', { id: 'verify-policy', rows: '6', spellcheck: 'false', autocomplete: 'off', placeholder: 'witness NAME KEY\nquorum NAME', 'aria-describedby': 'verify-policy-said' });
  policyField.value = trust.policy();
  const keySaid = el('p', { class: 'small quiet', id: 'verify-key-said', role: 'status' }, 'As somebody gave it to you whom you trust: the operator’s key as this page shows it proves nothing against the operator.');
  const policySaid = el('p', { class: 'small quiet', id: 'verify-policy-said', role: 'status' }, 'A C2SP tlog-policy: whose cosignatures a head must have. Empty: none is asked for.');
  const useKey = async () => {
    const read = await ask('key', [keyField.value]);
    if (!read.ok) return keySaid.replaceChildren(mark('refused', 'refused'), ` ${read.error}`);
    if (origin && read.origin !== origin) return keySaid.replaceChildren(mark('refused', 'refused'), ` That is the key of ${read.origin}, and this is about ${origin}.`);
    const known = trust.pinned(read.origin);
    if (known && known.key !== read.key) trust.forget(read.origin);
    trust.pin(read.origin, read.key, true);
    keySaid.replaceChildren(mark('proven', 'active'), ` From now on ${read.origin} is held to this key.`);
    return changed?.();
  };
  const usePolicy = async () => {
    if (policyField.value.trim() !== '') {
      const read = await ask('policy', [policyField.value]);
      if (!read.ok) return policySaid.replaceChildren(mark('refused', 'refused'), ` ${read.error}`);
      policySaid.replaceChildren(mark('proven', 'active'), ` Asked for: ${read.quorum}.`);
    } else {
      policySaid.replaceChildren('No cosignatures are asked for.');
    }
    trust.setPolicy(policyField.value);
    return changed?.();
  };
  return el('details', { class: 'settings' }, el('summary', {}, 'Your own key and witnesses'),
    el('label', { for: 'verify-key' }, 'The log’s key'), keyField, keySaid, el('p', {}, el('button', { type: 'button', 'data-verify-use-key': true, onclick: useKey }, 'Hold the log to this key')),
    el('label', { for: 'verify-policy' }, 'Your policy of witnesses'), policyField, policySaid, el('p', {}, el('button', { type: 'button', 'data-verify-use-policy': true, onclick: usePolicy }, 'Ask for these witnesses')),
    el('p', { class: 'small quiet' }, 'Both are kept in this browser, and sent to nobody.'), ...remembered(origin));
}
