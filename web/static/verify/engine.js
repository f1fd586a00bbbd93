// Calls the verifier in its worker. It is loaded when it is first needed, and given up on where it thinks for too long: whatever a file
// makes it do, the page stays alive.

const patience = 180_000; // of one call, in milliseconds

let worker;
let starting;
let calls = new Map();
let last = 0;

function bytesOfBase64(text) {
  const raw = atob(text.trim());
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

// start makes the worker: of the files beside this one, or, in the page that was saved, of what stands in the page.
function start() {
  const within = document.getElementById('attestlog-verifier');
  if (within) {
    const source = document.getElementById('attestlog-worker').textContent;
    worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
  } else {
    worker = new Worker(new URL('./worker.js', import.meta.url));
  }
  starting = new Promise((ready, fail) => {
    worker.addEventListener('message', ({ data }) => {
      if (data.ready) ready();
      else if (data.failed) fail(new Error(data.failed));
      else if (data.step) calls.get(data.id)?.watch?.(data.step);
      else if (data.answer) settle(data.id, data.answer);
    });
    worker.addEventListener('error', (e) => { e.preventDefault(); fail(new Error(e.message || 'the verifier can’t be started here')); stop('the verifier broke down'); });
    const wasm = within && bytesOfBase64(within.textContent);
    worker.postMessage({ wasm }, wasm ? [wasm.buffer] : []);
  });
  starting.catch(() => stop('the verifier can’t be started'));
}

function settle(id, answer) {
  const call = calls.get(id);
  if (!call) return;
  calls.delete(id);
  clearTimeout(call.clock);
  call.done(answer);
}

// stop ends the worker, and with it all calls.
function stop(why) {
  worker?.terminate();
  worker = undefined;
  for (const id of [...calls.keys()]) settle(id, { ok: false, error: why });
}

// ask calls a function of the verifier. It gives an answer, ok or not; only a verifier that can't be loaded throws.
export async function ask(call, args, watch) {
  if (!worker) start();
  await starting;
  const id = ++last;
  return new Promise((done) => {
    const clock = setTimeout(() => stop('the verifier gave up: this takes longer than three minutes'), patience);
    calls.set(id, { done, watch, clock });
    worker.postMessage({ id, call, args, watch: Boolean(watch) });
  });
}
