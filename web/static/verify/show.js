// Puts what was found on the page. Everything goes in as text, never as markup, with what could hide or turn it around made visible.

// el makes an element: el('p', {class: 'small'}, 'text', element, …).
export function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (v === true) e.setAttribute(k, '');
    else if (v !== false && v !== undefined) e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c !== undefined && c !== false).map((c) => (typeof c === 'string' ? visible(c) : c)));
  return e;
}

const most = 20_000; // characters of one text

// visible writes characters that can't be seen, that steer how others are shown, or that fall out of their line, as their numbers; lines stay
// lines. The pages do the same (words.Visible).
export function visible(text) {
  const shown = text.length > most ? `${text.slice(0, most)}… (${text.length - most} more characters)` : text;
  return shown.replace(/[^\n\P{C}]|[\p{Zl}\p{Zp}\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}\u{115F}\u{1160}\u{3164}\u{FFA0}]|(?! )\p{Zs}|(?<=[\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]/gu, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

const svg = 'http://www.w3.org/2000/svg';

// mark is a verdict: a word, a shape and a colour.
export function mark(shape, word) {
  const drawing = document.createElementNS(svg, 'svg');
  const use = document.createElementNS(svg, 'use');
  for (const [k, v] of [['class', 'shape'], ['width', '14'], ['height', '14'], ['aria-hidden', 'true']]) drawing.setAttribute(k, v);
  use.setAttribute('href', `#shape-${shape}`);
  drawing.append(use);
  return el('span', { class: `mark ${shape}` }, drawing, word);
}

export const shapes = { proven: 'proven', claimed: 'claimed', waiting: 'waiting', refused: 'refused', refuted: 'refused' };

const count = (n, noun) => `${n.toLocaleString('en')} ${n === 1 ? noun : noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;

export const plural = count;

// stepMark is how a check went. Keys that one party made hold, and are not to be trusted; a fork that is shown is nothing good.
function stepMark({ name, ok, detail }, word) {
  if (word) return mark('claimed', word);
  if (!ok) return mark('refused', 'fails');
  if (name === 'fork') return mark('refused', 'shown');
  return detail.includes('UNTRUSTED') ? mark('doubt', 'UNTRUSTED') : mark('proven', 'holds');
}

// stepItem is one check, with what it was made of folded away. A word stands in place of a verdict where nothing was checked.
export function stepItem(step, word) {
  const { name, title, ok, detail, inputs, about } = step;
  const head = [stepMark(step, word), ' ', el('strong', {}, title), about >= 0 ? el('span', { class: 'quiet' }, ` · entry ${about}`) : undefined];
  const found = el('p', { class: 'found' }, el('bdi', {}, detail));
  const list = inputs.length ? el('dl', { class: 'facts inputs whole' }, ...inputs.flatMap(({ name: n, value }) => [el('dt', {}, el('bdi', {}, n)), el('dd', {}, el('code', { class: 'lines' }, value))])) : undefined;
  const body = list ? el('details', {}, el('summary', {}, 'What went in'), list) : undefined;
  return el('li', { class: `check ${word ? 'open' : ok ? 'good' : 'bad'}`, 'data-step': name, 'data-ok': String(ok), 'data-about': String(about) }, el('p', { class: 'what' }, ...head), found, body);
}

// sentences is a list of them under a heading; nothing where there are none.
export function sentences(title, all, level = 'h3') {
  if (!all?.length) return [];
  return [el(level, {}, ...[title].flat()), el('ul', {}, ...all.map((s) => el('li', {}, el('bdi', {}, s))))];
}

// saveButton offers bytes or a text as a file.
export function saveButton(label, name, content, type = 'application/octet-stream') {
  return el('button', {
    type: 'button',
    onclick: () => {
      const url = URL.createObjectURL(new Blob([content], { type }));
      el('a', { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
  }, label);
}

// time is a moment, of milliseconds or a text that Date reads.
export function moment(at) {
  const t = new Date(at);
  if (Number.isNaN(t.getTime())) return '';
  return `${t.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
