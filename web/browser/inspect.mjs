// inspect looks at one page as people see it: on a desk and on a phone; and, if it is to be thorough, in the dark too, printed, without
// JavaScript, and by keyboard. It is loaded once, and the window changes around it.

import { writeFile } from 'node:fs/promises';
import { watched, wide, judged } from './watch.mjs';

const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

// What a scheme changes, and what a small window does. All else is the same as on the desk in the light.
const ofColour = ['color-contrast', 'link-in-text-block'];
const ofSize = [...ofColour, 'target-size', 'region', 'scrollable-region-focusable', 'aria-hidden-focus', 'landmark-unique', 'meta-viewport'];

export default async function inspect(browser, { axe }, { origin, path, name, thorough, screenshots }) {
  const { page, seen, close } = await watched(browser, { origin, ...sizes.desktop });
  const out = { seen, complaints: [], wide: [] };
  try {
    const answer = await page.goto(origin + path, { waitUntil: 'load' });
    out.status = answer.status();
    Object.assign(out, await page.evaluate(() => ({
      title: document.title, headings: [...document.querySelectorAll('h1')].map((h) => h.innerText), hacked: globalThis.hacked ?? null, url: location.href,
      bytes: performance.getEntries().filter((e) => ['navigation', 'resource'].includes(e.entryType) && !/\.wasm$/.test(e.name)).reduce((sum, e) => sum + e.encodedBodySize, 0),
    })));
    const picture = await camera(page);
    for (const [size, window] of Object.entries(sizes)) {
      if (size !== 'desktop') await page.setViewportSize(window);
      for (const scheme of thorough ? ['light', 'dark'] : ['light']) {
        await page.emulateMedia({ colorScheme: scheme });
        await picture(`${screenshots}/${name}-${size}-${scheme}.png`, window.width, thorough && scheme === 'light' ? 16_000 : 3000); // elsewhere the beginning will do
        const rules = { 'desktop light': 'all', 'desktop dark': thorough && ofColour, 'phone light': thorough && ofSize }[`${size} ${scheme}`];
        if (rules) out.complaints.push(...(await judged(page, axe, rules)).map((c) => `${size}, ${scheme}: ${c}`));
      }
      out.wide.push(...(await page.evaluate(wide)).map((w) => `${size}: ${w}`));
    }
    await page.setViewportSize(sizes.desktop);
    await page.emulateMedia({ colorScheme: 'light' });
    if (thorough) out.keyboard = await keyboard(page);
    if (thorough) out.print = await print(page, `${screenshots}/${name}-print.pdf`);
  } finally {
    await close();
  }
  if (thorough) out.plain = await plain(browser, { origin, path });
  return out;
}

// camera takes pictures of a page from its top, of as much of its height as is allowed.
async function camera(page) {
  const cdp = await page.context().newCDPSession(page);
  return async (path, width, most) => {
    // Two frames later what changed is painted.
    const height = Math.min(most, await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(() => done(document.documentElement.scrollHeight))); })));
    const { data } = await cdp.send('Page.captureScreenshot', { optimizeForSpeed: true, captureBeyondViewport: true, clip: { x: 0, y: 0, width, height, scale: 1 } });
    await writeFile(path, Buffer.from(data, 'base64'));
  };
}

// keyboard goes through the page with the Tab key, as somebody does who has no mouse.
async function keyboard(page) {
  const most = 80; // in a list of many rows the last ones are like the first
  const controls = await page.evaluate((most) => {
    const look = (e) => { const s = getComputedStyle(e); return `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor} ${s.boxShadow} ${s.borderColor} ${s.backgroundColor}`; };
    const name = (e) => `${e.tagName.toLowerCase()} ${e.getAttribute('href') ?? e.id} ${e.textContent.trim().slice(0, 40)}`;
    const groups = new Set(); // of radio buttons, of which one is in the order
    const wanted = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex="-1"])')]
      .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && (e.type !== 'radio' || !groups.has(e.name) && groups.add(e.name)));
    const looks = new Map(wanted.map((e) => [e, look(e)]));
    const kept = globalThis.__keyboard = { first: '', missed: [], unseen: [], reached: new Set(), wanted, name };
    addEventListener('focusin', ({ target: e }) => {
      kept.first ||= name(e);
      const box = e.getBoundingClientRect();
      if (!looks.has(e)) kept.missed.push(`the focus went to ${name(e)}, which is no control`);
      else if (look(e) === looks.get(e) || box.right <= 0 || box.left >= innerWidth || box.bottom <= 0 || box.top >= innerHeight) kept.unseen.push(name(e));
      kept.reached.add(e);
    });
    document.activeElement?.blur?.();
    getSelection()?.removeAllRanges();
    scrollTo(0, 0);
    const parts = wanted.slice(0, most).filter((e) => ['date', 'time', 'datetime-local'].includes(e.type)).length * 3; // each of day, month, year and calendar is a stop
    return Math.min(wanted.length, most) + parts;
  }, most);
  for (let i = 0; i < controls; i++) await page.keyboard.press('Tab');
  const out = await page.evaluate((most) => {
    const { first, missed, unseen, reached, wanted, name } = globalThis.__keyboard;
    if (wanted.length <= most) missed.push(...wanted.filter((e) => !reached.has(e)).map(name));
    return { first, missed, unseen, controls: wanted.length };
  }, most);
  await page.focus('body > a.skip');
  await page.keyboard.press('Enter');
  out.skipped = await page.evaluate(() => document.activeElement?.id ?? '');
  return out;
}

// print makes a PDF of the page.
async function print(page, path) {
  await page.emulateMedia({ media: 'print' });
  const pdf = await page.pdf({ format: 'A4', printBackground: true });
  await writeFile(path, pdf);
  return { bytes: pdf.length, wide: await page.evaluate(wide), ...await page.evaluate(() => ({ text: document.querySelector('main')?.innerText.length ?? 0, navigation: [...document.querySelectorAll('nav')].filter((n) => n.checkVisibility()).length })) };
}

// plain is the page without JavaScript.
async function plain(browser, { origin, path }) {
  const { page, seen, close } = await watched(browser, { origin, javascript: false });
  try {
    const answer = await page.goto(origin + path, { waitUntil: 'load' });
    const dead = []; // what does nothing here, or is meant to be hidden, and is seen
    for (const e of await page.locator('[hidden], button[type=button]').all()) if (await e.isVisible()) dead.push(await e.innerText());
    return { seen, status: answer.status(), dead, text: (await page.locator('main').innerText()).slice(0, 4000) };
  } finally {
    await close();
  }
}
