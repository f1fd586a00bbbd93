// What every job wants to know of a page, whatever else it does there.

const shared = new Map();
const watching = new WeakMap(); // from a tab to what was seen in it, and whose pages it is for

// room gives a context: the one that all jobs of a sort share, or a fresh one, which has seen nothing yet.
async function room(browser, { javascript, fresh }) {
  const make = async () => {
    const context = await browser.newContext({ javaScriptEnabled: javascript, reducedMotion: 'reduce', serviceWorkers: 'block' });
    await context.exposeBinding('__forbidden', ({ page }, what) => watching.get(page)?.seen.forbidden.push(what));
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (e) => globalThis.__forbidden(`${e.violatedDirective}: ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
    });
    return context;
  };
  if (fresh) return make();
  if (!shared.has(javascript)) shared.set(javascript, make());
  return shared.get(javascript);
}

// watched gives a tab, and takes down what goes wrong in it: messages on the console, exceptions, dialogs, requests to other hosts, requests
// that fail, and what the page's policy forbade, by the page's own account. A tab costs a process, and so those that aren't to be fresh are used
// again: whoever takes one closes it.
export async function watched(browser, { origin, width = 1280, height = 900, javascript = true, fresh = false }) {
  const context = await room(browser, { javascript, fresh });
  const page = (!fresh && idle[javascript].pop()) || await open(context);
  const seen = { console: [], errors: [], dialogs: [], elsewhere: [], failed: [], forbidden: [] };
  watching.set(page, { seen, origin });
  await page.setViewportSize({ width, height });
  return {
    page, seen,
    close: async () => {
      if (fresh) return context.close();
      await page.goto('about:blank');
      await page.emulateMedia({ media: null, colorScheme: 'light' });
      idle[javascript].push(page);
    },
  };
}

const idle = { true: [], false: [] };

async function open(context) {
  const page = await context.newPage();
  const seen = () => watching.get(page).seen;
  page.on('console', (m) => { if (['error', 'warning', 'assert'].includes(m.type())) seen().console.push(`${m.type()}: ${m.text()} (${m.location().url})`); });
  page.on('pageerror', (e) => seen().errors.push(String(e.stack ?? e)));
  page.on('dialog', (d) => { seen().dialogs.push(`${d.type()}: ${d.message()}`); d.dismiss().catch(() => {}); });
  page.on('request', (r) => { if (!/^(data|blob|about):/.test(r.url()) && !r.url().startsWith(`${watching.get(page).origin}/`)) seen().elsewhere.push(r.url()); });
  page.on('requestfailed', (r) => seen().failed.push(`${r.url()}: ${r.failure()?.errorText}`));
  return page;
}

// wide tells what sticks out of the page sideways, and by how much.
export function wide() {
  const room = document.documentElement.clientWidth;
  const over = document.documentElement.scrollWidth - room;
  if (over <= 0) return [];
  const culprits = [];
  // What is cut off by something around it, or scrolls in it, is not what widens the page.
  const within = (e) => { for (let up = e.parentElement; up && up !== document.body; up = up.parentElement) if (getComputedStyle(up).overflowX !== 'visible' && up.getBoundingClientRect().right <= room + 0.5) return true; return false; };
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (box.width > 0 && box.right > room + 0.5 && !within(e)) culprits.push(`${e.tagName.toLowerCase()}.${e.getAttribute('class') ?? ''} to ${Math.round(box.right)} of ${room}: ${e.textContent.trim().slice(0, 60)}`);
  }
  return [`the page is ${over} px wider than the window`, ...culprits.slice(-6)];
}

// judged runs axe-core, 'all' of its rules or those that are named, and gives its complaints in short.
export async function judged(page, axe, rules) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { resultTypes: ['violations'], ...(runOnly !== 'all' && { runOnly }) }), rules);
  return violations.flatMap((v) => v.nodes.map((n) => `${v.id} (${v.impact}): ${n.target.join(' ')}: ${n.html.slice(0, 160)} ${n.failureSummary?.replace(/\s+/g, ' ').slice(0, 240) ?? ''}`));
}
