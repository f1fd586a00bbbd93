// One Chromium for all tests. Reads jobs, a JSON object a line, from standard input, and writes their results the same way:
//
//   {"id": 1, "job": "inspect", "args": {…}}   →   {"id": 1, "result": …}   or   {"id": 1, "error": "…"}
//
// Job X is the default export of X.mjs: a function of the browser, the tools and the arguments. Where standard input ends,
// whatever happened to the test, so do the browser and this program.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';

const [, , tools, executable] = process.argv;
const require = createRequire(`${tools}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const browser = await chromium.launch({
  executablePath: executable,
  // Root may not use the sandbox. Nothing but loopback has an address: a page that asks another host fails, and is told on.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-dev-shm-usage', '--font-render-hinting=none', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
});

const running = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  const { id, job, args } = JSON.parse(line);
  const work = (async () => {
    let answer;
    try {
      const { default: run } = await import(`./${job}.mjs`);
      answer = { id, result: await run(browser, { axe }, args) };
    } catch (error) {
      answer = { id, error: String(error?.stack ?? error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  })();
  running.add(work);
  work.finally(() => running.delete(work));
}
await browser.close();
