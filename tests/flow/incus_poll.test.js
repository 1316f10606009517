// incus_poll.test.js - Incus' long polls, by the bytes, and what becomes of its
// clients when stages leave, die and come back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { envelope, message, poll, presence, setpage, socket }
	from './lib/incus_client.js';
import { until } from './lib/proc.js';
import { raw } from './lib/raw.js';
import { WIDE, missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const CACHE = 'private, no-store, no-cache, must-revalidate, post-check=0, ' +
	'pre-check=0';
let sys;

before(async () => {
	if (!skip)
		sys = await system({ formation: 'hub=3' });
});
after(() => sys?.stop());

const waits = (it = sys, n = 1) => until(async () =>
	await it.sum('incus_polls') === n, { what: `${n} polls wait` });
const nobody = (it = sys) => waits(it, 0);
// Say something to a user, or to all.
const tell = async (to, event, data = {}) => {
	const it = await socket(sys.port, { user: 'teller' });

	it.say(message(to, event, data));
	await it.read();
	it.close();
};

// The headers of 1.5, on every status.
function checkHeaders({ headers }, { close = false } = {}) {
	assert.equal(headers['access-control-allow-origin'], '*');
	assert.equal(headers['content-type'], 'application/json');
	assert.equal(headers['cache-control'], CACHE);
	assert.equal(headers.connection, close ? 'close' : 'keep-alive');
	assert.match(headers.date, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
	assert.deepEqual(Object.keys(headers).sort(), ['access-control-allow-origin',
		'cache-control', 'connection', 'content-length', 'content-type',
		'date'].filter((name) => name in headers));
}

test('I9: by query, form and multipart, with the headers on every status',
	{ skip }, async () => {
		const multipart = '--b\r\nContent-Disposition: form-data; ' +
			'name="user"\r\n\r\ni9\r\n--b--\r\n';

		for (const [params, options] of [
			[{ user: 'i9' }, { headers: 'Origin: http://far.example\r\n' }],
			[{}, { method: 'POST', body: 'user=i9', headers: 'Content-Type: ' +
				'application/x-www-form-urlencoded\r\n' }],
			[{ user: 'x' }, { method: 'POST', body: multipart, headers:
				'Content-Type: multipart/form-data; boundary=b\r\n' }]]) {
			await nobody(); // not even he who was counted before
			const it = await poll(sys.port, params, options);

			await waits();
			await tell({ user: 'i9' }, 'nine', { a: 1.50 });
			const got = await it.answered();

			assert.equal(got.line, 'HTTP/1.1 200 OK');
			checkHeaders(got);
			assert.match(got.body,
				/^\{"event":"nine","data":\{"a":1\.5\},"time":\d+\}$/);
			it.close();
		}
		const none = await poll(sys.port, {});
		const empty = await none.answered();

		assert.equal(empty.status, 200);
		assert.equal(empty.body, '');
		checkHeaders(empty);
		none.close();
	});

test('I9: 204 after the time that is set, 200 where that is asked for',
	{ skip }, async () => {
		for (const [env, status] of [[{}, 204],
			[{ POSTHORN_HUB_INCUS_EMPTY_OK: '1' }, 200]]) {
			const quick = await system({ env: {
				POSTHORN_HUB_INCUS_POLL: '1s', ...env } });
			const began = Date.now();
			const it = await poll(quick.port, { user: 'i9' });
			const got = await it.answered();
			const took = Date.now() - began;

			assert.equal(got.status, status);
			checkHeaders(got);
			assert.equal(got.body, '');
			assert.ok(took >= 900 && took < 2000, `${took} ms`);
			it.close();
			await quick.stop();
		}
	});

test('I10: a poll\'s command is done, also when its client aborts', { skip },
	async () => {
		await nobody();
		const ear = await socket(sys.port, { user: 'ear', page: 'there' });
		const said = await poll(sys.port, { user: 'i10',
			command: message({ user: 'ear' }, 'by poll') });

		await ear.heard('by poll');
		await waits();
		said.close();
		await nobody();
		const moved = await poll(sys.port, { user: 'i10',
			command: setpage('here') });

		await waits();
		await tell({ page: 'here' }, 'moved');
		assert.match((await moved.answered()).body, /"moved"/);
		moved.close();
		const present = await poll(sys.port, { user: 'i10',
			command: presence(true) });

		await until(async () => await sys.sum('attendees') === 1,
			{ what: 'it is present' });
		present.close();
		await until(async () => await sys.sum('attendees') === 0,
			{ what: 'it is not present any more' });
		for (const bad of ['x', '[]', '{"command":7}',
			envelope({ command: 'push', push_type: 'ios' })]) {
			const it = await poll(sys.port, { user: 'i10', command: bad });

			await waits();
			assert.equal(it.answer(), false);
			it.close();
			await nobody();
		}
		for (let n = 0; n < 20; n++) {
			const it = await poll(sys.port, { user: 'i10',
				command: message({ user: 'ear' }, `gone ${n}`) });

			it.it.socket.end();
		}
		await Promise.all(Array.from({ length: 20 }, (_, n) =>
			ear.heard(`gone ${n}`)));
		ear.close();
	});

// A socket on each hub, by its name.
async function onEach(count) {
	const found = new Map();

	await until(async () => {
		const it = await socket(sys.port, { user: 'ear' });
		const hub = sys.holder(it.socket.localPort);

		if (hub === undefined || found.has(hub))
			it.close();
		else
			found.set(hub, it);
		return found.size === count;
	}, { what: 'every hub has a socket' });
	return found;
}

// When a hub tells of what it was told behind that, it counts none of them.
test('I11: an aborted poll is gone from the counts at once', { skip },
	async () => {
		await nobody();
		const ears = await onEach(3);
		const all = await Promise.all(Array.from({ length: 20 }, () =>
			poll(sys.port, { user: 'i11' })));

		await waits(sys, 20);
		const look = async () => {
			const rows = await sys.metrics('');

			return [...ears.keys()].map((hub) => ['incus_polls',
				'incus_commands_other_total'].map((what) =>
				rows.find(({ name, labels }) => name.endsWith(what) &&
					labels.includes(`"${hub}"`))?.value ?? 0));
		};
		const before = await look();

		all.forEach((it, n) => n % 2 ? it.close() : it.it.socket.end());
		for (const it of ears.values())
			for (const command of ['one', 'another']) {
				it.say(envelope({ command }));
				await it.read();
			}
		let now;

		await until(async () => {
			now = await look();
			return now.every(([, n], i) => n >= before[i][1] + 2);
		}, { what: 'every hub tells of what it was told' });
		assert.deepEqual(now.map(([polls]) => polls), [0, 0, 0]);
		ears.forEach((it) => it.close());
	});

test('I14: sockets and polls of a user each get their copy', { skip },
	async () => {
		await nobody();
		const it = await socket(sys.port, { user: 'mixed', page: 'p' });
		const polls = await Promise.all(['p', 'q'].map((page) =>
			poll(sys.port, { user: 'mixed', page })));

		await waits(sys, 2);
		it.say(message({ user: 'mixed', page: 'p' }, 'for p'));
		assert.match((await polls[0].answered()).body, /"for p"/);
		await it.heard('for p');
		assert.equal(polls[1].answer(), false);
		it.say(message({ user: 'mixed' }, 'for both'));
		assert.match((await polls[1].answered()).body, /"for both"/);
		[it, ...polls].forEach((one) => one.close());
	});

test('nothing is lost between polls that name a place, on any hub', { skip },
	async () => {
		const count = 300;
		const ear = await socket(sys.port, { user: 'kept' });
		const teller = await socket(sys.port, { user: 'teller' });
		const got = [], hubs = new Set();
		let cursor = '', n = 0;

		const next = () => poll(sys.port, { user: 'kept', cursor,
			...(got.length % 2 ? { messages: '10' } : {}) });

		await nobody();
		let it = await next();

		await waits();
		while (got.length < count) {
			for (let k = 0; k < 7 && n < count; k++)
				teller.say(message({ user: n % 3 ? 'kept' : undefined },
					'n', { n: n++ }));
			const { status, headers, body } = await it.answered();

			hubs.add(sys.holder(it.it.socket.localPort));
			assert.equal(status, 200);
			assert.equal(headers['x-incus-gap'], undefined);
			cursor = headers['x-incus-cursor'];
			got.push(...[JSON.parse(body)].flat().map(({ data }) => data.n));
			it.close();
			it = await next();
		}
		it.close();
		// In the order they were said, over both channels: it is one shard.
		assert.deepEqual(got, Array.from({ length: count }, (_, n) => n));
		await until(() => ear.messages.length === count,
			{ what: 'the socket has all' });
		assert.deepEqual(ear.messages.map(({ data }) => data.n), got);
		assert.ok(hubs.size > 1, `polls were on ${[...hubs]}`);
		[ear, teller].forEach((one) => one.close());
		await nobody();
	});

test('old clients lose nothing by cookie', { skip }, async () => {
	const it = await system({ env: { POSTHORN_HUB_INCUS_COOKIE: '1' },
		formation: 'hub=2' });
	const teller = await socket(it.port, { user: 'teller' });
	const got = [];
	let cookie = '';
	let one = await poll(it.port, { user: 'c' });

	await waits(it);
	for (let n = 0; n < 20; n++)
		teller.say(message({ user: 'c' }, 'n', { n }));
	while (got.length < 20) {
		const { headers, body } = await one.answered();

		cookie = headers['set-cookie'].split(';')[0];
		got.push(JSON.parse(body).data.n);
		one.close();
		one = await poll(it.port, { user: 'c' },
			{ headers: `Cookie: other=1; ${cookie}\r\n` });
	}
	one.close();
	teller.close();
	assert.deepEqual(got, Array.from({ length: 20 }, (_, n) => n));
	await it.stop();
});

test('what Incus\' clients say is read natively as they said it', { skip },
	async () => {
		const it = await socket(sys.port, { user: 'native' });

		it.say(message({}, 'to all', { x: [1.0] }));
		await it.heard('to all');
		const { messages } = await sys.json(
			'/v1/history?limit=1000&channel=/incus/public/all');

		assert.deepEqual(messages.at(-1).data,
			{ event: 'to all', data: { x: [1.0] } });
		it.close();
	});

// Lines of the Procfile stop from the last to the first.
test('I13: SIGTERM: sockets 1001, polls 503, ping goes on, 0 within 6 s',
	{ skip }, async () => {
		const it = await system({ formation: 'hub=2',
			stages: ['store', 'ingress', 'hub'] });
		const sockets = await Promise.all(Array.from({ length: 8 }, (_, n) =>
			socket(it.port, { user: `u${n}` })));
		const polls = await Promise.all(Array.from({ length: 4 }, (_, n) =>
			poll(it.port, { user: `u${n}` })));

		await waits(it, 4);
		const began = Date.now();

		it.up.kill();
		await until(() => sockets.some(({ closed }) => closed !== undefined),
			{ what: 'the first is sent away' });
		assert.equal(await (await fetch(it.url('/ping'))).text(), 'OK');
		for (const one of sockets)
			assert.deepEqual(await one.bye(), [1001, '']);
		for (const one of polls) {
			const got = await one.answered();

			assert.equal(got.status, 503);
			checkHeaders(got, { close: true });
		}
		assert.deepEqual(await it.up.ended(), { code: 0, signal: null });
		assert.ok(Date.now() - began < 6500, `${Date.now() - began} ms`);
	});

test('I13: who comes during the grace is answered, if there is no hub', { skip },
	async () => {
		const it = await system({ formation: 'hub=2',
			stages: ['store', 'ingress', 'hub'] });
		const all = await Promise.all(Array.from({ length: 20 }, (_, n) =>
			socket(it.port, { user: `u${n}` })));
		const gone = () => all.filter(({ closed }) => closed).length;

		it.up.kill();
		await until(() => gone() !== 0, { what: 'the first is sent away' });
		const began = Date.now();
		const ping = await raw(it.port);

		ping.write('GET /ping HTTP/1.1\r\nHost: x\r\n\r\n');
		await ping.said(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nOK$/);
		const late = await poll(it.port, { user: 'u1' },
			{ headers: 'Origin: http://far.example\r\n' });

		// The door waits for a hub, two seconds.
		await assert.rejects(socket(it.port, { user: 'u1' }),
			/^Error: HTTP\/1\.1 503 [^]*Retry-After: /);
		const got = await late.answered();

		assert.equal(got.status, 503);
		assert.equal(got.headers.connection, 'close');
		assert.equal(got.headers['access-control-allow-origin'], '*');
		await late.it.whole();
		assert.ok(gone() < all.length, 'it was during the grace');
		assert.ok(Date.now() - began < 3500, `${Date.now() - began} ms`);
		assert.deepEqual(await it.up.ended(), { code: 0, signal: null });
		assert.ok(ping.ended, 'nobody is left with a connection');
	});

test('I13: a second signal ends it at once', { skip }, async () => {
	const it = await system({ stages: ['store', 'ingress', 'hub'],
		env: { POSTHORN_HUB_SPREAD: '10s' } });
	const all = await Promise.all([1, 2, 3].map((n) =>
		socket(it.port, { user: `u${n}` })));

	it.up.kill();
	await until(() => all.some(({ closed }) => closed !== undefined),
		{ what: 'the first is sent away' });
	const began = Date.now();

	it.up.kill();
	assert.deepEqual(await it.up.ended(), { code: 0, signal: null });
	assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`);
});

test('every stage is killed once; clients come back and go on', { skip },
	async (t) => {
		const it = await system({ ...WIDE, env: {
			POSTHORN_STORE_HISTORY: '/**=100000,10m,256m' } });
		const clients = new Map();
		// As the real ones: a second later, a new socket.
		const join = async (user) => {
			for (;;)
				try {
					clients.set(user, await socket(it.port,
						{ user, page: 'p' }));
					return;
				} catch {
					await until(() => fetch(it.url('/ping'))
						.then((r) => r.ok).catch(() => false));
				}
		};
		const users = Array.from({ length: 9 }, (_, n) => `u${n}`);

		await Promise.all(users.map(join));
		const whole = async (event) => {
			await until(async () => {
				await Promise.all(users.filter((user) =>
					clients.get(user).ended).map(join));
				clients.get('u0').say(message({}, event));
				clients.get('u1').say(message({ page: 'p' }, `${event} page`));
				clients.get('u2').say(message({ user: 'u3' },
					`${event} user`));
				return users.every((user) =>
					clients.get(user).events.includes(event) &&
					clients.get(user).events.includes(`${event} page`)) &&
					clients.get('u3').events.includes(`${event} user`);
			}, { ms: 30000, what: `all hear of ${event}` });
		};

		await whole('start');
		for (const ps of ['hub.1', 'hub.2', 'hub.3', 'store.1', 'store.2',
			'ingress.1', 'ingress.2']) {
			const began = Date.now();

			await it.kill(ps);
			await whole(ps);
			t.diagnostic(`${ps}: all hear again after ` +
				`${Date.now() - began} ms`);
		}
		for (const one of clients.values())
			one.close();
		await it.stop();
	});
