// What this browser remembers for its reader: which key each log had when she first met it, the heads that she has seen, and her policy. All of
// it stays here. Where a browser remembers nothing, everything works, and is said to be seen for the first time.

const prefix = 'attestlog/1/';

function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(prefix + name)) ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(name, value) {
  try {
    if (value === undefined) localStorage.removeItem(prefix + name);
    else localStorage.setItem(prefix + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

const text = (v) => typeof v === 'string';

// pinned is a log's key as it is held to: {key, since, own}; own where the reader gave it herself.
export function pinned(origin) {
  const p = recall(`key/${origin}`);
  return p && text(p.key) && text(p.since) ? p : undefined;
}

export const pin = (origin, key, own) => remember(`key/${origin}`, { key, own, since: new Date().toISOString() });

// served is which log this server showed before; a page that was saved has no server.
export const served = () => { const s = recall('served'); return text(s) ? s : undefined; };
export const setServed = (origin) => remember('served', origin);

// forget leaves nothing of a log: neither its key nor its heads, which were signed with it.
export function forget(origin) {
  remember(`key/${origin}`, undefined);
  remember(`head/${origin}`, undefined);
}

export const policy = () => { const p = recall('policy'); return text(p) ? p : ''; };
export const setPolicy = (p) => remember('policy', p.trim() === '' ? undefined : p);

// seen is the largest head of a log that was verified here: {size, root, note, at}.
export function seen(origin) {
  const h = recall(`head/${origin}`);
  return h && Number.isSafeInteger(h.size) && text(h.root) && text(h.note) && text(h.at) ? h : undefined;
}

export function keep(origin, { size, root, note }) {
  const before = seen(origin);
  if (!before || before.size < size) remember(`head/${origin}`, { size, root, note, at: new Date().toISOString() });
}
