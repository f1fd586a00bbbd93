// Gets evidence from the viewer's own server, bounded: it may be hostile.

export const mostBundle = 32 * 2 ** 20;
const mostSmall = 64 * 2 ** 10;

async function read(path, most) {
  const answer = await fetch(path, { headers: { accept: 'text/plain, application/octet-stream' }, cache: 'no-cache', credentials: 'same-origin' });
  if (!answer.ok) {
    await answer.body?.cancel();
    throw new Error(answer.status === 404 ? 'the server has no such thing (status 404)' : `the server answers with status ${answer.status}`);
  }
  const parts = [];
  let size = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if ((size += value.length) > most) {
      await reader.cancel();
      throw new Error(`the server sends more than ${most.toLocaleString('en')} bytes`);
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const text = async (path) => new TextDecoder().decode(await read(path, mostSmall));

export const bundle = (path) => read(path, mostBundle);
export const small = (path) => read(path, mostSmall);
export const logKey = async () => (await text('/verify/log.pub')).trim();

// path gets the hashes of a consistency proof, one a line.
export async function path(from, to) {
  const { hashes } = JSON.parse(await text(`/consistency.json?from=${from}&to=${to}`));
  if (!Array.isArray(hashes) || !hashes.every((h) => typeof h === 'string')) throw new Error('the server gives no hashes');
  return hashes.join('\n');
}

export const note = async (size) => text(`/heads/${size}/note`);
