// inspect looks at one page as people see it: at each size and in each colour scheme, printed, without JavaScript, and by keyboard.

import { writeFile } from 'node:fs/promises';
import { watched, wide, judged } from './watch.mjs';

export default async function inspect(browser, { axe }, { origin, path, name, sizes, screenshots }) {
  const out = { name, path, looks: [] };
  for (const size of sizes) out.looks.push(await look(browser, axe, { origin, path, name, size, screenshots }));
  out.plain = await plain(browser, { origin, path });
  return out;
}

async function look(browser, axe, { origin, path, name, size, screenshots }) {
  const { context, page, seen } = await watched(browser, { origin, ...size });
  const out = { size: size.name, seen, complaints: [], wide: [] };
  try {
    const answer = await page.goto(origin + path, { waitUntil: 'load' });
    out.status = answer.status();
    out.title = await page.title();
    out.headings = await page.evaluate(() => [...document.querySelectorAll('h1')].map((h) => h.innerText));
    out.bytes = await page.evaluate(() => performance.getEntries().filter((e) => ['navigation', 'resource'].includes(e.entryType) && !/\.wasm$/.test(e.name)).reduce((sum, e) => sum + e.encodedBodySize, 0));
    for (const scheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: `${screenshots}/${name}-${size.name}-${scheme}.png`, fullPage: true, animations: 'disabled', caret: 'hide' });
      // Colours are all that a scheme changes.
      out.complaints.push(...(await judged(page, axe, scheme === 'light' ? {} : { runOnly: ['color-contrast', 'link-in-text-block'] })).map((c) => `${scheme}: ${c}`));
      out.wide.push(...await page.evaluate(wide));
    }
    await page.emulateMedia({ colorScheme: 'light' });
    out.hacked = await page.evaluate(() => globalThis.hacked ?? null);
    out.url = page.url();
    if (size.keyboard) out.keyboard = await keyboard(page);
    if (size.print) {
      await page.emulateMedia({ media: 'print' });
      const pdf = await page.pdf({ format: 'A4', printBackground: true });
      await writeFile(`${screenshots}/${name}-print.pdf`, pdf);
      out.print = { bytes: pdf.length, wide: await page.evaluate(wide), text: await page.evaluate(() => document.querySelector('main')?.innerText.length ?? 0),
        navigation: await page.evaluate(() => [...document.querySelectorAll('nav')].filter((n) => n.checkVisibility()).length) };
    }
  } finally {
    await context.close();
  }
  return out;
}

// keyboard goes through the page with the Tab key, as somebody does who has no mouse.
async function keyboard(page) {
  const out = { missed: [], unseen: [], order: [] };
  await page.evaluate(() => { document.activeElement?.blur?.(); getSelection()?.removeAllRanges(); scrollTo(0, 0); });
  const controls = await page.evaluate(() => {
    const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex="-1"]), [contenteditable], audio[controls], video[controls]')]
      .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled);
    // Of a group of radio buttons one is in the order.
    const groups = new Set();
    const wanted = all.filter((e) => { if (e.type !== 'radio') return true; if (groups.has(e.name)) return false; groups.add(e.name); return true; });
    globalThis.__controls = wanted;
    globalThis.__looks = wanted.map((e) => { const s = getComputedStyle(e); return `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor} ${s.boxShadow} ${s.borderColor} ${s.backgroundColor}`; });
    return wanted.length;
  });
  const most = Math.min(controls, 120);
  const reached = new Set();
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      const i = globalThis.__controls.indexOf(e);
      const s = getComputedStyle(e);
      const box = e.getBoundingClientRect();
      const look = `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor} ${s.boxShadow} ${s.borderColor} ${s.backgroundColor}`;
      return { i, changed: i >= 0 && look !== globalThis.__looks[i], inside: box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight, what: `${e.tagName.toLowerCase()} ${e.getAttribute('href') ?? e.id} ${e.textContent.trim().slice(0, 40)}` };
    });
    if (i === 0) out.first = at.what;
    if (at.i >= 0) reached.add(at.i);
    else out.missed.push(`focus went to ${at.what}, which is no control`);
    if (at.i >= 0 && (!at.changed || !at.inside)) out.unseen.push(at.what);
  }
  const left = await page.evaluate(([n, had]) => globalThis.__controls.slice(0, n).map((e, i) => [i, `${e.tagName.toLowerCase()} ${e.getAttribute('href') ?? e.id} ${e.textContent.trim().slice(0, 40)}`]).filter(([i]) => !had.includes(i)).map(([, what]) => what), [most, [...reached]]);
  if (most === controls) out.missed.push(...left);
  out.controls = controls;
  // The skip link: from the top, Tab and Enter lead into the content.
  await page.evaluate(() => { document.activeElement?.blur?.(); getSelection()?.removeAllRanges(); scrollTo(0, 0); });
  await page.focus('body > a.skip');
  await page.keyboard.press('Enter');
  out.skipped = await page.evaluate(() => document.activeElement?.id ?? '');
  return out;
}

// plain is the page without JavaScript.
async function plain(browser, { origin, path }) {
  const { context, page, seen } = await watched(browser, { origin, javascript: false });
  try {
    const answer = await page.goto(origin + path, { waitUntil: 'load' });
    return { seen, status: answer.status(), text: (await page.locator('main').innerText()).slice(0, 4000) };
  } finally {
    await context.close();
  }
}
