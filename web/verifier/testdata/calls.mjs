// Runs the compiled verifier in Node.js as a browser's worker would, with calls from a file of JSON, and writes the answers to standard
// output: node calls.mjs DIST CALLS. Of a call, arguments that are {bytes} are given as bytes.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import vm from 'node:vm';

const [dist, calls] = process.argv.slice(2);
vm.runInThisContext(readFileSync(join(dist, 'wasm_exec.js'), 'utf8'));
const began = performance.now();
const go = new globalThis.Go();
const { instance } = await WebAssembly.instantiate(gunzipSync(readFileSync(join(dist, 'verifier.wasm.gz'))), go.importObject);
await new Promise((ready) => { globalThis.attestlogReady = ready; go.run(instance); });
const started = performance.now() - began;

const answers = JSON.parse(readFileSync(calls, 'utf8')).map(({ call, args, watch }) => {
  const steps = [];
  const given = args.map((a) => (typeof a === 'string' ? a : Uint8Array.from(Buffer.from(a.bytes ?? '', 'base64'))));
  if (watch) given.push((step) => steps.push(step));
  const from = performance.now();
  const answer = globalThis.attestlogVerifier[call](...given);
  return { answer, steps, ms: performance.now() - from };
});
process.stdout.write(JSON.stringify({ started, answers }), () => process.exit(0));
