// faye_peer.test.js - our client of Bayeux with Faye's own server: it is what
// it says it is with others than us, by WebSocket and by long poll.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ours, Peer, client } from './lib/faye.js';
import { until } from './lib/proc.js';

const here = new Peer();
const started = here.start();
const WAYS = [['WebSocket', { socket: true }], ['long polls', { socket: false }]];

async function peer() {
	await started;
	return here;
}

for (const [how, options] of WAYS) {
	test(`by ${how}, what is published is heard, by name and by pattern`,
		async () => {
			const { url } = await peer();
			const one = client(url, options);
			const got = [];
			const subs = ['/a/b', '/a/*', '/a/**', '/**', '/a/b/*'].map((c) =>
				one.subscribe(c, (data) => got.push([c, data]))
					.withChannel((name, data) => got.push([c, name, data])));

			await Promise.all(subs);
			await one.publish('/a/b', { n: 1 });
			await until(() => got.length >= 8);
			assert.deepEqual(got.sort(), ['/a/*', '/a/**', '/a/b', '/**']
				.flatMap((c) => [[c, { n: 1 }], [c, '/a/b', { n: 1 }]]).sort());
			assert.equal(one.line.type, how === 'WebSocket' ? 'websocket' :
				'long-polling');
			await one.disconnect();
		});

	test(`by ${how}, what is unsubscribed or cancelled is heard no more`,
		async () => {
			const { url } = await peer();
			const one = client(url, options);
			const got = [];
			const first = one.subscribe('/c/x', () => got.push('first'));
			const second = one.subscribe('/c/x', () => got.push('second'));
			const other = one.subscribe('/c/y', () => got.push('end'));

			await Promise.all([first, second, other]);
			first.cancel();
			await one.publish('/c/x', 1);
			await until(() => got.includes('second'));
			one.unsubscribe('/c/x');
			await until(() => here.said.some((it) =>
				it.channel === '/meta/unsubscribe' &&
				it.subscription === '/c/x' &&
				it.clientId === one.getClientId()));
			await one.publish('/c/x', 2);
			await one.publish('/c/y', 3);
			await until(() => got.includes('end'));
			assert.deepEqual(got, ['second', 'end']);
			await one.disconnect();
		});

	test(`by ${how}, a server that refuses is told about`, async () => {
		const { url } = await peer();
		const one = client(url, options);

		await assert.rejects(one.subscribe('/meta/x').promise,
			{ code: 403, params: ['/meta/x'], message: 'Forbidden channel' });
		await assert.rejects(one.publish('/a.b', 1).promise,
			{ code: 405, params: ['/a.b'], message: 'Invalid channel' });
		here.change = (m) => m.channel === '/s' ?
			{ ...m, error: 'Invalid token' } : m;
		await assert.rejects(one.publish('/s', 1).promise,
			{ code: null, params: [], message: 'Invalid token' });
		here.change = undefined;
		await one.disconnect();
	});

	test(`by ${how}, a server that has forgotten it is greeted again`,
		async () => {
			const other = await new Peer().start();
			const one = client(other.url, options);
			const got = [], told = [];

			one.on('transport:down', () => told.push('down'));
			one.on('transport:up', () => told.push('up'));
			await one.subscribe('/r', (data) => got.push(data));
			const first = one.getClientId();

			await other.stop();
			await until(() => told.includes('down'));
			const before = one.publish('/r', 'before');

			await other.start();
			await before;
			await until(() => one.getClientId() !== null &&
				one.getClientId() !== first);
			await until(async () => {
				await one.publish('/r', 'after');
				return got.includes('after');
			});
			assert.deepEqual(told.slice(0, 3), ['up', 'down', 'up']);
			await one.disconnect();
			await other.stop();
		});

	test(`by ${how}, connections that break lose nothing`, async () => {
		const other = await new Peer().start();
		const one = client(other.url, options);
		const got = new Set();
		const polls = () => other.said.filter(({ channel }) =>
			channel === '/meta/connect').length;

		await one.subscribe('/n', (data) => got.add(data));
		const first = one.getClientId();

		for (let n = 0; n < 5; n++) {
			await until(() => polls() >= 1);
			const before = polls();

			other.cut();
			// What it writes to a poll that was cut, that server loses.
			await until(() => polls() > before);
			await one.publish('/n', n);
			await until(() => got.has(n));
		}
		assert.equal(one.getClientId(), first);
		await one.disconnect();
		await other.stop();
	});

	test(`by ${how}, extensions see and change all that goes and comes`,
		async () => {
			const { url } = await peer();
			const one = client(url, options);
			const seen = [], got = [];
			const extension = {
				added: () => seen.push('added'),
				removed: () => seen.push('removed'),
				outgoing(message, done) {
					seen.push(message.channel);
					setImmediate(() => done(message.channel === '/e' ?
						{ ...message, data: `${message.data}!` } : message));
				},
				incoming(message, done) {
					done(message.data === 'secret!' ? null : message);
				},
			};

			one.addExtension(extension);
			await one.subscribe('/e', (data) => got.push(data));
			await one.publish('/e', 'secret');
			await one.publish('/e', 'open');
			await until(() => got.length !== 0);
			one.removeExtension(extension);
			assert.deepEqual(got, ['open!']);
			assert.equal(seen[0], 'added');
			assert.equal(seen.at(-1), 'removed');
			for (const channel of ['/meta/handshake', '/meta/connect',
				'/meta/subscribe', '/e'])
				assert.ok(seen.includes(channel), channel);
			await one.disconnect();
		});

	test(`by ${how}, a disconnect is said, and nothing follows it`,
		async () => {
			const { url } = await peer();
			const one = client(url, options);
			const id = () => one.getClientId();

			await one.subscribe('/d');
			const was = id();

			await one.disconnect();
			assert.equal(one.getState(), 'DISCONNECTED');
			assert.ok(here.said.some(({ channel, clientId }) =>
				channel === '/meta/disconnect' && clientId === was));
			one.subscribe('/d2');
			assert.ok(!here.said.some(({ subscription }) =>
				subscription === '/d2'));
		});
}

test('one poll waits at a time, and the rest goes together before it',
	async () => {
		const other = await new Peer({ timeout: 1 }).start();
		const one = client(other.url, { socket: false });
		const polls = () => other.said.filter(({ channel }) =>
			channel === '/meta/connect');

		await Promise.all([one.subscribe('/x'), one.subscribe('/y')]);
		await until(() => polls().length >= 3);
		assert.deepEqual(polls()[0].advice, { timeout: 0 });
		assert.ok(polls().slice(1).every(({ advice }) => !advice));
		assert.equal(new Set(polls().map(({ id }) => id)).size,
			polls().length);
		await one.disconnect();
		await other.stop();
	});

test('a socket that cannot be opened is done without', async () => {
	const { url } = await peer();

	class Broken {
		constructor() {
			setImmediate(() => this.onclose());
		}

		close() {}
	}
	const one = client(url, { WebSocket: Broken });
	const got = [];

	await one.subscribe('/w', (data) => got.push(data));
	await one.publish('/w', 1);
	await until(() => got.length === 1);
	assert.equal(one.line.type, 'long-polling');
	await one.disconnect();
});

test('a socket that is closed to it for good is given up for polls',
	async () => {
		const other = await new Peer().start();
		const one = client(other.url);
		const got = [];

		await one.subscribe('/w', (data) => got.push(data));
		assert.equal(one.line.type, 'websocket');
		other.server.removeAllListeners('upgrade');
		other.server.on('upgrade', (request, socket) => socket.destroy());
		other.cut();
		await until(() => one.line.type === 'long-polling');
		await one.publish('/w', 1);
		await until(() => got.length === 1);
		await one.disconnect();
		await other.stop();
	});

test('a message is tried as often, or as long, as is said', async () => {
	const other = await new Peer().start();
	const one = client(other.url, { socket: false, retry: 0.05 });

	await one.subscribe('/t');
	await other.stop();
	await assert.rejects(one.publish('/t', 1, { attempts: 2 }).promise,
		/could not be sent/);
	await assert.rejects(one.publish('/t', 1, { deadline: 0.3 }).promise,
		/could not be sent/);
	await other.start();
	await one.publish('/t', 1);
	await one.disconnect();
	await other.stop();
});

test('what cannot be sent waits, but not without end', async () => {
	const other = await new Peer().start();
	const one = client(other.url, { socket: false, retry: 0.05 });

	await one.subscribe('/t');
	await other.stop();
	const all = Array.from({ length: 1100 }, (_, n) => one.publish('/t', n)
		.then(() => 'sent', ({ message }) => message));

	assert.equal(await all.at(-1), 'Too many messages wait');
	await other.start();
	const became = await Promise.all(all);

	assert.ok(became.slice(0, 999).every((it) => it === 'sent'));
	await one.disconnect();
	await other.stop();
});

test('a transport that is disabled is not used, and headers are sent',
	async () => {
		const other = new Peer();
		const heads = [];

		await other.start();
		other.server.prependListener('request', ({ headers }) =>
			heads.push(headers['x-mine']));
		const one = client(other.url);

		one.disable('websocket');
		one.setHeader('X-Mine', 'yes');
		await one.subscribe('/h');
		assert.equal(one.line.type, 'long-polling');
		assert.ok(heads.length !== 0 && heads.every((it) => it === 'yes'));
		await one.disconnect();
		await other.stop();
	});

test('a server that refuses each poll is not asked without a pause',
	async () => {
		const other = await new Peer().start();
		const one = client(other.url, { socket: false, retry: 0.3 });
		const greetings = () => other.said.filter(({ channel }) =>
			channel === '/meta/handshake').length;

		other.change = (m) => m.channel === '/meta/connect' ?
			{ ...m, clientId: 'nobody' } : m;
		const begun = Date.now();

		one.connect();
		await until(() => greetings() >= 5);
		assert.ok(Date.now() - begun >= 800, `${Date.now() - begun} ms`);
		await one.disconnect();
		await other.stop();
	});

test('promises, callbacks and the old names of both', async () => {
	const { url } = await peer();
	const one = client(url);
	const told = [];

	await new Promise((resolve) => one.subscribe('/p')
		.callback(() => resolve(told.push('yes'))));
	await new Promise((resolve) => one.publish('/p.', 1)
		.errback((e) => resolve(told.push(`${e}`))));
	assert.deepEqual(told, ['yes', '405:/p.:Invalid channel']);
	assert.equal(Ours.VERSION, '1.4.3');
	one.bind('x', (n) => told.push(n), null);
	one.trigger('x', 1);
	one.unbind('x');
	one.trigger('x', 2);
	assert.equal(told.at(-1), 1);
	await one.disconnect();
});
