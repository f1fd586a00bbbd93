// scenario goes through actions in one tab, which remembers what it saw: a list of objects with one of these members each.
//
//   goto: address                  tamper: [{url, body, type}]    from now on addresses that end so are answered with other bytes (base64)
//   files: [{name, body}]          drop: [{name, body}]           choose files on the page, or drop them
//   click: selector                type: {selector, text}         press: {selector, key}      wait: {selector, text}
//   open: selector, of details     save: address                  keep what is there on the disk, and open it from there, without a network
//   read: name                     wait until a verification is done, and take down what it shows
//   picture: name
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judged, watched, wide } from './watch.mjs';

const buffer = (body) => Buffer.from(body ?? '', 'base64');

const actions = {
  goto: ({ page }, address) => page.goto(address, { waitUntil: 'load' }),
  async tamper(state, list) {
    const first = !state.tampered;
    state.tampered = list;
    if (!first) return;
    await state.page.route('**/*', (route) => {
      const { pathname, search } = new URL(route.request().url());
      const found = state.tampered.find((t) => (pathname + search).endsWith(t.url));
      if (!found) return route.continue();
      state.hit++;
      return found.status ? route.fulfill({ status: found.status, body: '' }) : route.fulfill({ status: 200, contentType: found.type ?? 'application/octet-stream', body: buffer(found.body) });
    });
  },
  files: ({ page }, list) => page.setInputFiles('input[type=file]', list.map((f) => ({ name: f.name, mimeType: 'application/octet-stream', buffer: buffer(f.body) }))),
  async drop({ page }, list) {
    const transfer = await page.evaluateHandle((files) => {
      const t = new DataTransfer();
      for (const f of files) t.items.add(new File([Uint8Array.from(atob(f.body), (c) => c.charCodeAt(0))], f.name));
      return t;
    }, list);
    await page.dispatchEvent('[data-verify-drop]', 'drop', { dataTransfer: transfer });
  },
  click: ({ page }, selector) => page.click(selector),
  wait: ({ page }, { selector, text }) => page.waitForFunction(({ selector: s, text: t }) => document.querySelector(s)?.textContent.includes(t), { selector, text }, { timeout: 30_000, polling: 100 }),
  type: ({ page }, { selector, text }) => page.fill(selector, text),
  async press({ page }, { selector, key }) {
    await page.waitForSelector(selector, { state: 'visible' });
    await page.bringToFront();
    await page.focus(selector);
    await page.keyboard.press(key);
  },
  open: ({ page }, selector) => page.evaluate((s) => { document.querySelectorAll(s).forEach((d) => { d.open = true; }); }, selector),
  async save(state, address) {
    const answer = await state.page.request.get(address);
    const dir = mkdtempSync(join(tmpdir(), 'attestlog-saved-'));
    state.folders.push(dir);
    const file = join(dir, 'attestlog-verify.html');
    writeFileSync(file, await answer.body());
    await state.context.setOffline(true);
    await state.page.goto(`file://${file}`, { waitUntil: 'load' });
  },
  async read(state, name) {
    const { page } = state;
    await page.waitForFunction(() => { const r = document.querySelector('[data-verify-result]'); return r?.dataset.state && r.dataset.state !== 'running'; }, undefined, { timeout: 120_000, polling: 100 }) // frames are not drawn in every window
      .catch(async (error) => {
        const at = await page.evaluate(() => `${document.activeElement?.outerHTML.slice(0, 200)} ${document.querySelector('[data-verify-result]')?.outerHTML.slice(0, 600)}`);
        throw new Error(`${name}: ${error.message}: ${page.url()}: ${at}`);
      });
    const found = await page.evaluate(() => {
      const r = document.querySelector('[data-verify-result]');
      const buttons = [...r.querySelectorAll('button')].map((b) => b.textContent);
      return { state: r.dataset.state, text: r.textContent, says: r.querySelector('.finding').textContent, buttons, hacked: globalThis.hacked ?? null,
        steps: [...r.querySelectorAll('[data-step]')].map((s) => ({ name: s.dataset.step, ok: s.dataset.ok === 'true', text: s.querySelector('.found').textContent, inputs: s.querySelectorAll('dt').length })),
        verdicts: [...r.querySelectorAll('[data-entry]')].map((c) => `${c.dataset.entry} ${c.dataset.verdict}`) };
    });
    state.out.push({ name, hit: state.hit, ...found });
    state.hit = 0;
  },
  async picture(state, name) {
    await state.page.screenshot({ path: join(state.screenshots, `${name}.png`), fullPage: true });
    state.complaints.push(...(await judged(state.page, state.axe)).map((c) => `${name}: ${c}`), ...(await state.page.evaluate(wide)).map((c) => `${name}: ${c}`));
  },
};

export default async function scenario(browser, { axe }, { origin, width, height, screenshots, todo }) {
  const { page, seen, close } = await watched(browser, { origin, width, height, fresh: true });
  const state = { context: page.context(), page, axe, screenshots, out: [], complaints: [], folders: [], hit: 0 };
  try {
    for (const action of todo) {
      const [[name, value]] = Object.entries(action);
      await actions[name](state, value);
    }
  } finally {
    await close();
    for (const dir of state.folders) rmSync(dir, { recursive: true, force: true });
  }
  return { read: state.out, complaints: state.complaints, seen };
}
