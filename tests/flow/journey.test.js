// journey.test.js - a message goes from each kind of publisher, by all
// stages, to each kind of listener, and arrives as it was sent.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { before, test } from 'node:test';
import { EventSource } from 'eventsource';
import { each, exactly, inAnyOrder, poll, sse, ws } from './lib/clients.js';
import { decode, encode } from './lib/msgpack.js';
import { bin, environment, until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import { KEY, SCALED, STAGES, missing, system } from './lib/system.js';

const skip = missing(...STAGES, 'send');
const ONE = /^(\d+:)?[0-9a-z]+\.\d+$/; // position of one message
let sys, store;

before(async () => {
	if (skip)
		return;
	store = await redis();
	sys = await system({ stages: STAGES,
		env: { POSTHORN_BRIDGE_REDIS: `127.0.0.1:${store.port}` } });
});

// Listeners of each kind on a channel of its own, that miss nothing.
async function listeners(channel) {
	return each(sys, { channels: channel, cursor: await sys.mark(channel) });
}

async function all(clients, wanted) {
	for (const client of clients) {
		await client.got(wanted.length);
		exactly(client, wanted);
	}
}

// bin/send with these lines on its stdin; { code, out }.
async function send(lines, args = []) {
	const child = spawn(bin('send'), args, { env: environment(sys.env),
		cwd: sys.dir, stdio: ['pipe', 'pipe', 'pipe'] });
	let out = '';

	for (const stream of [child.stdout, child.stderr])
		stream.on('data', (text) => (out += text));
	child.stdin.end(lines.map((line) => typeof line === 'string' ? line :
		JSON.stringify(line)).join('\n') + '\n');
	const [code] = await once(child, 'close');

	return { code, out };
}

test('HTTP reaches each kind of listener', { skip }, async () => {
	const channel = '/app/public/http';
	const clients = await listeners(channel);
	const reply = await sys.publish({ channel, data: { n: 1, text: 'Grüße' } });

	assert.equal(reply.channel, channel);
	assert.match(reply.cursor, ONE);
	assert.ok(SCALED ? reply.hubs >= 1 && reply.hubs <= 3 : reply.hubs === 1);
	await all(clients, [{ n: 1, text: 'Grüße' }]);
	for (const client of clients) {
		assert.equal(client.messages[0].cursor, reply.cursor);
		assert.equal(client.messages[0].channel, channel);
		assert.equal(client.cursor, reply.cursor, client.kind);
	}
});

test('Redis pub/sub reaches each kind of listener', { skip }, async () => {
	const channel = '/app/public/redis/pubsub';
	const clients = await listeners(channel);

	await until(async () => await store.do('PUBLISH', 'posthorn',
		JSON.stringify({ channel, data: 'by pub/sub' })) === 1,
	{ what: 'the bridge listens to Redis' });
	await all(clients, ['by pub/sub']);
});

test('a Redis list reaches each kind of listener', { skip }, async () => {
	const channel = '/app/public/redis/list';
	const clients = await listeners(channel);

	for (const data of [1, 2, 3])
		await store.do('RPUSH', 'posthorn_queue',
			JSON.stringify({ channel, data }));
	await all(clients, [1, 2, 3]);
	await until(async () => await store.do('LLEN', 'posthorn_queue') === 0);
});

test('a pipe reaches each kind of listener', { skip }, async () => {
	const channel = '/app/public/pipe';
	const clients = await listeners(channel);
	const { code, out } = await send([{ channel, data: 1 },
		{ channel, text: 'two' }]);

	assert.equal(code, 0, out);
	for (const client of clients) {
		await client.got(2);
		assert.equal(client.messages[0].data, 1);
		assert.equal(client.messages[1].text, 'two');
	}
});

test('send tells which lines failed, and how many', { skip }, async () => {
	const channel = '/app/public/pipe/bad';
	const [client] = await listeners(channel);
	const { code, out } = await send([{ channel, data: 1 }, '{"channel":',
		{ channel, data: 2 }, { channel: 'nowhere', data: 3 }]);

	assert.equal(code, 2, out);
	assert.match(out, /\b2\b.*bad_json/);
	assert.match(out, /\b4\b.*bad_channel/);
	await client.got(2);
	exactly(client, [1, 2]);
});

test('JSON arrives as it was spelt', { skip }, async () => {
	const channel = '/app/public/spelling';
	const data = '{"b": 1.0, "a": 12345678901234567890, "b": "\\u00e9é"}';
	const [client] = await listeners(channel);

	await sys.post(`{"channel": "${channel}", "data": ${data}}`);
	await client.got(1);
	assert.ok(client.bytes.toString().includes(`"data":${data}`),
		client.bytes.toString());
});

test('data over several lines is one event', { skip }, async () => {
	const channel = '/app/public/lines';
	const clients = await listeners(channel);

	await sys.post(`{"channel": "${channel}", "data": {\r\n "a":\n[1,\r2]}}`);
	await all(clients, [{ a: [1, 2] }]);
});

test('text and bytes are what they were', { skip }, async () => {
	const channel = '/app/public/bodies';
	const bytes = Buffer.from([0, 255, 10, 13]);
	const clients = await listeners(channel);

	await sys.publish([{ channel, text: 'line\n"quoted"' },
		{ channel, base64: bytes.toString('base64') }]);
	for (const client of clients) {
		const [text, binary] = await client.got(2);

		assert.equal(text.text, 'line\n"quoted"');
		assert.match(text.type, /^text\/plain/);
		assert.equal(binary.base64, bytes.toString('base64'));
		assert.equal(binary.type, 'application/octet-stream');
	}
});

test('?channel= takes the whole body as the message', { skip }, async () => {
	const channel = '/app/public/raw';
	const clients = await listeners(channel);
	const query = `?channel=${encodeURIComponent(channel)}`;
	const sent = [['{"a": 1}', 'application/json'], ['<b>x</b>', 'text/html'],
		[Buffer.from([1, 128, 0]), 'image/x-odd']];

	for (const [body, type] of sent)
		assert.equal((await sys.post(body, { query, type })).status, 200);
	for (const client of clients) {
		const [json, html, image] = await client.got(3);

		assert.deepEqual(json.data, { a: 1 });
		assert.deepEqual([html.type, html.text], ['text/html', '<b>x</b>']);
		assert.deepEqual([image.type, image.base64], ['image/x-odd', 'AYAA']);
	}
	const bad = await sys.post('{"a":', { query });

	assert.deepEqual([bad.status, bad.json.error.code], [400, 'bad_json']);
});

test('an array is answered item by item', { skip }, async () => {
	const channel = '/app/public/array';
	const [client] = await listeners(channel);
	const { status, json } = await sys.post(JSON.stringify([
		{ channel, data: 1 }, { channel: '/app/public//x', data: 2 },
		{ channel }, { channel, data: 4, id: 'four' }]));

	assert.equal(status, 200);
	assert.equal(json.length, 4);
	assert.equal(json[1].error.code, 'bad_channel');
	assert.equal(json[1].error.field, 'channel');
	assert.equal(json[2].error.code, 'missing_field');
	assert.equal(json[3].id, 'four');
	await client.got(2);
	exactly(client, [1, 4]);
	assert.equal(client.messages[1].id, 'four');
});

test('lines are answered while they still come', { skip }, async () => {
	const channel = '/app/public/ndjson';
	const clients = await listeners(channel);
	const call = http.request(sys.url('/v1/publish'), { method: 'POST',
		auth: KEY, headers: { 'content-type': 'application/x-ndjson' } });
	let text = '';

	call.write(`${JSON.stringify({ channel, data: 1 })}\n`);
	const [reply] = await once(call, 'response');

	reply.on('data', (more) => (text += more));
	await until(() => text.endsWith('\n'), { what: 'line 1 is answered' });
	call.write('nonsense\n{"channel": "/app/pub');
	await until(() => text.split('\n').length === 3);
	call.write('lic/ndjson", "data": 2}\r\n');
	await until(() => text.split('\n').length === 4);
	call.end(JSON.stringify({ channel, data: 3 })); // without a newline
	await once(reply, 'end');
	const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));

	assert.deepEqual(lines.map((line) => line.error?.code ?? line.channel),
		[channel, 'bad_json', channel, channel]);
	await all(clients, [1, 2, 3]);
});

test('an id counts once', { skip }, async () => {
	const channel = '/app/public/id';
	const [client] = await listeners(channel);
	const first = await sys.publish({ channel, data: 1, id: 'a' });
	const again = await sys.publish({ channel, data: 'other', id: 'a' });
	const elsewhere = await sys.publish(
		{ channel: `${channel}/x`, data: 1, id: 'a' });

	assert.equal(again.cursor, first.cursor);
	assert.notEqual(elsewhere.cursor, first.cursor);
	await sys.publish({ channel, data: 2 });
	await client.got(2);
	exactly(client, [1, 2]);
});

test('ten at once with one id are one message', { skip }, async () => {
	const channel = '/app/public/id/race';
	const [client] = await listeners(channel);
	const replies = await Promise.all(Array.from({ length: 10 }, () =>
		sys.publish({ channel, data: 1, id: 'r' })));

	assert.equal(new Set(replies.map((reply) => reply.cursor)).size, 1);
	await sys.publish({ channel, data: 2 });
	await client.got(2);
	exactly(client, [1, 2]);
});

// The store decides between the moment a question is asked and the one its
// answer is here, so each answer is right or wrong however slow the machine.
test('past its ttl a message is not to be had', { skip }, async () => {
	const CLOCK = 100; // ms; a stage reads its clock once a turn
	const channel = '/app/public/ttl';
	const cursor = await sys.mark(channel);
	const before = Date.now();

	await sys.publish([{ channel, data: 'brief', ttl: 1 },
		{ channel, data: 'lasting', ttl: 3600 }]);
	const after = Date.now();
	let early = false;

	await until(async () => {
		const asked = Date.now();
		const { messages } = await sys.json(
			`/v1/history?channel=${channel}&after=${cursor}&limit=10`);
		const answered = Date.now();
		const data = messages.map((m) => m.data);

		if (data.length === 2) {
			assert.deepEqual(data, ['brief', 'lasting']);
			assert.ok(asked < after + 1000 + CLOCK,
				`still there after ${asked - after} ms`);
			early = true;
			return false;
		}
		assert.deepEqual(data, ['lasting']);
		assert.ok(answered > before + 1000 - CLOCK,
			`gone after ${answered - before} ms`);
		return true;
	});
	assert.ok(early, 'it was to be had before');
	const late = ws(sys, { channels: channel, cursor });

	await late.got(1);
	exactly(late, ['lasting']);
});

test('history is read page by page', { skip }, async () => {
	const channel = '/app/public/pages';
	let cursor = await sys.mark(channel);

	await sys.publish(Array.from({ length: 25 }, (_, n) =>
		({ channel, data: n })));
	await sys.publish({ channel: '/app/public/elsewhere', data: 'x' });
	const data = [], sizes = [];

	for (let size = 10; size === 10;) {
		const page = await sys.json(
			`/v1/history?channel=${channel}&after=${cursor}&limit=10`);

		size = page.messages.length;
		sizes.push(size);
		data.push(...page.messages.map((message) => message.data));
		cursor = page.cursor;
	}
	assert.deepEqual(sizes, [10, 10, 5]);
	assert.deepEqual(data, Array.from({ length: 25 }, (_, n) => n));
	const rest = await ws(sys, { channels: channel, cursor }).ready();

	await sys.publish({ channel, data: 25 });
	await rest.got(1);
	exactly(rest, [25]);
});

test('history without a position begins at the oldest', { skip }, async () => {
	const channel = '/app/public/oldest';

	await sys.publish([1, 2, 3].map((data) => ({ channel, data })));
	const { messages } = await sys.json(`/v1/history?channel=${channel}`);

	assert.deepEqual(messages.map((message) => message.data), [1, 2, 3]);
});

test('wildcards: * is one level, ** is any depth', { skip }, async () => {
	const base = '/app/public/wild';
	const from = async (...channels) => each(sys,
		{ channels, cursor: await sys.position(...channels) });
	const one = await from(`${base}/*`);
	const deep = await from(`${base}/**`);
	const both = await from(`${base}/**`, `${base}/*`, `${base}/a`);

	await sys.publish(['/a', '/a/b', '/a/b/c', 'x/a', '', '/d'].map((end) =>
		({ channel: base + end, data: end })));
	for (const client of one) {
		await client.got(2);
		inAnyOrder(client, ['/a', '/d']);
	}
	for (const client of [...deep, ...both]) {
		await client.got(4);
		inAnyOrder(client, ['/a', '/a/b', '/a/b/c', '/d']);
	}
});

test('without a position one hears what comes next', { skip }, async () => {
	const channel = '/app/public/now';

	await sys.publish({ channel, data: 'before' });
	const socket = await ws(sys, { channels: channel }).ready();
	const polling = await poll(sys, { channels: channel }).ready();
	const stream = await sse(sys, { channels: channel }).ready();
	const heard = new Set();

	// An event stream does not say when it has joined: publish until it did.
	await until(async () => {
		heard.add((await sys.publish({ channel, data: heard.size })).cursor);
		return stream.messages.length !== 0;
	});
	for (const client of [socket, polling]) {
		await client.got(heard.size);
		exactly(client, Array.from({ length: heard.size }, (_, n) => n));
	}
	assert.ok(heard.has(stream.messages[0].cursor));
});

test('an unmodified EventSource follows a stream', { skip }, async () => {
	const channel = '/app/public/eventsource';
	const cursor = await sys.mark(channel);
	const source = new EventSource(
		sys.url(`/v1/sse?channel=${channel}&cursor=${cursor}`));
	const events = [];

	source.addEventListener('message', (event) => events.push(event));
	const reply = await sys.publish({ channel, data: 'hello' });

	await until(() => events.length === 1).finally(() => source.close());
	assert.deepEqual(JSON.parse(events[0].data),
		{ channel, cursor: reply.cursor, data: 'hello' });
	assert.equal(events[0].lastEventId, reply.cursor);
});

test('a poll answers several messages at once', { skip }, async () => {
	const channel = '/app/public/several';
	const cursor = await sys.mark(channel);

	await sys.publish([1, 2, 3].map((data) => ({ channel, data })));
	const reply = await sys.request(
		`/v1/poll?channel=${channel}&cursor=${cursor}&timeout=5`);
	const { messages, cursor: next } = await reply.json();

	assert.deepEqual(messages.map((message) => message.data), [1, 2, 3]);
	assert.equal(next, messages[2].cursor);
	const empty = await sys.json(
		`/v1/poll?channel=${channel}&cursor=${next}&timeout=0`);

	assert.deepEqual(empty, { messages: [], cursor: next });
});

test('a message of 1 MB arrives whole', { skip }, async () => {
	const channel = '/app/public/big';
	const data = Array.from({ length: 1000000 / 8 }, (_, n) =>
		String(n).padStart(8, '0')).join('');
	const clients = await each(sys, { channels: channel });

	// The event stream is sure to have joined when it hears something.
	const stream = clients.find((client) => client.kind === 'SSE');

	await until(async () => {
		await sys.publish({ channel, data: 'small' });
		return stream.messages.length !== 0;
	});
	await sys.publish({ channel, data });
	for (const client of clients) {
		await until(() => client.data.at(-1) === data,
			{ what: `${client.kind} has all of it` });
		assert.deepEqual(client.gaps, []);
	}
});

test('500 listeners on 500 channels each hear their own', { skip }, async () => {
	const channel = (n) => `/app/public/many/${n}`;
	const kinds = [ws, ws, ws, sse, poll];
	const marks = await sys.publish(Array.from({ length: 500 }, (_, n) =>
		({ channel: channel(n), data: 'mark' })));
	const clients = await Promise.all(marks.map(({ cursor }, n) =>
		kinds[n % kinds.length](sys, { channels: channel(n), cursor })
			.ready({ ms: 20000 })));

	for (const round of [0, 1])
		await sys.publish(clients.map((_, n) =>
			({ channel: channel(n), data: [round, n] })));
	for (const [n, client] of clients.entries()) {
		await client.got(2);
		exactly(client, [[0, n], [1, n]]);
	}
	for (const client of clients)
		client.close();
});

test('msgpack by subprotocol', { skip }, async () => {
	const channel = '/app/public/msgpack';
	const client = await ws(sys, { channels: channel, encode,
		cursor: await sys.mark(channel),
		protocol: 'posthorn.v1.msgpack',
		decode: (bytes, binary) => {
			assert.ok(binary);
			return decode(bytes);
		} }).ready();

	assert.equal(client.socket.protocol, 'posthorn.v1.msgpack');
	await sys.publish([{ channel, data: { a: [1, -2, 1.5, null, true, 'é'] } },
		{ channel, text: 'text' }, { channel, base64: 'AP8=' }]);
	const [json, text, binary] = await client.got(3);

	assert.deepEqual(json.data, { a: [1, -2, 1.5, null, true, 'é'] });
	assert.equal(text.text, 'text');
	assert.deepEqual(Buffer.from(Object.values(binary).find(Buffer.isBuffer)),
		Buffer.from([0, 255]));
	assert.equal((await client.reply({ op: 'ping' })).ok, true);
});

test('a WebSocket publishes, and unsubscribes', { skip }, async () => {
	const channel = '/app/public/by-ws';
	const other = await ws(sys, { channels: channel }).ready();
	const basic = `Basic ${Buffer.from(KEY).toString('base64')}`;
	const client = await ws(sys, { channels: channel,
		headers: { authorization: basic } }).ready();
	const reply = await client.reply({ op: 'publish', channel, data: 1 });

	assert.ok(reply.ok, JSON.stringify(reply));
	assert.match(reply.cursor, ONE);
	await client.got(1);
	assert.ok((await client.reply({ op: 'unsubscribe', channel })).ok);
	assert.ok((await client.reply({ op: 'publish', channel, data: 2 })).ok);
	await other.got(2);
	exactly(other, [1, 2]);
	assert.equal((await client.reply({ op: 'ping' })).ok, true);
	exactly(client, [1]);
});

test('permessage-deflate carries the same', { skip }, async () => {
	const packed = await system({ env: { POSTHORN_HUB_DEFLATE: '1' } });
	const channel = '/app/public/deflate';
	const data = { text: 'again and '.repeat(100) };
	const client = await ws(packed, { channels: channel,
		deflate: { threshold: 0 } }).ready();
	const plain = await ws(packed, { channels: channel }).ready();

	assert.match(client.socket.extensions, /permessage-deflate/);
	assert.equal(plain.socket.extensions, '');
	await packed.publish([{ channel, data }, { channel, data: 2 }]);
	for (const it of [client, plain]) {
		await it.got(2);
		exactly(it, [data, 2]);
	}
	const raw = client.socket._socket.bytesRead;

	assert.ok(raw < plain.socket._socket.bytesRead - 500, `${raw} bytes`);
	client.close();
	plain.close();
	await packed.stop();
});
