// tyron.test.js - Tornado Tyron's clients and publishers, byte by byte: one
// test for each thing a stand-in must do, named by its number.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { bin, freePort, until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { system } from './lib/system.js';
import { etag, fails, HTML, JSON_TYPE, poller, reads, TEXT, waiting }
	from './lib/tyron.js';

const STAGES = ['store', 'hub', 'ingress', 'bridge'];
const CHANNEL = 'tyron_pubsub';
const ADMIN = 'an administrator knows it';
const ASKED = 'GET, POST';
let db, sys, bound;

const publish = (channel, data) =>
	db.do('PUBLISH', CHANNEL, JSON.stringify({ channel, data }));

async function tyron(env = {}, listen = '127.0.0.1:PORT=tyron') {
	const it = await system({ stages: STAGES, ready: false, listen, env: {
		POSTHORN_REDIS: `127.0.0.1:${db.port}`,
		POSTHORN_BRIDGE_PREFIX: `${Math.random()}:`, ...env } });

	return it;
}

// A client of a system that is bound, once a hub answers.
async function up(it) {
	return until(async () => {
		const one = await poller(it.port).catch(() => null);
		const got = await one?.get('/c/', { method: 'PUT' });

		if (got?.status === 'HTTP/1.1 405 Method Not Allowed')
			return one;
		one?.close();
		return false;
	}, { ms: 20000, what: 'a hub answers' });
}

// One poll for each row, [path, options]; when all wait, what publish(i) says
// on their channels.  Their answers.
async function polled(rows, send, it = sys, port = bound) {
	await waiting(it, 0);
	const polls = await Promise.all(rows.map(async ([path, options]) =>
		(await poller(port)).ask(path, options)));

	await waiting(it, rows.length);
	for (const i of rows.keys())
		await send(i);
	const got = await Promise.all(polls.map((poll) => poll.answer()));

	for (const poll of polls)
		poll.close();
	return got;
}

// The Authorization of a new key for all below a prefix, once it is known.
async function grant(prefix) {
	const admin = { authorization: `Bearer ${ADMIN}` };

	await sys.request('/v1/apps/poster', { method: 'PUT', headers: admin });
	const { id, secret } = await sys.json('/v1/apps/poster/keys',
		{ method: 'POST', headers: admin,
			body: JSON.stringify({ prefixes: [prefix] }) });
	const authorization = `Basic ${btoa(`${id}:${secret}`)}`;

	await until(async () => (await sys.post(JSON.stringify(
		{ channel: `${prefix}/x`, data: 1 }), { headers: { authorization } }))
		.status === 200, { what: 'the key is known' });
	return authorization;
}

before(async () => {
	bound = await freePort();
	db = await redis();
	sys = await tyron({ POSTHORN_PERSONAS: 'tyron',
		POSTHORN_ADMIN_KEY: ADMIN, POSTHORN_TYRON_STORE: 'open:' },
	`127.0.0.1:PORT 127.0.0.1:${bound}=tyron`);
	await sys.readyz();
	await bridged(db, CHANNEL);
});
after(async () => {
	await sys.stop();
	await db.stop();
});

test('T1: GET and POST wait until one PUBLISH ends them all', async () => {
	const get = await poller(bound);
	const post = await poller(sys.port); // tyron comes last there

	get.ask('/c/?any=query');
	post.ask('/c/', { method: 'POST', body: 'of no interest' });
	await waiting(sys, 2);
	await publish('c', 'x');
	reads(await get.answer(), { body: 'x' });
	reads(await post.answer(), { body: 'x', tagged: false });
	await waiting(sys, 0);
	get.ask('/d/').ask('/health/'); // pipelined: answered in their order
	post.ask('/d/');
	await waiting(sys, 2);
	assert.equal(get.answers.length, 1);
	await publish('d', 'y');
	await publish('d', 'of the next poll, and there is none');
	reads(await get.answer(2), { body: 'y' });
	reads(await get.answer(3), { body: 'OK' });
	reads(await post.answer(), { body: 'y' });
	get.close();
	post.close();
});

test('T2: nested, encoded, unicode and empty channels; what is none', async () => {
	const rows = [['/a/b/c/', 'a/b/c'], ['/caf%C3%A9/', 'café'],
		['/a%2Fb/', 'a/b'], ['//', ''], ['/a+b/', 'a+b'],
		['/a%20b/', 'a b'], ['/100%/', '100%'], ['/%zz/', '%zz'],
		['/*/', '*'], ['/a//b/', 'a//b'], [`/${'long'.repeat(100)}/`,
			'long'.repeat(100)], ['/x/~/..%2F./', 'x/~/.././'.slice(0, -1)],
		['/store/', 'store'], ['/health/x/', 'health/x']];
	const got = await polled(rows.map(([path]) => [path]),
		(i) => publish(rows[i][1], `for ${rows[i][1]}`));

	for (const [i, [, channel]] of rows.entries())
		reads(got[i], { body: `for ${channel}` });
	const one = await poller(bound);

	fails(await one.get('/%ff/'), 400, 'Bad Request');
	for (const path of ['/c', '/', '/health', '/a/b'])
		fails(await one.get(path), 404, 'Not Found');
	for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH'])
		fails(await one.get('/c/', { method }), 405, 'Method Not Allowed',
			{ allow: ASKED });
	one.close();
	const head = await poller(bound);

	head.ask('/c/', { method: 'HEAD', headers: 'Connection: close\r\n' });
	const text = await head.connection.whole();

	assert.match(text, /^HTTP\/1\.1 405 Method Not Allowed\r\n/);
	assert.ok(text.endsWith('\r\n\r\n'), 'no body follows the head');
});

test('T3: a poll ends with nothing at the deadline, and never later',
	async () => {
		const [soon, never] = await Promise.all([
			tyron({ POSTHORN_TYRON_TIMEOUT: '2s' }),
			tyron({ POSTHORN_TYRON_TIMEOUT: '0' })]);
		const one = await up(soon);
		const began = Date.now();

		reads(await one.get('/c/'));
		assert.ok(Date.now() - began >= 1000 && Date.now() - began <= 2000,
			`${Date.now() - began} ms`);
		const match = `If-None-Match: ${etag('')}\r\n`;

		assert.equal((await one.get('/c/', { headers: match })).status,
			'HTTP/1.1 304 Not Modified');
		one.close();
		const other = await up(never);

		other.ask('/c/').ask('/c/', { method: 'POST' });
		reads(await other.answer(2));
		reads(await other.answer(3), { tagged: false });
		other.close();
		await Promise.all([soon.stop(), never.stop()]);
	});

test('T4: text, JSON and nothing, each with its type', async () => {
	const rows = [['"x"', 'x', TEXT], ['"\\u00e9\\n"', 'é\n', TEXT],
		['{"a": 1.50, "b":[]}', '{"a": 1.50, "b":[]}', JSON_TYPE],
		['null', '', TEXT], ['""', '', TEXT], ['17', '17', JSON_TYPE],
		['true', 'true', JSON_TYPE], ['[1, "</b>"]', '[1, "</b>"]', JSON_TYPE]];
	const got = await polled(rows.map((row, i) => [`/kind${i}/`]), (i) =>
		db.do('PUBLISH', CHANNEL,
			`{"more": 1, "data": ${rows[i][0]}, "channel": "kind${i}"}`));

	for (const [i, [, body, type]] of rows.entries())
		reads(got[i], { body, type });
});

test('T5: an etag is told to GET, and the same body is 304', async () => {
	const match = (tag) => ({ headers: `If-None-Match: ${tag}\r\n` });
	const same = match(`"0", ${etag('same')}`);
	const [known, other, post] = await polled([['/same/', same],
		['/other/', same], ['/same/', { ...same, method: 'POST' }]],
	(i) => i !== 2 && publish(['same', 'other'][i], ['same', 'other'][i]));

	assert.equal(known.status, 'HTTP/1.1 304 Not Modified');
	assert.deepEqual(known.names, ['Date', 'Etag', 'Server']);
	assert.equal(known.headers.Etag, etag('same'));
	reads(other, { body: 'other' });
	reads(post, { body: 'same', tagged: false });
	const one = await poller(bound);

	assert.equal((await one.get('/health/', match(etag('OK')))).status,
		'HTTP/1.1 304 Not Modified');
	one.close();
});

test('HTTP/1.0 and Connection: close are told so', async () => {
	const [old, last] = await polled([['/manners/', { version: '1.0',
		headers: 'Connection: keep-alive\r\n' }],
	['/manners/', { headers: 'Connection: close\r\n' }]],
	(i) => i === 0 && publish('manners', 'm'));

	reads(old, { body: 'm', more: ['Connection'] });
	reads(last, { body: 'm', more: ['Connection'] });
	assert.equal(old.headers.Connection, 'keep-alive');
	assert.equal(last.headers.Connection, 'close');
});

test('T6: health and, of one prefix, the store', async () => {
	const one = await poller(bound);

	await db.do('SET', 'open:k', 'välue');
	await db.do('SET', 'secret', 's');
	await db.do('RPUSH', 'open:list', '1');
	reads(await one.get('/health/'), { body: 'OK' });
	fails(await one.get('/health/', { method: 'POST' }), 405,
		'Method Not Allowed', { allow: 'GET' });
	reads(await one.get('/store/open:k/'), { body: 'välue' });
	reads(await one.get('/store/open%3Ak/', { method: 'POST' }),
		{ body: 'välue', tagged: false });
	reads(await one.get('/store/open:none/'));
	assert.equal((await one.get('/store/open:k/', { headers:
		`If-None-Match: ${etag('välue')}\r\n` })).status,
	'HTTP/1.1 304 Not Modified');
	fails(await one.get('/store/open:list/'), 500, 'Internal Server Error');
	fails(await one.get('/store/secret/'), 403, 'Forbidden');
	fails(await one.get('/store/open:%ff/'), 400, 'Bad Request');
	fails(await one.get('/store/open:k/', { method: 'PUT' }), 405,
		'Method Not Allowed', { allow: ASKED });
	one.close();
});

test('T6: the store is off unless it is set, and 500 without its Redis',
	async () => {
		const [off, alone] = await Promise.all([tyron(), tyron({
			POSTHORN_REDIS: `127.0.0.1:${await freePort()}`,
			POSTHORN_TYRON_STORE: 'open:' })]);
		const one = await up(off);

		await db.do('SET', 'k', 'v');
		for (const method of ['GET', 'POST'])
			fails(await one.get('/store/k/', { method }), 404, 'Not Found');
		reads(await one.get('/health/'), { body: 'OK' });
		one.close();
		const other = await up(alone);

		fails(await other.get('/store/open:k/'), 500, 'Internal Server Error');
		reads(await other.get('/health/'), { body: 'OK' });
		other.close();
		await Promise.all([off.stop(), alone.stop()]);
	});

test('T7: what is no message is skipped, and the next one comes', async () => {
	const bad = ['', 'no JSON', '[]', 'null', '"x"', '{}', '{"channel":"bad"}',
		'{"data":1}', '{"channel":1,"data":1}', '{"channel":null,"data":1}',
		'{"channel":["bad"],"data":1}', '{"channel":"bad","data":}'];
	const before = await sys.sum('redis_bad_items_total');
	const [got] = await polled([['/bad/']], async () => {
		for (const item of bad)
			await db.do('PUBLISH', CHANNEL, item);
		await publish('bad', 'good');
	});

	reads(got, { body: 'good' });
	await until(async () => await sys.sum('redis_bad_items_total') ===
		before + bad.length, { what: 'each of them is counted' });
});

test('T8: each old setting has a name and default of ours', async () => {
	const page = fs.readFileSync(bin('posthorn-tyron.7'), 'utf8');
	const wanted = { pubsub_channel: ['BRIDGE_CHANNELS', 'bridge',
		'posthorn Incus=incus tyron_pubsub=tyron'],
	redis_hostname: ['REDIS', 'bridge', '127.0.0.1:6379'],
	redis_port: ['REDIS', 'bridge', '127.0.0.1:6379'],
	redis_db: ['REDIS_DB', 'bridge', '0'],
	redis_password: ['REDIS_PASSWORD', 'bridge', ''],
	webserver_port: ['LISTEN', 'ingress', '4000'],
	timeout: ['TYRON_TIMEOUT', 'hub', '600s'],
	logging: ['LOG_LEVEL', 'hub', 'info'] };

	for (const [old, [ours, stage, byDefault]] of Object.entries(wanted)) {
		const row = page.split('\n').find((line) => line.startsWith('.It') &&
			new RegExp(`\\b${old}\\b.*Ta Ev POSTHORN_${ours} `).test(line));

		assert.ok(row, `${old} stands in the table`);
		const help = spawnSync(bin(stage), ['--help'], { encoding: 'utf8' })
			.stdout;
		assert.match(help, new RegExp(
			`^ *POSTHORN_${ours}${byDefault && `=${byDefault}`}(,| |$)`, 'm'));
	}
});

test('T8: a password of letters opens Redis',
	async () => {
		const closed = await redis({ args: ['--requirepass', 'lock'] });

		await closed.do('AUTH', 'lock');
		const it = await tyron({ POSTHORN_REDIS: `127.0.0.1:${closed.port}`,
			POSTHORN_REDIS_PASSWORD: 'lock' });
		const one = await up(it);

		await bridged(closed, CHANNEL);
		one.ask('/c/');
		await until(async () => {
			await closed.do('PUBLISH', CHANNEL, '{"channel":"c","data":"in"}');
			return one.answers.length === one.asked;
		}, { what: 'the poll is answered' });
		assert.equal(one.answers.at(-1).body, 'in');
		one.close();
		await it.stop();
		await closed.stop();
	});

test('T10: the sibling\'s ways, by settings', async () => {
	const it = await tyron({ POSTHORN_TYRON_CORS: '1', POSTHORN_TYRON_REDIRECT: '1',
		POSTHORN_TYRON_TEXT: 'text/html', POSTHORN_TYRON_TIMEOUT: '15s',
		POSTHORN_TYRON_STORE: 'open:',
		POSTHORN_BRIDGE_CHANNELS: 'notifications_pubsub=tyron' });
	const one = await up(it);
	const from = 'Origin: http://page.example\r\n';
	const cors = ['Access-Control-Allow-Origin',
		'Access-Control-Expose-Headers', 'Access-Control-Allow-Methods',
		'Access-Control-Max-Age'];
	const asked = await one.get('/c/', { method: 'OPTIONS',
		headers: from });

	assert.equal(asked.status, 'HTTP/1.1 200 OK');
	assert.equal(asked.headers.Allow, 'GET, POST, OPTIONS');
	assert.equal(asked.headers['Access-Control-Allow-Origin'], '*');
	assert.equal(asked.headers['Access-Control-Allow-Methods'],
		'GET, POST, OPTIONS');
	assert.equal(asked.headers['Access-Control-Max-Age'], '21600');
	await db.do('SET', 'open:k', 'v');
	for (const options of [{ method: 'OPTIONS' }, {}, { headers: from }]) {
		const stored = await one.get('/store/open:k/', options);

		assert.equal(stored.headers['Access-Control-Max-Age'], '21600');
		assert.equal(stored.headers['Access-Control-Allow-Origin'], '*');
	}
	for (const [path, there] of [['/c?x=/', '/c/?x=/'],
		['/store/open:k', '/store/open:k/'], ['/health', '/health/']]) {
		const moved = await one.get(path, { method: 'POST', headers: from });

		assert.equal(moved.status, 'HTTP/1.1 301 Moved Permanently');
		assert.equal(moved.headers.Location, there);
		assert.equal(moved.headers['Access-Control-Allow-Origin'], '*');
	}
	for (const path of ['/', '/a/b', '/store/open:k/x'])
		fails(await one.get(path), 404, 'Not Found');
	await bridged(db, 'notifications_pubsub');
	one.ask('/c/');
	await until(async () => {
		await db.do('PUBLISH', 'notifications_pubsub',
			'{"channel":"c","data":"sibling"}');
		return one.answers.length === one.asked;
	}, { what: 'the poll is answered' });
	const got = one.answers.at(-1);

	assert.deepEqual([got.body, got.headers['Content-Type']],
		['sibling', HTML]);
	assert.deepEqual(got.names.slice(4, -1), cors);
	one.close();
	await it.stop();
});

test('a message of any publisher is read by Tyron\'s clients', async () => {
	const rows = [['x', { data: 'x' }, { body: 'x' }],
		['incus', { data: { event: 'e', data: { a: 1 } } },
			{ body: '{"event":"e","data":{"a":1}}', type: JSON_TYPE }],
		['null', { data: null }, {}],
		['text', { text: 'plain <b>' }, { body: 'plain <b>' }],
		['bytes', Buffer.from([0x41, 0xff]),
			{ type: 'image/x-thing' }]];
	const auth = { authorization: await grant('/tyron/public') };
	const got = await polled(rows.map(([name]) => [`/mixed/${name}/`]),
		async (i) => {
			const [name, message] = rows[i];
			const channel = `/tyron/public/mixed/${name}`;
			const { status } = Buffer.isBuffer(message) ?
				await sys.post(message, { query: `?channel=${channel}`,
					type: 'image/x-thing', headers: auth }) :
				await sys.post(JSON.stringify({ channel, ...message }),
					{ headers: auth });

			assert.equal(status, 200);
		});

	for (const [i, [, , wanted]] of rows.slice(0, -1).entries())
		reads(got[i], wanted);
	assert.equal(got.at(-1).headers['Content-Type'], 'image/x-thing');
	assert.equal(got.at(-1).bytes, 'A\xff');
});

test('a message of Tyron is read by all others', async () => {
	const cursor = await sys.position('/tyron/public/out/of');

	await publish('out/of', { a: [1.50] });
	const got = await until(async () => (await sys.json('/v1/poll?timeout=5&' +
		`channel=/tyron/public/out/of&cursor=${cursor}`)).messages[0]);

	assert.deepEqual([got.channel, got.data],
		['/tyron/public/out/of', { a: [1.5] }]);
});
