// The verifier's own thread: loads the WebAssembly once, and then does one call after the other.
//
//   in   {wasm}                      the verifier, packed with gzip; none: it lies beside this file
//   out  {ready: true} or {failed}
//   in   {id, call, args, watch}     a function of attestlogVerifier, with its arguments
//   out  {id, step}*, {id, answer}
'use strict';

if (typeof globalThis.Go === 'undefined') importScripts('wasm_exec.js');

async function load(packed) {
  const go = new globalThis.Go();
  let compiled;
  if (packed) {
    const plain = new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip')));
    compiled = await WebAssembly.instantiate(await plain.arrayBuffer(), go.importObject);
  } else {
    const answer = await fetch('verifier.wasm');
    if (!answer.ok) throw new Error(`the verifier can’t be loaded: the server answers with status ${answer.status}`);
    compiled = await WebAssembly.instantiateStreaming(answer, go.importObject);
  }
  await new Promise((ready, fail) => {
    globalThis.attestlogReady = ready;
    go.run(compiled.instance).then(() => fail(new Error('the verifier ended')), fail);
  });
}

let loaded;

addEventListener('message', async ({ data }) => {
  if (!loaded) {
    loaded = load(data.wasm);
    loaded.then(() => postMessage({ ready: true }), (error) => postMessage({ failed: String(error?.message ?? error) }));
    return;
  }
  await loaded;
  const args = data.watch ? [...data.args, (step) => postMessage({ id: data.id, step })] : data.args;
  const began = performance.now();
  let answer;
  try {
    answer = globalThis.attestlogVerifier[data.call](...args);
  } catch (error) {
    answer = { ok: false, error: `the verifier failed: ${error?.message ?? error}` };
  }
  postMessage({ id: data.id, answer: { ...answer, ms: performance.now() - began } });
});
