// resume.test.js - one position, taken on any transport, goes on with any
// other, and a hole that cannot be filled is told on each.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { before, test } from 'node:test';
import { EventSource } from 'eventsource';
import { exactly, inAnyOrder, transports } from './lib/clients.js';
import { until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const kinds = Object.entries(transports);
const ONE = /^(\d+:)?[0-9a-z]+\.\d+$/; // position of one message
let sys;

before(async () => {
	if (!skip)
		sys = await system({ env: {
			POSTHORN_STORE_HISTORY: '/**=1000,5m,1m /app/public/short/**=3' } });
});

for (const [from, first] of kinds)
	for (const [to, second] of kinds)
		test(`a position of ${from} goes on with ${to}`, { skip }, async () => {
			const channel = `/app/public/resume/${from}/${to}`;
			const put = (...data) => sys.publish(data.map((one) =>
				({ channel, data: one })));
			const before = first(sys, { channels: channel,
				cursor: await sys.mark(channel) });

			await put(1, 2);
			await before.got(2);
			before.close();
			await put(3, 4);
			const after = second(sys,
				{ channels: channel, cursor: before.cursor });

			await after.got(2);
			await put(5);
			await after.got(3);
			exactly(before, [1, 2]);
			exactly(after, [3, 4, 5]);
			if (to === 'ws')
				assert.equal(after.recovered, true);
		});

// However the replays of the channels come: whoever comes last has older ones.
for (const order of [['a', 'b'], ['b', 'a']])
	test(`a poll of two full channels gets on: ${order}`, { skip }, async () => {
		const channels = order.map((end) => `/app/public/both/${order}/${end}`);
		const cursor = await sys.position(...channels);
		const put = (channel, from, to) => sys.publish(
			Array.from({ length: to - from }, (_, n) =>
				({ channel, data: from + n })));

		for (const at of [0, 500, 1000, 1500])
			await put(channels[(at / 500) % 2], at, at + 500);
		const client = transports.poll(sys, { channels, cursor });

		await client.got(2000);
		inAnyOrder(client, Array.from({ length: 2000 }, (_, n) => n));
		assert.ok(client.most > 400, `${client.most} in an answer`);
		assert.ok(client.opened < 10, `${client.opened} answers`);
		client.close();
	});

test('one position stands for several channels', { skip }, async () => {
	const channels = ['a', 'b', 'c'].map((end) => `/app/public/set/${end}`);
	const put = (...data) => sys.publish(data.map((one, n) =>
		({ channel: channels[n % 3], data: one })));

	for (const [kind, first] of kinds) {
		if (kind === 'ws')
			continue; // it has one for each subscription
		const before = first(sys, { channels,
			cursor: await sys.position(...channels) });

		await put(1, 2, 3);
		await before.got(3);
		before.close();
		await put(4, 5, 6);
		for (const [, second] of kinds) {
			const after = second(sys, { channels, cursor: before.cursor });

			await after.got(3);
			inAnyOrder(after, [4, 5, 6]);
			after.close();
		}
	}
});

test('a wildcard goes on from its position', { skip }, async () => {
	const base = '/app/public/wildresume';
	const cursor = await sys.position(`${base}/**`);

	await sys.publish([1, 2, 3].map((n) =>
		({ channel: `${base}/${n}`, data: n })));
	for (const [, listen] of kinds) {
		const client = listen(sys, { channels: `${base}/**`, cursor });

		await client.got(3);
		inAnyOrder(client, [1, 2, 3]);
		client.close();
	}
});

// A port that leads to another one, until it is cut.
async function wire(port) {
	const ends = new Set();
	const server = net.createServer((near) => {
		const far = net.connect(port, '127.0.0.1');

		for (const [end, other] of [[near, far], [far, near]]) {
			ends.add(end.on('error', () => {})
				.on('close', () => other.destroy()));
			end.pipe(other);
		}
	}).listen(0, '127.0.0.1');

	await once(server, 'listening');
	return { port: server.address().port,
		cut: () => ends.forEach((end) => end.destroy()),
		close: () => server.close() };
}

test('an unmodified EventSource goes on by itself', { skip }, async () => {
	const channel = '/app/public/lastid';
	const cursor = await sys.mark(channel);
	const through = await wire(sys.port);
	const got = [];
	const source = new EventSource(`http://127.0.0.1:${through.port}` +
		`/v1/sse?channel=${channel}&cursor=${cursor}`);

	source.onmessage = (event) => got.push(JSON.parse(event.data).data);
	try {
		await sys.publish([1, 2].map((data) => ({ channel, data })));
		await until(() => got.length === 2);
		through.cut();
		await sys.publish([3, 4].map((data) => ({ channel, data })));
		await until(() => got.length === 4,
			{ what: 'it came back and has them all' });
	} finally {
		source.close();
		through.cut();
		through.close();
	}
	assert.deepEqual(got, [1, 2, 3, 4]);
});

test('Last-Event-ID wins over ?cursor=', { skip }, async () => {
	const channel = '/app/public/wins';
	const cursor = await sys.mark(channel);
	const [one] = await sys.publish([1, 2].map((data) => ({ channel, data })));
	const call = new AbortController();
	const reply = await sys.request(
		`/v1/sse?channel=${channel}&cursor=${cursor}`,
		{ headers: { 'last-event-id': one.cursor }, signal: call.signal });
	let text = '';

	for await (const bytes of reply.body) {
		text += Buffer.from(bytes);
		if (/"data":2/.test(text))
			break;
	}
	call.abort();
	assert.doesNotMatch(text, /"data":1/);
});

test('a poll goes on by its ETag', { skip }, async () => {
	const channel = '/app/public/etag';
	const where = `/v1/poll?channel=${channel}&timeout=`;
	const first = await sys.request(`${where}0`);
	const etag = first.headers.get('etag');

	assert.match(etag, new RegExp(`^"${ONE.source.slice(1, -1)}"$`));
	assert.deepEqual((await first.json()).messages, []);
	await sys.publish([1, 2].map((data) => ({ channel, data })));
	const second = await sys.request(`${where}5`,
		{ headers: { 'if-none-match': etag } });
	const { messages, cursor } = await second.json();

	assert.equal(second.status, 200);
	assert.deepEqual(messages.map((message) => message.data), [1, 2]);
	assert.equal(second.headers.get('etag'), `"${cursor}"`);
});

// What each transport says of a hole, and of what came behind it.
async function hole(channel, cursor, wanted) {
	for (const [kind, listen] of kinds) {
		const client = listen(sys, { channels: channel, cursor });

		await client.got(wanted.length);
		await until(() => client.gaps.length === 1,
			{ what: `${kind} was told of the gap` });
		assert.deepEqual(client.data, wanted, kind);
		assert.equal(client.gaps[0].from, cursor, kind);
		assert.match(client.gaps[0].to, ONE);
		assert.equal(typeof client.gaps[0].reason, 'string');
		if (kind === 'ws')
			assert.equal(client.recovered, false);
		client.close();
	}
}

test('what was trimmed is told as a gap', { skip }, async () => {
	const channel = '/app/public/short/a';
	const cursor = await sys.mark(channel);

	await sys.publish([1, 2, 3, 4, 5].map((data) => ({ channel, data })));
	await hole(channel, cursor, [3, 4, 5]);
});

test('a position of another epoch is told as a gap', { skip }, async () => {
	const channel = '/app/public/epoch';

	const [{ cursor }] = await sys.publish(
		[1, 2].map((data) => ({ channel, data })));

	await hole(channel, cursor.replace(/[^:]*$/, '1a2b.7'), [1, 2]);
});

test('an EventSource can see a gap', { skip }, async () => {
	const channel = '/app/public/short/b';
	const cursor = await sys.mark(channel);

	await sys.publish([1, 2, 3, 4, 5].map((data) => ({ channel, data })));
	const source = new EventSource(
		sys.url(`/v1/sse?channel=${channel}&cursor=${cursor}`));
	const gaps = [];

	source.addEventListener('gap', (event) => gaps.push(event.data));
	await until(() => gaps.length === 1).finally(() => source.close());
	const { channel: where, gap } = JSON.parse(gaps[0]);

	assert.equal(where, channel);
	assert.equal(gap.from, cursor);
});

test('history tells of a hole, too', { skip }, async () => {
	const channel = '/app/public/short/c';
	const cursor = await sys.mark(channel);

	await sys.publish([1, 2, 3, 4, 5].map((data) => ({ channel, data })));
	const { messages: [{ gap }, ...messages] } = await sys.json(
		`/v1/history?channel=${channel}&after=${cursor}`);

	assert.equal(gap?.from, cursor);
	assert.deepEqual(messages.map((message) => message.data), [3, 4, 5]);
});

test('many resume at once while more comes in', { skip }, async () => {
	const channel = '/app/public/crowd';
	const cursor = await sys.mark(channel);
	const publish = (from) => sys.publish(Array.from({ length: 100 },
		(_, n) => ({ channel, data: from + n })));
	const wanted = Array.from({ length: 500 }, (_, n) => n);
	const clients = [];

	for (const from of [0, 100, 200, 300, 400]) {
		const published = publish(from);

		for (const [, listen] of kinds)
			for (let i = 0; i < 5; i++)
				clients.push(listen(sys, { channels: channel, cursor }));
		await published;
	}
	for (const client of clients) {
		await client.got(500);
		exactly(client, wanted);
		client.close();
	}
	assert.equal(clients.length, 75);
});
