// track.test.js - what became of one message, by its id: of each way to
// publish and to listen, of those who are slow, too late or gone, of hubs and
// stores that die.  And the numbers of all messages are those of /metrics.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poll, sse, ws } from './lib/clients.js';
import { bin, start, until } from './lib/proc.js';
import { raw } from './lib/raw.js';
import { WIDE, missing, system } from './lib/system.js';
import { tally, total } from './lib/tally.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const C = '/app/public/tracked';
const FATES = ['delivered', 'expired', 'rejected', 'pending'];
const BIG = 'x'.repeat(60000);

const where = (id, more = '') =>
	`/v1/messages/${encodeURIComponent(id)}${more}`;

async function ask(sys, id, { more, ...options } = {}) {
	const reply = await sys.request(where(id, more), options);

	return { status: reply.status, ...await reply.json() };
}

// It adds up, whenever it is asked for.
async function fates(sys, id, more) {
	const it = await ask(sys, id, { more });

	assert.equal(it.status, 200, JSON.stringify(it));
	assert.equal(it.recipients, FATES.reduce((sum, name) => sum + it[name], 0) +
		Object.values(it.dropped).reduce((a, b) => a + b, 0),
	JSON.stringify(it));
	return it;
}

// As soon as it is so.
async function become(sys, id, cond, more) {
	let it;

	await until(async () => cond(it = await fates(sys, id, more)),
		{ what: `${id}: ${cond}` }).catch((e) => {
		throw new Error(`${e.message}\n${JSON.stringify(it)}`);
	});
	return it;
}

const gone = (sys, id) => until(async () =>
	(await ask(sys, id)).status === 404, { what: `${id} is forgotten` });

async function sends(sys, line) {
	const send = await start(bin('send'), ['-v'],
		{ cwd: sys.dir, env: sys.env, piped: true });
	let out = '';

	send.child.stdout.on('data', (bytes) => (out += bytes));
	send.child.stdin.end(`${JSON.stringify(line)}\n`);
	await until(() => out.includes('\n'), { what: 'send is answered' });
	return JSON.parse(out);
}

test('of every way to publish, to every way to listen', { skip },
	async () => {
		const sys = await system();
		// An event stream does not say when it has joined: so from here on.
		const cursor = await sys.mark(C);
		const listeners = [ws, sse, poll].map((open) =>
			open(sys, { channels: C, cursor }));
		const track = true;

		try {
			await Promise.all(listeners.map((one) => one.ready()));
			const one = await sys.publish({ channel: C, data: 0, id: 'a/1',
				track });
			const [two, plain] = await sys.publish([
				{ channel: C, data: 1, track }, { channel: C, data: 2,
					id: 'plain' }]);
			const lines = await sys.request('/v1/publish', { method: 'POST',
				headers: { 'content-type': 'application/x-ndjson' },
				body: `${JSON.stringify({ channel: C, data: 3, track })}\n` });
			const three = JSON.parse(await lines.text());
			const four = (await sys.post('4', { query:
				`?channel=${C}&track=true&id=four` })).json;
			const five = await listeners[0].reply({ op: 'publish', channel: C,
				data: 5, track, token: token({ channel: C, pub: true }) });
			const six = await sends(sys, { channel: C, data: 6, track });

			for (const { id, cursor } of [one, two, three, four, five, six]) {
				const it = await become(sys, id, ({ delivered }) =>
					delivered >= 3);

				assert.ok(id, cursor);
				assert.deepEqual([it.id, it.channel, it.cursor],
					[id, C, cursor]);
				assert.deepEqual([it.recipients, it.delivered, it.pending],
					[3, 3, 0]);
				assert.deepEqual(it.dropped, {});
				assert.ok(Math.abs(it.accepted - Date.now()) < 60000);
				assert.deepEqual([it.state, it.stored], ['stored', 'fsync']);
				assert.deepEqual(it.hubs, { sent: 1, told: 1, lost: 0 });
			}
			assert.match(two.id, /^[\w-]{16}$/);
			await Promise.all(listeners.map((it) => it.got(7)));

			// Only its application, only what was tracked.
			assert.equal((await ask(sys, plain.id)).status, 404);
			const unknown = await ask(sys, '0-17');

			assert.deepEqual([unknown.status, unknown.error.code],
				[404, 'not_found']);
			assert.match(unknown.error.message, /\/v1\/jobs\//);
			for (const [claims, status] of [
				[{ channel: C, pub: true }, 200],
				[{ channel: '/app/public/else', pub: true }, 404],
				[{ channel: C, sub: true }, 403]])
				assert.equal((await ask(sys, 'four', { headers: { authorization:
					`Bearer ${token(claims)}` } })).status, status);
			assert.equal((await fetch(sys.url(where('four')))).status, 401);
			assert.equal((await ask(sys, 'four',
				{ more: '?channel=nowhere' })).status, 400);
			assert.equal((await sys.post(JSON.stringify({ channel: C, data: 1,
				track: 1 }))).json.error.field, 'track');
		} finally {
			listeners.forEach((it) => it.close());
			await sys.stop();
		}
	});

// Somebody who asks and does not read.
async function deaf(sys, channel) {
	const it = await raw(sys.port);

	it.write(`GET /v1/sse?channel=${channel} HTTP/1.1\r\nHost: x\r\n\r\n`);
	await it.said(/retry/);
	it.socket.pause();
	return it;
}

// All that is published is tracked; the numbers of all messages are the hubs'.
async function asCounted(sys, ids) {
	const sums = {};

	for (const id of ids) {
		const it = await fates(sys, id);

		for (const [name, n] of Object.entries({ ...it.dropped,
			recipients: it.recipients, delivered: it.delivered,
			expired: it.expired, pending: it.pending }))
			sums[name] = (sums[name] ?? 0) + n;
	}
	const all = await tally(sys);
	const counted = { recipients: 'messages_due', slow: 'drop_slow',
		delivered: 'messages_delivered', skipped: 'slow_skips',
		expired: 'drop_expired', closed: 'drop_closed', left: 'drop_left',
		hold: 'drop_hold', no_room: 'drop_no_room',
		pending: 'messages_pending' };

	for (const [name, metric] of Object.entries(counted))
		assert.equal(sums[name] ?? 0, total(all, 'hub', metric),
			`${name} ${JSON.stringify(sums)}`);
	return sums;
}

async function lose(slow, reason) {
	const sys = await system({ env: { POSTHORN_HUB_BACKLOG: '64k',
		POSTHORN_HUB_SLOW: slow } });
	const listeners = [ws(sys, { channels: C }), poll(sys, { channels: C }),
		await deaf(sys, C)];
	const ids = [];

	try {
		await Promise.all(listeners.slice(0, 2).map((it) => it.ready()));
		await until(async () => {
			ids.push((await sys.publish({ channel: C, data: BIG,
				track: true })).id);
			return (await fates(sys, ids[0])).dropped[reason] > 0 ||
				await sys.sum(reason === 'slow' ? 'drop_slow_total' :
					'slow_skips_total') > 0;
		}, { ms: 60000, what: `something is ${reason}` });
		await Promise.all(listeners.slice(0, 2)
			.map((it) => it.got(ids.length)));
		// Until the last report has come.
		const sums = await until(() => asCounted(sys, ids).catch(() => false),
			{ what: 'the messages are counted as the hub counts' });

		assert.ok(sums[reason] > 0, JSON.stringify(sums));
		assert.ok(sums.delivered >= 2 * ids.length);
		if (reason === 'skipped')
			assert.ok(sums.pending > 0);
	} finally {
		listeners.forEach((it) => it.close());
		await sys.stop();
	}
}

test('a slow reader that is disconnected loses messages', { skip },
	() => lose('disconnect', 'slow'));

test('a slow reader that is skipped loses messages', { skip },
	() => lose('skip', 'skipped'));

async function expire(recent) {
	const sys = await system({ env: { POSTHORN_HUB_RECENT: recent } });
	const here = ws(sys, { channels: C });

	try {
		await here.ready();
		const cursor = await sys.mark(C);

		await sys.publish({ channel: C, data: 1, id: 'short', ttl: 1,
			track: true });
		const { expires } = await become(sys, 'short',
			({ delivered }) => delivered === 1);

		await until(() => Date.now() > expires + 100);
		await sys.publish({ channel: C, data: 2, id: 'long', track: true });
		const late = sse(sys, { channels: C, cursor });

		await late.got(1);
		assert.deepEqual(late.data, [2]);
		const long = await become(sys, 'long', ({ delivered }) =>
			delivered === 2);
		const short = await become(sys, 'short', ({ expired }) =>
			expired === 1);

		assert.deepEqual([long.recipients, long.expired], [2, 0]);
		assert.deepEqual([short.recipients, short.delivered], [2, 1]);
		late.close();
	} finally {
		here.close();
		await sys.stop();
	}
}

test('a message comes too late, out of the hub', { skip },
	() => expire('1m'));

test('a message comes too late, out of the store', { skip },
	() => expire('0'));

// Publish until a message waits for somebody else than this reader; its id.
// When the hubs have told of one that came behind it, it is told that he has it.
async function stuff(sys, reader) {
	for (let before; ;) {
		const all = await sys.publish(Array.from({ length: 10 }, () =>
			({ channel: C, data: BIG, track: true })));
		const { id, cursor } = all.at(-1);

		await until(() => reader.text.includes(`id: ${cursor}\n`),
			{ what: 'the reader has it' });
		await become(sys, id, ({ hubs, recipients }) =>
			hubs.told === 2 && recipients === 2);
		if (before && (await fates(sys, before)).pending === 1)
			return before;
		before = id;
	}
}

test('a hub that is killed takes along who waited', { skip }, async () => {
	const sys = await system({ formation: 'hub=2',
		env: { POSTHORN_HUB_BACKLOG: '64m' } });
	const readers = [];
	const on = async (hub) => {
		for (;;) {
			const it = await deaf(sys, C);

			readers.push(it);
			if (sys.holder(it.socket.localPort) === hub)
				return it;
			it.close();
		}
	};

	try {
		const one = await on('hub.1'), two = await on('hub.2');

		two.socket.resume();
		const id = await stuff(sys, two);
		const before = await become(sys, id, ({ hubs, delivered, pending }) =>
			hubs.told === 2 && delivered === 1 && pending === 1);

		assert.deepEqual(before.hubs, { sent: 2, told: 2, lost: 0 });
		await sys.kill('hub.1');
		const after = await become(sys, id, ({ hubs }) => hubs.lost === 1);

		assert.deepEqual([after.recipients, after.delivered, after.pending,
			after.dropped], [2, 1, 0, { hub_lost: 1 }]);
		assert.equal(one.ended, false); // it did not even read that
	} finally {
		readers.forEach((it) => it.close());
		await sys.stop();
	}
});

for (const engine of ['memory', 'rocksdb'])
	test(`a store that restarts has forgotten, ${engine}`, { skip },
		async () => {
			const sys = await system({ env:
				{ POSTHORN_STORE_ENGINE: engine } });
			const client = ws(sys, { channels: C, resume: true });
			const publish = (id) => sys.publish({ channel: C, data: id, id,
				track: true });

			try {
				await client.ready();
				await publish('before');
				await become(sys, 'before', (it) => it.delivered === 1);
				await sys.kill('store.1');
				await sys.readyz({ ms: 30000 });
				await gone(sys, 'before');
				await publish('after');
				const after = await become(sys, 'after',
					(it) => it.delivered === 1);

				assert.deepEqual([after.recipients, after.hubs.told], [1, 1]);
				assert.equal((await ask(sys, 'before')).status, 404);
				// The hub let go of the old one.
				assert.equal(await sys.sum('tracks', 'stage="store"'), 1);
			} finally {
				client.close();
				await sys.stop();
			}
		});

test('of several stores and hubs, by id and by channel', { skip },
	async () => {
		const sys = await system({ formation: WIDE.formation });
		const channels = Array.from({ length: 6 }, (_, i) => `${C}/${i}`);
		const all = Array.from({ length: 6 }, () =>
			ws(sys, { channels: `${C}/*` }));

		try {
			await Promise.all(all.map((it) => it.ready()));
			for (const channel of channels) {
				await sys.publish({ channel, data: 1, id: channel.slice(-1),
					track: true });
				await sys.publish({ channel, data: 2, id: 'same',
					track: true });
			}
			for (const channel of channels) {
				const it = await become(sys, channel.slice(-1),
					({ delivered }) => delivered === 6);

				assert.equal(it.channel, channel);
				assert.equal(it.hubs.told, it.hubs.sent);
				assert.ok(!('channels' in it));
				const same = await become(sys, 'same',
					({ delivered }) => delivered === 6, `?channel=${channel}`);

				assert.equal(same.channel, channel);
			}
			const { channel, channels: known } = await fates(sys, 'same');

			assert.deepEqual(known.toSorted?.() ?? [...known].sort(), channels);
			assert.equal(channel, channels.at(-1));
		} finally {
			all.forEach((it) => it.close());
			await sys.stop();
		}
	});

test('what is too much or too old is forgotten', { skip }, async () => {
	const sys = await system({ env: { POSTHORN_STORE_TRACKS: '3',
		POSTHORN_STORE_TRACK_AGE: '3s' } });
	const client = ws(sys, { channels: C });

	try {
		await client.ready();
		for (let n = 0; n < 5; n++)
			await sys.publish({ channel: C, data: n, id: `n${n}`,
				track: true });
		for (const [n, status] of [404, 404, 200, 200, 200].entries())
			assert.equal((await ask(sys, `n${n}`)).status, status, `n${n}`);
		assert.equal(await sys.sum('tracks_full_total'), 2);
		await gone(sys, 'n4');
		assert.equal(await sys.sum('tracks_old_total'), 3);
		assert.equal(await sys.sum('tracks', 'stage="store"'), 0);
	} finally {
		client.close();
		await sys.stop();
	}
});
