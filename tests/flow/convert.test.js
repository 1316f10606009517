// convert.test.js - what one protocol's publisher says, the others' clients
// read: the table of body conversions, cell by cell, through real processes.
// Channels of Tyron are Incus' pages here, so that each hears the other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, handshake, socket as bayeux, subscribe } from './lib/bayeux.js';
import { ws } from './lib/clients.js';
import { ADMIN, PAGE, key, message } from './lib/incus.js';
import { socket } from './lib/incus_client.js';
import { bin, start, until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { STAGES, missing, system } from './lib/system.js';
import { JSON_TYPE, TEXT, poller } from './lib/tyron.js';

const skip = missing(...STAGES, 'send');
const BYTES = 'application/octet-stream';
// Pandapush's channels have no percent signs: it speaks on one page, to others,
// and hears on another.
const SPEAKS = `${PAGE}speaks`;
const HEARS = `${PAGE}hears`;
let sys, store, pandapush, auth;
let page, speaks; // { native, incus }: who hears what is said there
let incus;

before(async () => {
	if (skip)
		return;
	store = await redis();
	sys = await system({ stages: STAGES, env: {
		POSTHORN_PERSONAS: 'incus pandapush tyron', POSTHORN_ADMIN_KEY: ADMIN,
		POSTHORN_TYRON_PREFIX: PAGE,
		POSTHORN_BRIDGE_REDIS: `127.0.0.1:${store.port}` } });
	await bridged(store, 'tyron_pubsub');
	await bridged(store, 'Incus');
	const show = await key(sys);

	page = await listeners(`${PAGE}a%2Fp`, 'a/p', show());
	speaks = await listeners(SPEAKS, 'speaks', show());
	incus = page.incus;
	auth = { token: show({ pub: true }) };
	pandapush = await bayeux(sys.port);
	pandapush.clientId = await handshake(sys.port);
	pandapush.say(connect(pandapush.clientId, {
		connectionType: 'websocket' }));
	assert.ok((await pandapush.ask(subscribe(pandapush.clientId, HEARS)))
		.successful);
});

// Both hear all that is said: one of them may do so later than the other.
async function listeners(channel, name, token) {
	return { said: 0,
		native: await ws(sys, { channels: channel, token }).ready(),
		incus: await socket(sys.port, { user: name, page: name }) };
}

after(async () => {
	pandapush?.close();
	await sys?.stop();
	await store?.stop();
});

// The answer of a poll on a page of its own, on which something is said until
// there is one.  What is said once too often is nobody's.
let pages = 0;

async function polled(say, base = 'c') {
	const one = await poller(sys.port);
	const name = `${base}${pages++}`;
	let got;

	one.ask(`/${name}/`).answer().then((answer) => {
		got = answer;
	});
	await until(async () => {
		if (!got)
			await say(name);
		return got !== undefined;
	}, { ms: 20000, what: 'the poll is answered' });
	one.close();
	return [got.headers['Content-Type'], got.body];
}

async function incusHears(say, where = page) {
	const n = where.said++, listener = where.incus;

	await say();
	await until(() => listener.messages.length > n);
	const { event, data, time } = listener.messages[n];

	assert.ok(Math.abs(time - Date.now() / 1000) < 60);
	return { event, data };
}

async function nativeHears(where, say) {
	const n = where.said++, listener = where.native;

	await say();
	await listener.got(n + 1);
	const { data, text, base64 } = listener.messages[n];

	return { ...(data !== undefined && { data }),
		...(text !== undefined && { text }),
		...(base64 !== undefined && { base64 }) };
}

// The event as it came, which is not heard again.
async function pandapushHears(say) {
	await say();
	return pandapush.heard((it) => it.successful === undefined &&
		it.channel === HEARS);
}

// By Bayeux, and as an application does.
async function pandapushSays(channel, data, more = {}) {
	const reply = await pandapush.ask({ channel, data, ext: { auth },
		...more });

	assert.ok(reply.successful, JSON.stringify(reply));
}

async function pandapushPosts(channel, body) {
	const reply = await sys.request(`/channel${channel}`, { method: 'POST',
		headers: { authorization: `Token ${auth.token}`,
			'content-type': 'application/json' },
		body: JSON.stringify(body) });

	assert.equal(await reply.text(), 'OK');
}

// Native body; what Incus reads; what Tyron reads; the data Pandapush reads.
const ROWS = [
	[{ data: { event: 'e', data: { a: 1 } } },
		{ event: 'e', data: { a: 1 } },
		[JSON_TYPE, '{"event":"e","data":{"a":1}}'],
		{ event: 'e', data: { a: 1 } }],
	[{ data: { a: [1, 'ü'] } },
		{ event: 'message', data: { a: [1, 'ü'] } },
		[JSON_TYPE, '{"a":[1,"ü"]}'], { a: [1, 'ü'] }],
	[{ data: 'grüße' },
		{ event: 'message', data: { data: 'grüße' } }, [TEXT, 'grüße'],
		'grüße'],
	[{ data: 1.5 }, { event: 'message', data: { data: 1.5 } },
		[JSON_TYPE, '1.5'], 1.5],
	[{ data: [] }, { event: 'message', data: { data: [] } },
		[JSON_TYPE, '[]'], []],
	[{ data: null }, { event: 'message', data: { data: null } }, [TEXT, ''],
		null],
	[{ text: 'plain' }, { event: 'message', data: { text: 'plain' } },
		[TEXT, 'plain'], 'plain'],
	[{ base64: '/wA=' }, { event: 'message', data: { base64: '/wA=' } },
		[BYTES, '\ufffd\0'], '/wA='],
];

for (const [body, event, answer, data] of ROWS) {
	const name = JSON.stringify(body);

	test(`native ${name} to Incus`, { skip }, async () => {
		assert.deepEqual(await incusHears(() =>
			sys.send({ channel: `${PAGE}a%2Fp`, ...body })), event);
	});
	test(`native ${name} to Tyron`, { skip }, async () => {
		assert.deepEqual(await polled((name) =>
			sys.send({ channel: PAGE + name, ...body })), answer);
	});
	test(`native ${name} to Pandapush`, { skip }, async () => {
		const { id, ...rest } = await pandapushHears(() =>
			sys.send({ channel: HEARS, ...body }));

		assert.deepEqual(rest, { channel: HEARS, data });
		assert.match(id, /^[0-9a-z]+$/);
	});
	// What is JSON to a native client is sent as such by the other.
	if (body.data !== undefined) {
		test(`Pandapush ${name} to native`, { skip }, async () => {
			assert.deepEqual(await nativeHears(speaks, () =>
				pandapushSays(SPEAKS, body.data)), body);
		});
		test(`Pandapush ${name} to Incus`, { skip }, async () => {
			assert.deepEqual(await incusHears(() =>
				pandapushSays(SPEAKS, body.data), speaks), event);
		});
		test(`Pandapush ${name} to Tyron`, { skip }, async () => {
			assert.deepEqual(await polled((name) =>
				pandapushSays(PAGE + name, body.data)), answer);
		});
	}
}

test('a native message keeps its id for Pandapush', { skip }, async () => {
	assert.deepEqual(await pandapushHears(() =>
		sys.send({ channel: HEARS, data: 1, id: 'mine' })),
	{ channel: HEARS, data: 1, id: 'mine' });
});

const HELLO = { event: 'hello', data: { n: 1 } };

test('Incus to native, of Redis and of a client', { skip }, async () => {
	const ways = [
		() => store.do('PUBLISH', 'Incus', message('hello', { n: 1 },
			{ page: 'a/p' })),
		() => store.do('RPUSH', 'Incus_Queue', message('hello', { n: 1 },
			{ page: 'a/p' })),
		() => incus.say(message('hello', { n: 1 }, { page: 'a/p' })),
	];

	for (const say of ways)
		assert.deepEqual(await nativeHears(page, say), { data: HELLO });
});

test('Incus to Tyron, of Redis and of a client', { skip }, async () => {
	const said = (page) => message('hello', { n: 1 }, { page });

	for (const say of [(name) => store.do('PUBLISH', 'Incus', said(name)),
		(name) => store.do('RPUSH', 'Incus_Queue', said(name)),
		(name) => incus.say(said(name))])
		assert.deepEqual(await polled(say, 'a/q'),
			[JSON_TYPE, JSON.stringify(HELLO)]);
});

test('Incus to Pandapush, of Redis and of a client', { skip }, async () => {
	const said = message('hello', { n: 1 }, { page: 'hears' });

	for (const say of [() => store.do('PUBLISH', 'Incus', said),
		() => store.do('RPUSH', 'Incus_Queue', said),
		() => incus.say(said)]) {
		const { channel, data } = await pandapushHears(say);

		assert.deepEqual({ channel, data }, { channel: HEARS, data: HELLO });
	}
});

test('what an application posts to Pandapush is JSON to all', { skip },
	async () => {
		const body = { a: [1.5, 'ü'] };
		const { id, ...rest } = await pandapushHears(() =>
			pandapushPosts(HEARS, body));

		assert.deepEqual(rest, { channel: HEARS, data: body });
		assert.ok(id);
		assert.deepEqual(await nativeHears(speaks, () =>
			pandapushPosts(SPEAKS, body)), { data: body });
		assert.deepEqual(await incusHears(() =>
			pandapushPosts(SPEAKS, body), speaks),
		{ event: 'message', data: body });
		assert.deepEqual(await polled((name) =>
			pandapushPosts(PAGE + name, body)),
		[JSON_TYPE, JSON.stringify(body)]);
	});

// But for who said it and by what right.
test('Pandapush to Pandapush, member for member', { skip }, async () => {
	const { clientId } = pandapush;
	const { id, ...rest } = await pandapushHears(() =>
		pandapushSays(HEARS, { a: 1.5 }, { clientId, other: ['ü'],
			ext: { auth, mine: { b: null } } }));

	assert.deepEqual(rest, { channel: HEARS, data: { a: 1.5 },
		other: ['ü'], ext: { mine: { b: null } } });
	assert.match(id, /^q\d+$/, "the publisher's own");
});

for (const data of [{ a: 1 }, 'text', 7, null, [1]]) {
	const text = JSON.stringify(data);
	const item = JSON.stringify({ channel: 'a/p', data });

	test(`Tyron ${text} to native`, { skip }, async () => {
		assert.deepEqual(await nativeHears(page, () =>
			store.do('PUBLISH', 'tyron_pubsub', item)), { data });
	});
	test(`Tyron ${text} to Incus`, { skip }, async () => {
		assert.deepEqual(await incusHears(() =>
			store.do('PUBLISH', 'tyron_pubsub', item)),
		{ event: 'message',
			data: text[0] === '{' ? data : { data } });
	});
	test(`Tyron ${text} to Pandapush`, { skip }, async () => {
		const got = await pandapushHears(() => store.do('PUBLISH',
			'tyron_pubsub', JSON.stringify({ channel: 'hears', data })));

		assert.deepEqual({ channel: got.channel, data: got.data },
			{ channel: HEARS, data });
	});
}

// What a Bayeux publisher wrote goes with frames, through a pipe as well.
test('Pandapush through tap and send, member for member', { skip }, async () => {
	const where = { cwd: sys.dir, env: sys.env };
	const tap = await start(bin('tap'), ['-m', '-n', '1', HEARS],
		{ ...where, piped: true });
	const frames = [];

	tap.child.stdout.on('data', (bytes) => frames.push(bytes));
	const said = await pandapushHears(() => pandapushSays(HEARS,
		{ a: 1 }, { other: 'x' }));

	await tap.ended();
	const send = await start(bin('send'), ['-m'],
		{ ...where, piped: true, ready: false });

	assert.deepEqual(await pandapushHears(async () => {
		send.child.stdin.end(Buffer.concat(frames));
		assert.equal((await send.ended()).code, 0, send.out);
	}), said);
	assert.equal(said.other, 'x');
});

test('nobody heard anything besides', { skip }, async () => {
	for (const { said, native, incus } of [page, speaks]) {
		await native.got(said);
		await until(() => incus.messages.length >= said);
		assert.deepEqual([native.messages.length, incus.messages.length],
			[said, said]);
	}
});

test('what is no beginning of public channels is no prefix of Tyron\'s',
	{ skip }, async () => {
		for (const stage of ['hub', 'bridge']) {
			const it = await start(bin(stage), ['-t', '--tyron-prefix',
				'/incus/private/user/'], { cwd: sys.dir, ready: false });

			assert.equal((await it.ended()).code, 100);
			assert.match(it.out, /name=tyron_prefix why="not public/);
		}
	});
