// texts reads pages, one after the other, and takes down what they say and what went wrong.
// What it leaves for the next one before all of it is there is aborted, and not amiss.

import { watched } from './watch.mjs';

export default async function texts(browser, _, { origin, paths }) {
  const { page, seen, close } = await watched(browser, { origin });
  const out = [];
  try {
    for (const path of paths) {
      const before = Object.fromEntries(Object.entries(seen).map(([k, v]) => [k, v.length]));
      const answer = await page.goto(origin + path, { waitUntil: 'load' }).catch((e) => {
        if (/Download is starting/.test(e.message)) return null;
        throw e;
      });
      out.push({ status: answer?.status() ?? 200, text: await page.evaluate(() => `${document.title}\n${document.body.textContent}`), hacked: await page.evaluate(() => globalThis.hacked ?? null),
        seen: Object.fromEntries(Object.entries(seen).map(([k, v]) => [k, k === 'failed' ? v.slice(before[k]).filter((f) => !f.endsWith('net::ERR_ABORTED')) : v.slice(before[k])])) });
    }
  } finally {
    await close();
  }
  return out;
}
