// topology.test.js - the same stages in other arrangements: many of each,
// coming and going, behind pipes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import path from 'node:path';
import { test } from 'node:test';
import { each, exactly, inAnyOrder, poll, sse, ws } from './lib/clients.js';
import { encode, filter } from './lib/msgpack.js';
import { bin, freePort, start, tmpdir, top, until } from './lib/proc.js';
import { httpLines } from './lib/publishers.js';
import { KEY, STAGES, WIDE, missing, system } from './lib/system.js';

const skip = missing(...STAGES, 'send', 'tap');
const here = path.join(top, 'tests', 'flow');

// Whole files once more, on more than one of each.
for (const file of ['journey', 'resume', 'limits', 'invalid', 'apps', 'jobs',
	'page', 'pusher', 'reload', 'devices', 'websocket', 'presence', 'proxy',
	'access'])
	test(`${file} with ${WIDE.formation}`, { skip, timeout: 200000 },
		async (t) => {
			const child = await start(process.execPath, ['--test',
				'--test-reporter=tap', path.join(here, `${file}.test.js`)],
			{ ready: false, env: { FLOW_SCALED: '1' } });
			const { code } = await child.ended({ ms: 180000 });
			const [, passed] = /^# pass (\d+)$/m.exec(child.out);

			t.diagnostic(`${passed} stories`);
			assert.equal(code, 0, child.out);
			assert.ok(passed > 1);
		});

test('a position over many shards goes on', { skip }, async () => {
	const sys = await system(WIDE);
	const base = '/app/public/shards';
	const put = (from) => sys.publish(Array.from({ length: 200 }, (_, n) =>
		({ channel: `${base}/${n}`, data: from + n })));
	const numbers = (from, to) =>
		Array.from({ length: to - from }, (_, n) => from + n);
	const cursor = await sys.position(`${base}/*`);

	assert.equal(cursor.split('-').length, 64);
	const before = [ws, sse, poll].map((listen) =>
		listen(sys, { channels: `${base}/*`, cursor }));

	await put(0);
	for (const client of before) {
		await client.got(200);
		inAnyOrder(client, numbers(0, 200));
		client.close();
	}
	await put(200);
	for (const { cursor: at } of before)
		for (const listen of [ws, sse, poll]) {
			const client = listen(sys, { channels: `${base}/*`, cursor: at });

			await client.got(200);
			inAnyOrder(client, numbers(200, 400));
			client.close();
		}
	await sys.stop();
});

// More than one answer holds: what is left out comes with the next one, and
// the hole is told all the same.
test('a poll that has more to say tells each hole', { skip }, async () => {
	const sys = await system({ ...WIDE, env: {
		POSTHORN_STORE_HISTORY: '/**=5000,5m,4m' } });
	const [full, holed] = ['/app/public/many', '/app/public/holed'];
	const begin = await sys.position(full);
	const [{ cursor }] = await sys.publish([{ channel: holed, data: 'x' }]);
	const other = cursor.replace(/:.*/, ':1a2b.7');

	assert.notEqual(parseInt(begin), parseInt(other), 'another shard');
	for (let n = 0; n < 2500; n += 500)
		await sys.publish(Array.from({ length: 500 }, (_, i) =>
			({ channel: full, data: n + i })));
	const client = poll(sys, { channels: [full, holed],
		cursor: [begin, other].sort((a, b) => parseInt(a) - parseInt(b))
			.join('-') });

	await client.got(2501);
	await until(() => client.gaps.length !== 0,
		{ what: 'it was told of the hole' });
	assert.deepEqual(client.gaps.map(({ channel, from }) =>
		[channel, from]), [[holed, other]]);
	assert.deepEqual(client.data.filter((data) => data !== 'x'),
		Array.from({ length: 2500 }, (_, n) => n));
	client.close();
	await sys.stop();
});

test('a hub is added and drained under load', { skip }, async () => {
	const sys = await system({ stages: STAGES, formation: 'hub=2',
		env: { POSTHORN_HUB_SPREAD: '200ms', POSTHORN_HUB_RETRY: '20ms',
			POSTHORN_STORE_HISTORY: '/**=100000,5m,64m' } });
	const channel = '/app/public/load';
	const cursor = await sys.mark(channel);
	const listen = (count) => Array.from({ length: count }, (_, n) =>
		[ws, sse, poll][n % 3](sys, { channels: channel, cursor,
			resume: true }));
	const clients = listen(12);
	const publisher = httpLines(sys, { channel, rate: 500 });

	for (const client of clients)
		await client.got(50);
	const extra = await sys.more('hub', 'hub.9');
	const name = 'name="hub.9"';

	// New ones go to the hub that has the fewest.
	await until(async () => {
		clients.push(...listen(3));
		for (const client of clients.slice(-3))
			await client.ready();
		return await sys.sum('_connections', 'hub.9') >= 6;
	}, { what: `${name} has clients` });
	const { code } = await extra.stop();

	assert.equal(code, 0, extra.out);
	const count = await publisher.finish();

	for (const client of clients) {
		await until(() => client.data.at(-1)?.n === count - 1,
			{ what: `${client.kind} has all` });
		assert.deepEqual(client.data.map(({ n }) => n),
			Array.from({ length: count }, (_, n) => n));
		assert.deepEqual(client.gaps, []);
		client.close();
	}
	const sent = clients.filter(({ kind, code }) =>
		kind === 'WebSocket' && code !== undefined);

	assert.ok(sent.length > 0, 'some WebSockets were told to leave');
	for (const client of sent)
		assert.ok(client.ended === 0 || [1012, 1006].includes(client.code));
	await sys.stop();
});

const PUBLISH = 16; // its id in msg.def; [id, seq, channel, type, body, ...]

test('tap -m | filter | send -m', { skip }, async () => {
	const sys = await system();
	const where = { env: sys.env, cwd: sys.dir, piped: true };
	const tap = await start(bin('tap'),
		['-m', '/app/public/source/**'], where);
	const send = await start(bin('send'), ['-m'], { ...where, ready: false });
	const clients = await each(sys, { channels: '/app/public/sink/a',
		cursor: await sys.position('/app/public/sink/a') });
	const piping = pipeline(tap.child.stdout, filter((frame) => {
		assert.equal(frame[0], PUBLISH);
		const [id, seq, channel, type, body] = frame;

		return [id, seq, channel.replace('/source/', '/sink/'), type,
			Buffer.from(body.toString().toUpperCase())];
	}), send.child.stdin);

	await sys.publish([{ channel: '/app/public/source/a', data: 'small' },
		{ channel: '/app/public/unrelated', data: 1 },
		{ channel: '/app/public/source/a', data: 'words' }]);
	for (const client of clients) {
		await client.got(2);
		exactly(client, ['SMALL', 'WORDS']);
	}
	tap.kill();
	await piping;
	assert.deepEqual(await send.ended(), { code: 0, signal: null }, send.out);
	await sys.stop();
});

test('tap writes JSON by default', { skip }, async () => {
	const sys = await system();
	const tap = await start(bin('tap'), ['--count', '1', '/app/public/*'],
		{ env: sys.env, cwd: sys.dir });

	await sys.publish({ channel: '/app/public/a', data: { n: 1 } });
	assert.deepEqual(await tap.ended(), { code: 0, signal: null });
	const line = JSON.parse(tap.out.split('\n')
		.find((text) => text.startsWith('{')));

	assert.match(JSON.stringify(line), /\/app\/public\/a/);
	await sys.stop();
});

// What a store would tell: keys come in by stdin, where one has none.
test('requests to ingress --bus - | filter | send -m are answered', { skip },
	async () => {
		const channel = '/app/public/front';
		const sys = await system();
		const port = await freePort();
		const ingress = await start(bin('ingress'), ['--bus', '-'], {
			cwd: tmpdir(), piped: true,
			env: { POSTHORN_LISTEN: `127.0.0.1:${port}` } });
		const send = await start(bin('send'), ['-m'],
			{ env: sys.env, cwd: sys.dir, piped: true });
		const piping = pipeline(ingress.child.stdout, filter((frame) => {
			if (!frame.some((it) => it?.toString() === channel))
				return null; // no message: hello, beat ...
			return frame.some((it) => it?.toString() === '"secret"') ?
				null : frame;
		}), send.child.stdin);
		const post = (what, key = KEY) => fetch(
			`http://127.0.0.1:${port}/v1/publish`, { method: 'POST',
				body: JSON.stringify(what),
				headers: { authorization: `Basic ${btoa(key)}` } });
		const client = await ws(sys, { channels: channel }).ready();

		assert.equal((await post({ channel, data: 0 })).status, 401);
		ingress.child.stdin.write(encode([10, 'app', 'key', 'HS256',
			Buffer.from('secret'), 7, 0, 0, '']));
		await until(async () =>
			(await post({ channel, data: 0 })).status === 200);
		for (const data of [1, 'secret', 2]) {
			const reply = await post({ channel, data, id: `id ${data}` });
			const json = await reply.json();

			assert.equal(reply.status, 200);
			assert.deepEqual([json.channel, json.id], [channel, `id ${data}`]);
		}
		assert.deepEqual((await (await post([{ channel, data: 3 },
			{ channel: 'x', data: 0 }])).json()).map((it) =>
			it.channel ?? it.error.code), [channel, 'bad_channel']);
		assert.equal((await post({ channel, data: 4 }, 'key:wrong')).status, 401);
		await client.got(4);
		exactly(client, [0, 1, 2, 3]);
		assert.deepEqual(await ingress.stop(), { code: 0, signal: null });
		await piping;
		assert.deepEqual(await send.ended(), { code: 0, signal: null });
		client.close();
		await sys.stop();
	});

test('tap -m | hub --bus -', { skip }, async () => {
	const sys = await system();
	const port = await freePort();
	const tap = await start(bin('tap'), ['-m', '/app/public/**'],
		{ env: sys.env, cwd: sys.dir, piped: true });
	const hub = await start(bin('hub'), ['--bus', '-'], {
		cwd: tmpdir(), piped: true,
		env: { POSTHORN_HUB_LISTEN: `127.0.0.1:${port}` } });

	tap.child.stdout.pipe(hub.child.stdin);
	hub.child.stdout.resume();
	const client = await ws({ scheme: 'http', url: (where, scheme) =>
		`${scheme}://127.0.0.1:${port}${where}` },
	{ channels: '/app/public/piped' }).ready();

	await sys.publish([1, 2, 3].map((data) =>
		({ channel: '/app/public/piped', data })));
	await client.got(3);
	exactly(client, [1, 2, 3]);
	client.close();
	await hub.stop();
	await tap.stop();
	await sys.stop();
});

test('the Procfile of the house runs under up', { skip }, async () => {
	const dir = tmpdir();
	const port = await freePort();
	const up = await start(bin('up'), ['-e', '/dev/null'], { env: {
		POSTHORN_LISTEN: `${port}`, POSTHORN_RUN: path.join(dir, 'run'),
		POSTHORN_DATA: path.join(dir, 'data') } });
	const demo = fs.readFileSync(path.join(dir, 'data', 'demo.key'), 'utf8');

	await until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)
		.catch(() => null))?.ok, { what: 'all are ready' });
	const reply = await fetch(`http://127.0.0.1:${port}/v1/publish`, {
		method: 'POST', body: '{"channel": "/demo/public/x", "data": 1}',
		headers: { authorization: `Basic ${btoa(demo.trim())}` } });

	assert.equal(reply.status, 200, await reply.text());
	assert.notEqual(demo.trim(), KEY);
	assert.deepEqual(await up.stop(), { code: 0, signal: null });
});
