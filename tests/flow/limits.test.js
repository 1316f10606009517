// limits.test.js - clients that are slow, dead or too many cost only
// themselves.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { before, test } from 'node:test';
import { exactly, poll, sse, ws } from './lib/clients.js';
import { bin, until } from './lib/proc.js';
import { frame, raw, upgrade } from './lib/raw.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const PUBLIC = '/app/public/limits';
let sys; // with deadlines so short that one can wait for them

before(async () => {
	if (!skip)
		sys = await system({ env: {
			POSTHORN_INGRESS_HEAD_TIMEOUT: '1s',
			POSTHORN_INGRESS_BODY_TIMEOUT: '1s',
			POSTHORN_HUB_HEAD_TIMEOUT: '1s',
			POSTHORN_HUB_FIRST_TIMEOUT: '1s',
			POSTHORN_HUB_PING: '500ms',
			POSTHORN_HUB_PONG: '500ms',
			POSTHORN_HUB_HEARTBEAT: '200ms',
			POSTHORN_HUB_SUBSCRIPTIONS: '3',
		} });
});

// One byte after the other until they have enough.
async function drip(client, text) {
	let at = 0;
	const began = Date.now();

	await until(() => {
		if (!client.ended && at < text.length)
			client.write(text[at++]);
		return client.ended;
	}, { what: 'they close it' });
	return Date.now() - began;
}

test('a head that comes byte by byte is given up', { skip }, async () => {
	const client = await raw(sys.port);
	const ms = await drip(client,
		`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100000)}`);

	assert.deepEqual(client.statuses, [408], client.text);
	assert.ok(ms > 500 && ms < 5000, `after ${ms} ms`);
});

test('so is a body', { skip }, async () => {
	const client = await raw(sys.port);

	client.write('POST /v1/publish HTTP/1.1\r\nHost: x\r\n' +
		`Authorization: Basic ${btoa('key:secret')}\r\n` +
		'Content-Length: 100000\r\n\r\n');
	await drip(client, ' '.repeat(100000));
	assert.deepEqual(client.statuses, [408], client.text);
});

test('and a second head, on a connection a hub holds', { skip }, async () => {
	const client = await raw(sys.port);

	client.write(`GET /v1/poll?channel=${PUBLIC}&timeout=0 HTTP/1.1\r\n` +
		'Host: x\r\n\r\n');
	await client.said(/"messages"/);
	await drip(client, `GET / HTTP/1.1\r\nX: ${'x'.repeat(100000)}`);
	assert.deepEqual(client.statuses.filter((s) => s !== 408), [200]);
});

test('a WebSocket that says nothing is let go', { skip }, async () => {
	const client = await raw(sys.port);

	client.write(upgrade());
	await client.said(/^HTTP\/1\.1 101 /);
	assert.match(await client.whole(), /\x88.{2,}$/s);
});

test('a half-open WebSocket is noticed', { skip }, async () => {
	const held = (n) => until(async () =>
		await sys.sum('_connections', 'hub') === n,
	{ what: `the hub holds ${n}` });

	await held(0); // of those before
	const good = await ws(sys, { channels: PUBLIC }).ready();
	const client = await raw(sys.port);

	client.write(upgrade());
	await client.said(/^HTTP\/1\.1 101 /);
	client.write(frame(JSON.stringify(
		{ op: 'subscribe', ref: 1, channel: PUBLIC })));
	await client.said(/"ok": ?true/);
	await client.said(/\x89/); // a ping, which it leaves unanswered
	await client.whole();
	await held(1); // only the good one is left
	await sys.publish({ channel: PUBLIC, data: 'alive' });
	await good.got(1);
	exactly(good, ['alive']);
	good.close();
});

test('a silent event stream is kept alive by comments', { skip }, async () => {
	const client = await sse(sys, { channels: PUBLIC }).ready();

	await until(() => client.comments >= 3, { what: 'three heartbeats' });
	assert.ok(client.retry > 0, 'it is told when to come back');
	client.close();
});

test('too many subscriptions are refused one by one', { skip }, async () => {
	const client = await ws(sys, { channels: ['/a', '/b', '/c'].map((end) =>
		PUBLIC + end) }).ready();
	const { ok, error } = await client.reply(
		{ op: 'subscribe', channel: `${PUBLIC}/d` });

	assert.deepEqual([ok, error.code], [false, 'too_many']);
	assert.ok((await client.reply(
		{ op: 'unsubscribe', channel: `${PUBLIC}/a` })).ok);
	assert.ok((await client.reply(
		{ op: 'subscribe', channel: `${PUBLIC}/d` })).ok);
	client.close();
});

// More than the kernel's buffers of a socket hold.
async function flood(it, channel, { count = 100, bytes = 200000 } = {}) {
	for (let n = 0; n < count; n++)
		await it.publish({ channel, data: { n, pad: 'x'.repeat(bytes) } });
	await it.publish({ channel, data: { n: count } });
	return count + 1;
}

async function slow(policy, story) {
	const it = await system({ env: { POSTHORN_HUB_BACKLOG: '256k',
		POSTHORN_HUB_SLOW: policy,
		POSTHORN_STORE_HISTORY: '/**=1000,5m,64m' } });
	const channel = '/app/public/slow';
	const good = await ws(it, { channels: channel }).ready();
	const bad = await ws(it, { channels: channel }).ready();

	bad.socket.pause();
	const count = await flood(it, channel);

	await good.got(count);
	assert.deepEqual(good.data.map(({ n }) => n),
		Array.from({ length: count }, (_, n) => n));
	await story({ it, channel, good, bad, count });
	await it.stop();
}

test('who does not read is disconnected, and resumes', { skip }, () =>
	slow('disconnect', async ({ it, channel, bad, count }) => {
		await until(async () => await it.sum('slow_disconnects_total') === 1,
			{ what: 'the slow one is counted' });
		await it.up.said(/slow.*\/app\/public\/slow/);
		bad.socket.resume();
		await until(() => bad.ended === 1);
		assert.ok(bad.messages.length < count);
		const back = ws(it, { channels: channel, cursor: bad.cursor,
			resume: true });

		await back.got(count - bad.messages.length, { ms: 20000 });
		assert.deepEqual([...bad.data, ...back.data].map(({ n }) => n),
			Array.from({ length: count }, (_, n) => n));
		assert.deepEqual(back.gaps, []);
	}));

test('or skips, and is told what', { skip }, () =>
	slow('skip', async ({ it, channel, bad }) => {
		await until(async () => await it.sum('slow_skips_total') > 0,
			{ what: 'the skip is counted' });
		bad.socket.resume();
		await until(() => bad.gaps.length !== 0,
			{ what: 'it is told of the gap' });
		await it.publish({ channel, data: { n: 'last' } });
		await until(() => bad.data.at(-1)?.n === 'last');
		assert.equal(bad.ended, 0);
		assert.equal(bad.gaps[0].reason, 'slow');
		// Before the gap nothing is missing.
		const before = bad.messages.findIndex(({ cursor }) =>
			cursor === bad.gaps[0].from);

		assert.deepEqual(bad.data.slice(0, before + 1).map(({ n }) => n),
			Array.from({ length: before + 1 }, (_, n) => n));
	}));

// CPU time of a process in ms.
function cpu(pid) {
	const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
	const [user, system] =
		stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 13);

	return (Number(user) + Number(system)) * 10;
}

// How many ms of CPU it takes over a second.
async function busy(pid) {
	const began = Date.now(), before = cpu(pid);

	await until(() => Date.now() - began >= 1000);
	const took = cpu(pid) - before;

	return took * 1000 / (Date.now() - began);
}

const few = (name) => `prlimit --nofile=64:64 ${bin(name)}`;

test('an ingress without descriptors says 503 and rests', { skip }, async () => {
	const it = await system({ stages: { store: bin('store'), hub: bin('hub'),
		ingress: few('ingress') } });
	const clients = [];

	while (clients.length < 100)
		clients.push(await raw(it.port));
	await until(() => clients.some((client) => client.statuses[0] === 503),
		{ what: 'somebody is told 503' });
	const refused = clients.filter((client) => client.statuses[0] === 503);

	assert.match(refused[0].text, /\r\nretry-after: \d+/i);
	const ms = await busy(it.pid('ingress.1'));

	assert.ok(ms <= 200, `${ms} ms of CPU in a second`);
	// Of several it is the one that has been given more.
	const lines = () => it.out.split('\n').filter((line) =>
		/descriptor/.test(line) && /ingress\.\d/.test(line) &&
		/(warn|err)/.test(line));

	await until(() => lines().length >= 1, { what: 'the log says why' });
	assert.ok(lines().length <= 20, lines().join('\n'));
	for (const client of clients)
		client.close();
	await it.readyz();
	await until(async () =>
		await it.sum('descriptors_exhausted_total', 'ingress') > 0);
	await it.publish({ channel: PUBLIC, data: 1 });
	await it.stop();
});

test('a hub without descriptors says 503 and rests', { skip }, async () => {
	const it = await system({ formation: '', stages: { store: bin('store'),
		hub: few('hub'), ingress: bin('ingress') } });
	const clients = await Promise.all(Array.from({ length: 100 }, () =>
		raw(it.port)));

	for (const client of clients)
		client.write(upgrade());
	await until(() => clients.every((client) => client.statuses.length !== 0),
		{ what: 'all are answered' });
	const count = (status) => clients.filter((client) =>
		client.statuses[0] === status).length;

	assert.equal(count(101) + count(503), 100);
	assert.ok(count(101) >= 30, `${count(101)} are served`);
	assert.ok(count(503) >= 36, `${count(503)} are refused`);
	for (const client of clients.filter(({ statuses: [s] }) => s === 503))
		assert.match(client.text, /\r\nretry-after: \d+/i);
	const ms = await busy(it.pid('hub.1'));

	assert.ok(ms <= 200, `${ms} ms of CPU in a second`);
	assert.ok(await it.sum('handovers_failed_total', 'ingress') >= 36,
		'they are counted');
	for (const client of clients)
		client.close();
	await until(async () => {
		const client = ws(it, { channels: PUBLIC, resume: true });

		await until(() => client.isReady() || client.errors.length !== 0);
		client.close();
		return client.isReady();
	}, { what: 'it serves again' });
	await it.stop();
});

test('a poll of somebody who left is forgotten', { skip }, async () => {
	const it = await system();
	const held = () => it.sum('_connections', 'hub');
	const clients = await Promise.all(Array.from({ length: 20 }, () =>
		poll(it, { channels: PUBLIC, timeout: 60 }).ready()));

	await until(async () => await held() === 20, { what: 'the hub holds 20' });
	for (const client of clients)
		client.close();
	await until(async () => await held() === 0, { what: 'it holds none' });
	await it.stop();
});
