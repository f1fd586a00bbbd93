// What every job wants to know of a page, whatever else it does there.

// watched opens a tab in a context of its own, and takes down what goes wrong in it: messages on the console, exceptions, dialogs, requests to other
// hosts, requests that fail, and what the page's policy forbade. The policy's reports are taken in the page itself.
export async function watched(browser, { origin, width = 1280, height = 900, scheme = 'light', javascript = true, context: more = {} }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, javaScriptEnabled: javascript, reducedMotion: 'reduce', serviceWorkers: 'block', ...more });
  const seen = { console: [], errors: [], dialogs: [], elsewhere: [], failed: [], forbidden: [] };
  await context.exposeBinding('__forbidden', (_, what) => seen.forbidden.push(what));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (e) => globalThis.__forbidden(`${e.violatedDirective}: ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
  });
  const page = await context.newPage();
  page.on('console', (m) => { if (['error', 'warning', 'assert'].includes(m.type())) seen.console.push(`${m.type()}: ${m.text()} (${m.location().url})`); });
  page.on('pageerror', (e) => seen.errors.push(String(e.stack ?? e)));
  page.on('dialog', (d) => { seen.dialogs.push(`${d.type()}: ${d.message()}`); d.dismiss().catch(() => {}); });
  page.on('request', (r) => { if (!/^(data|blob|about):/.test(r.url()) && !r.url().startsWith(`${origin}/`)) seen.elsewhere.push(r.url()); });
  page.on('requestfailed', (r) => seen.failed.push(`${r.url()}: ${r.failure()?.errorText}`));
  return { context, page, seen };
}

// wide tells what sticks out of the page sideways, and by how much.
export function wide() {
  const room = document.documentElement.clientWidth;
  const over = document.documentElement.scrollWidth - room;
  if (over <= 0) return [];
  const culprits = [];
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (box.width > 0 && box.right > room + 0.5 && getComputedStyle(e).position !== 'absolute') culprits.push(`${e.tagName.toLowerCase()}.${e.getAttribute('class') ?? ''} to ${Math.round(box.right)} of ${room}: ${e.textContent.trim().slice(0, 60)}`);
  }
  return [`the page is ${over} px wider than the window`, ...culprits.slice(-6)];
}

// judged runs axe-core, and gives its complaints in short.
export async function judged(page, axe, options = {}) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate((o) => globalThis.axe.run(document, { resultTypes: ['violations'], ...o }), options);
  return violations.flatMap((v) => v.nodes.map((n) => `${v.id} (${v.impact}): ${n.target.join(' ')}: ${n.html.slice(0, 160)} ${n.failureSummary?.replace(/\s+/g, ' ').slice(0, 240) ?? ''}`));
}
