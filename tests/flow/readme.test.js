// readme.test.js - the examples of README.md, those marked `sh test` and
// `js test`, do what they say.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { EventSource } from 'eventsource';
import { WebSocket } from 'ws';
import { ws } from './lib/clients.js';
import { start, top, until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import { KEY, STAGES, missing, system } from './lib/system.js';

const skip = missing(...STAGES, 'send', 'tap');
const text = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
const examples = [...text.matchAll(/^```sh test( redis)?\n(.*?)^```$/gms)]
	.map(([, , code]) => code);
let sys, store, listener;

before(async () => {
	if (skip)
		return;
	store = await redis();
	sys = await system({ stages: STAGES, env: {
		POSTHORN_BOOTSTRAP: `demo:${KEY} app:key2:secret`,
		POSTHORN_BRIDGE_REDIS: `127.0.0.1:${store.port}` } });
	listener = await ws(sys, { channels: '/demo/public/*' }).ready();
});

// What an example says on stdout and stderr; it must not fail.
async function run(code) {
	const shell = await start('bash', ['-euo', 'pipefail', '-c', code], {
		ready: false, cwd: top, env: { ...sys.env, KEY, URL: sys.url(''),
			REDIS: `redis://127.0.0.1:${store.port}` } });
	const { code: status } = await shell.ended();

	assert.ok(status === 0 || (status === 141 && /\| head/.test(code)),
		`${code}\n${status}: ${shell.out}`);
	return shell.out;
}

test('there are examples', () => assert.ok(examples.length >= 8));

for (const code of examples)
	test(code.split('\n')[0].slice(0, 60), { skip }, async () => {
		const had = listener.messages.length;
		const out = await run(code);

		assert.doesNotMatch(out, /"error"/);
		if (/publish|bin\/send|rpush/.test(code))
			await listener.got(had + 1);
		if (/publish/.test(code))
			assert.match(out, /"cursor"/);
		if (/sse/.test(code))
			assert.match(out, /^retry: \d+$/m);
		if (/presence/.test(code))
			assert.match(out, /"users":/);
		if (/messages/.test(code))
			assert.match(out, /"recipients":/);
		if (/poll|history/.test(code))
			assert.match(out, /"messages"/);
	});

const scripts = [...text.matchAll(/^```js test\n(.*?)^```$/gms)]
	.map(([, code]) => code);

test('there are scripts', () => assert.equal(scripts.length, 2));

for (const code of scripts)
	test(code.split('\n')[0].slice(0, 60), { skip }, async () => {
		const heard = [], opened = [];
		const log = (...what) => heard.push(what);
		const here = (url) =>
			url.replace('ws://localhost:4000', sys.url('').replace('http', 'ws'));

		class Events extends EventSource {
			constructor(url) {
				super(new URL(url, sys.url('')));
				opened.push(this);
			}
		}
		class Socket extends WebSocket {
			constructor(url) {
				super(here(url));
				opened.push(this);
			}
		}
		new Function('EventSource', 'WebSocket', 'console', code)(
			Events, Socket, { log });
		await until(async () => {
			await sys.publish({ channel: '/demo/public/hello',
				data: 'from the README' });
			return JSON.stringify(heard).includes('from the README');
		}, { what: 'the script hears what is published' });
		opened.forEach((it) => it.close());
	});
