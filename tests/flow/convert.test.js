// convert.test.js - what one protocol's publisher says, the others' clients
// read: the table of body conversions, cell by cell, through real processes.
// Channels of Tyron are Incus' pages here, so that each hears the other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ws } from './lib/clients.js';
import { ADMIN, PAGE, key, message } from './lib/incus.js';
import { socket } from './lib/incus_client.js';
import { bin, start, until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { STAGES, missing, system } from './lib/system.js';
import { JSON_TYPE, TEXT, poller } from './lib/tyron.js';

const skip = missing(...STAGES, 'send');
const BYTES = 'application/octet-stream';
let sys, store, page, incus;

before(async () => {
	if (skip)
		return;
	store = await redis();
	sys = await system({ stages: STAGES, env: {
		POSTHORN_PERSONAS: 'incus tyron', POSTHORN_ADMIN_KEY: ADMIN,
		POSTHORN_TYRON_PREFIX: PAGE,
		POSTHORN_BRIDGE_REDIS: `127.0.0.1:${store.port}` } });
	await bridged(store, 'tyron_pubsub');
	await bridged(store, 'Incus');
	const show = await key(sys);

	page = await ws(sys, { channels: `${PAGE}a%2Fp`, token: show() }).ready();
	incus = await socket(sys.port, { user: 'u', page: 'a/p' });
});

after(async () => {
	await sys?.stop();
	await store?.stop();
});

// The next answer of a poll that waits while something is said.
async function polled(name, say) {
	const one = await poller(sys.port);
	let got;

	one.ask(`/${name}/`).answer().then((answer) => {
		got = answer;
	});
	await until(async () => {
		if (!got)
			await say();
		return got !== undefined;
	}, { ms: 20000, what: 'the poll is answered' });
	one.close();
	return [got.headers['Content-Type'], got.body];
}

async function incusHears(say) {
	const n = incus.messages.length;

	await say();
	await until(() => incus.messages.length > n);
	const { event, data, time } = incus.messages[n];

	assert.ok(Math.abs(time - Date.now() / 1000) < 60);
	return { event, data };
}

async function nativeHears(listener, say) {
	const n = listener.messages.length;

	await say();
	await listener.got(n + 1);
	const { data, text, base64 } = listener.messages[n];

	return { ...(data !== undefined && { data }),
		...(text !== undefined && { text }),
		...(base64 !== undefined && { base64 }) };
}

// Native body; what Incus reads; what Tyron reads.
const ROWS = [
	[{ data: { event: 'e', data: { a: 1 } } },
		{ event: 'e', data: { a: 1 } },
		[JSON_TYPE, '{"event":"e","data":{"a":1}}']],
	[{ data: { a: [1, 'ü'] } },
		{ event: 'message', data: { a: [1, 'ü'] } },
		[JSON_TYPE, '{"a":[1,"ü"]}']],
	[{ data: 'grüße' },
		{ event: 'message', data: { data: 'grüße' } }, [TEXT, 'grüße']],
	[{ data: 1.5 }, { event: 'message', data: { data: 1.5 } },
		[JSON_TYPE, '1.5']],
	[{ data: [] }, { event: 'message', data: { data: [] } },
		[JSON_TYPE, '[]']],
	[{ data: null }, { event: 'message', data: { data: null } }, [TEXT, '']],
	[{ text: 'plain' }, { event: 'message', data: { text: 'plain' } },
		[TEXT, 'plain']],
	[{ base64: '/wA=' }, { event: 'message', data: { base64: '/wA=' } },
		[BYTES, '\ufffd\0']],
];

for (const [body, event, answer] of ROWS) {
	const name = JSON.stringify(body);

	test(`native ${name} to Incus`, { skip }, async () => {
		assert.deepEqual(await incusHears(() =>
			sys.send({ channel: `${PAGE}a%2Fp`, ...body })), event);
	});
	test(`native ${name} to Tyron`, { skip }, async () => {
		assert.deepEqual(await polled('c', () =>
			sys.send({ channel: `${PAGE}c`, ...body })), answer);
	});
}

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
	const said = message('hello', { n: 1 }, { page: 'a/q' });

	for (const say of [() => store.do('PUBLISH', 'Incus', said),
		() => store.do('RPUSH', 'Incus_Queue', said),
		() => incus.say(said)])
		assert.deepEqual(await polled('a/q', say),
			[JSON_TYPE, JSON.stringify(HELLO)]);
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
}

test('what is no beginning of public channels is no prefix of Tyron\'s',
	{ skip }, async () => {
		for (const stage of ['hub', 'bridge']) {
			const it = await start(bin(stage), ['-t', '--tyron-prefix',
				'/incus/private/user/'], { cwd: sys.dir, ready: false });

			assert.equal((await it.ended()).code, 100);
			assert.match(it.out, /name=tyron_prefix why="not public/);
		}
	});
