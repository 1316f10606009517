// bayeux.test.js - Bayeux' clients, by the bytes: items of the list that
// whoever takes the place of Pandapush must meet.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, connect, events, handshake, post, socket, subscribe,
	subscribed, TYPES } from './lib/bayeux.js';
import { until } from './lib/proc.js';
import { KEY, missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const [ID, SECRET] = KEY.split(':');
const auth = { auth: { key: ID, secret: SECRET } };
const said = (data, id = '1') => ({ channel: '/app/public/x', data, id,
	ext: auth });
let sys, port;

before(async () => {
	if (skip)
		return;
	sys = await system({ env: { POSTHORN_HUB_BAYEUX_TIMEOUT: '2s' } });
	port = sys.port;
});
after(() => sys?.stop());

test('a handshake tells version, types, a client of 31 letters, and advice',
	{ skip }, async () => {
		const reply = await ask(port, { path: '/push/handshake',
			headers: { 'content-type': 'application/json; charset=x' },
			body: JSON.stringify([{ id: 7, channel: '/meta/handshake',
				version: '1.0', minimumVersion: '1.0', ext: { x: 1 },
				supportedConnectionTypes: ['websocket', 'x'] }]) });
		const [, id] = /"clientId":"([0-9a-z]{31})"/.exec(reply.text);

		assert.equal(reply.text, '[{"id":7,"channel":"/meta/handshake",' +
			'"successful":true,"version":"1.0","supportedConnectionTypes":' +
			`${JSON.stringify(TYPES)},"clientId":"${id}","advice":` +
			'{"reconnect":"retry","interval":0,"timeout":2000}}]');
	});

test('a poll is held for the timeout, and ends at once when something comes',
	{ skip }, async () => {
		const id = await handshake(port);

		await subscribed(port, id, '/app/public/x');
		const began = Date.now();
		const empty = await post(port, connect(id, { id: '1' }));

		assert.ok(Date.now() - began >= 1900);
		assert.deepEqual(empty, [{ id: '1', clientId: id,
			channel: '/meta/connect', successful: true,
			advice: { reconnect: 'retry', interval: 0, timeout: 2000 } }]);
		const held = post(port, connect(id, { id: '2' }));

		assert.deepEqual(await post(port, said({ n: 1 }, '3')),
			[{ id: '3', channel: '/app/public/x', successful: true }]);
		const [reply, event] = await held;

		assert.equal(reply.id, '2');
		assert.deepEqual(event, { channel: '/app/public/x', data: { n: 1 },
			id: '3', ext: {} });
	});

test('what comes between polls waits, in order, and by any transport',
	{ skip }, async () => {
		const id = await handshake(port);

		await subscribed(port, id, ['/app/public/x', '/app/public/**']);
		const say = (from, to) => post(port, Array.from(
			{ length: to - from }, (_, n) => said(from + n)));

		await say(0, 10);
		await say(10, 20);
		const got = [];

		while (got.length < 10)
			got.push(...events(await post(port, connect(id,
				{ advice: { timeout: 0 } }))));
		const it = await socket(port);

		await say(20, 30);
		it.say(connect(id, { connectionType: 'websocket' }));
		await until(() => got.length + events(it.messages).length >= 30,
			{ what: '30 messages' });
		assert.deepEqual([...got, ...events(it.messages)]
			.map(({ data }) => data), [...Array(30).keys()]);
		it.close();
	});

test('a WebSocket is handed each at once, and its loss is not the session\'s',
	{ skip }, async () => {
		const it = await socket(port);
		const { clientId: id } = await it.ask({ channel: '/meta/handshake',
			version: '1.0', supportedConnectionTypes: ['websocket'] });

		await it.ask(subscribe(id, '/app/public/x'));
		it.say(connect(id, { id: 'c', connectionType: 'websocket' }));
		await it.ask(said('a'));
		await it.heard(({ data }) => data === 'a');
		await it.heard(({ id }) => id === 'c', 'the connect is answered');
		await it.ask(said('b'));
		await it.heard(({ data }) => data === 'b');
		it.close();
		await until(async () => await sys.sum('bayeux_sockets') === 0);
		await post(port, said('c'));
		const other = await socket(port);

		other.say(connect(id, { connectionType: 'websocket' }));
		await other.heard(({ data }) => data === 'c');
		assert.equal(await sys.sum('bayeux_unknown_total'), 0);
		const gone = await other.ask({ channel: '/meta/disconnect',
			clientId: id });

		assert.equal(gone.successful, true);
		assert.equal(await other.closed(), 1000);
		const [unknown] = await post(port, connect(id));

		assert.deepEqual(unknown, { channel: '/meta/connect',
			successful: false, error: `401:${id}:Unknown client`,
			advice: { reconnect: 'handshake' } });
	});

test('a message of 200 kB is published by a request, chunked or not', { skip },
	async () => {
		const id = await handshake(port);

		await subscribed(port, id, '/app/public/x');
		for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
			const data = 'x'.repeat(200000);
			const body = JSON.stringify(said(data));
			const { status, text } = await ask(port, { body, headers: {
				'content-type': 'application/json', ...headers } });

			assert.equal(status, 200, text);
			const [event] = await until(async () => {
				const all = events(await post(port, connect(id)));

				return all.length !== 0 && all;
			}, { what: 'it has come' });

			assert.ok(event.data === data);
		}
		const { status } = await ask(port, { body: 'x'.repeat(300000) });

		assert.equal(status, 413);
	});

test('forms, texts, chunks and what is unknown are read as Faye reads them',
	{ skip }, async () => {
		const form = `message=${encodeURIComponent(JSON.stringify({ id: 'f',
			channel: '/meta/x' }))}`;

		for (const type of ['application/x-www-form-urlencoded',
			'text/plain;charset=UTF-8', 'application/JSON', undefined]) {
			const { status, text } = await ask(port, { body: `a=b&${form}`,
				path: '/push/any/where.ext',
				headers: type ? { 'content-type': type } : {} });

			assert.equal(status, 200, type);
			assert.match(text, /^\[\{"id":"f",.*403:\/meta\/x:Forb/);
		}
		for (const path of ['/pushx', '/pus'])
			assert.equal((await ask(port, { path, body: form })).status, 404);
		const get = await ask(port, { method: 'GET',
			path: `/push?${form}&jsonp=a.b`, headers: { origin: 'http://o' } });

		assert.match(get.text, /^\/\*\*\/a\.b\(\[\{"id":"f".*\}\]\);$/);
		assert.equal(get.headers['access-control-allow-origin'], 'http://o');
	});
