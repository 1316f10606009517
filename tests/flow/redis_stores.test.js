// redis_stores.test.js - several stores on one Redis: whichever of them dies,
// stands still, comes or goes, the others have its shards soon, and every
// accepted message comes exactly once and in order, at one place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DELIVERED, Pusher, enqueue } from './lib/pusher.js';
import { stolen } from './lib/processor.js';
import { redis } from './lib/redis.js';
import { until } from './lib/proc.js';
import { backAfter, quiet, silence, told } from './lib/stores.js';
import { missing } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const TAKEN = 3000; // ms until a dead store's shards are served by others
const GIVEN = 1000; // ms that a shard which is given may be silent
const ADMIN = 'an administrator knows it';
const LONG = 5000; // ms; longer than a lease, and than the beats of a link

async function story(t, what) {
	const db = await redis();

	await told(t, {
		settings: { POSTHORN_STORE_REDIS: `127.0.0.1:${db.port}` },
		strike: (house, rows) => what.strike(house, rows, () =>
			stolen(() => [...house.pids(rows), db.proc.pid])),
		end: async () => {
			await db.stop();
		} });
}

// But for the time in which somebody else had the processors.
function within(t, what, ms, [took, who], waited) {
	const after = `after ${took} ms, ${waited()} of them waiting (${who})`;

	t.diagnostic(`${what} ${after}`);
	assert.ok(took - waited() <= ms, `${what} ${after}`);
}

test('one of two stores is killed, and comes back', { skip }, (t) =>
	story(t, { strike: async (house, rows, watch) => {
		const waited = watch(), since = await house.end('store.2');

		within(t, 'taken over', TAKEN, await backAfter(rows, since), waited);
		const given = watch(), from = Date.now();

		await house.begin('store.2');
		await house.balanced();
		await backAfter(rows, Date.now());
		within(t, 'given back', GIVEN, silence(rows, from, Date.now()), given);
	} }));

// It wakes with messages in its hands, and may do nothing with them.
test('one of two stores stands still past its lease', { skip }, (t) =>
	story(t, { strike: async (house, rows, watch) => {
		const waited = watch(), began = Date.now();

		house.signal('store.1', 'SIGSTOP');
		within(t, 'taken over', TAKEN, await backAfter(rows, began), waited);
		await until(() => Date.now() - began >= LONG, { ms: 2 * LONG });
		house.signal('store.1', 'SIGCONT');
		await house.balanced();
		await backAfter(rows, Date.now());
	} }));

test('a third store joins, and one is drained', { skip }, (t) =>
	story(t, { strike: async (house, rows, watch) => {
		const joined = watch(), from = Date.now();

		await house.begin('store.3');
		await house.balanced();
		await backAfter(rows, Date.now());
		within(t, 'shared by three', GIVEN, silence(rows, from, Date.now()),
			joined);
		const drained = watch();
		const since = await house.end('store.1', 'SIGTERM');

		within(t, 'drained', GIVEN, await backAfter(rows, since), drained);
		await house.balanced();
		await backAfter(rows, Date.now());
		within(t, 'shared by two', GIVEN, silence(rows, since, Date.now()),
			drained);
	} }));

const numbered = (n, name) =>
	Array.from({ length: n }, (_, i) => `${name}${i}`);

async function call(sys, method, where, body, authorization) {
	const reply = await sys.request(where, { method,
		headers: authorization ? { authorization } : {},
		body: body && JSON.stringify(body) });

	return { status: reply.status, json: await reply.json() };
}

// Until it is answered with success, whatever happens meanwhile.
const insist = (sys, ...args) => {
	let last;

	return until(async () => {
		last = await call(sys, ...args).catch((e) => e);
		return last.status === 200 && last.json;
	}, { ms: 20000, what: `${args[0]} ${args[1]} succeeds` })
		.catch((e) => {
			throw new Error(`${e.message}: ${JSON.stringify(last)}`);
		});
};

async function publishes(sys, key) {
	const { status } = await call(sys, 'POST', '/v1/publish',
		{ channel: '/shop/public/x', data: 1 },
		`Basic ${btoa(`${key.id}:${key.secret}`)}`);

	return status;
}

test('devices and keys follow their shards', { skip }, () =>
	quiet({ env: { POSTHORN_ADMIN_KEY: ADMIN } }, async (house, sys) => {
		const users = numbered(24, 'u');
		const admin = (method, where, body) =>
			insist(sys, method, where, body, `Bearer ${ADMIN}`);
		const put = (user, token) => insist(sys, 'PUT',
			`/v1/devices?user=${user}`, { token, queue: 'apns' });
		const check = async (...tokens) => {
			for (const user of users)
				assert.deepEqual((await insist(sys, 'GET',
					`/v1/devices?user=${user}`)).devices.map((one) =>
					one.token), tokens.map((token) => token + user));
			for (const key of keys)
				assert.equal(await publishes(sys, key), 200);
		};
		const keys = [];

		for (const user of users)
			await put(user, `a-${user}`);
		await admin('PUT', '/v1/apps/shop');
		for (let n = 0; n < 4; n++)
			keys.push(await admin('POST', '/v1/apps/shop/keys', {}));
		await until(async () => await publishes(sys, keys.at(-1)) === 200);
		await house.end('store.2');
		await check('a-');
		for (const user of users)
			await put(user, `b-${user}`);
		await admin('DELETE', `/v1/apps/shop/keys/${keys[0].id}`);
		const revoked = keys.shift();

		await until(async () => await publishes(sys, revoked) === 401);
		await house.begin('store.2');
		await house.balanced();
		await house.end('store.1');
		await check('a-', 'b-');
		assert.equal(await publishes(sys, revoked), 401);
		await house.begin('store.1');
	}));

// Its pusher claims them at the new owner, so none is leased twice.
test('jobs follow their shards', { skip }, () =>
	quiet({ most: 2 }, async (house, sys) => {
		const targets = numbered(24, 't'), late = numbered(8, 'late');
		const p = await Pusher.start(sys, 'wide', 100);
		const state = async (id) => (await insist(sys, 'GET',
			`/v1/jobs/${id}`)).state;
		const ids = [];

		for (const target of targets)
			ids.push(await enqueue(sys, { queue: 'wide', target, data: 1 }));
		for (const target of late)
			ids.push(await enqueue(sys, { queue: 'wide', target, data: 1,
				delay: 8 }));
		await p.got(...targets);
		await house.end('store.2');
		await p.got(...late);
		assert.equal(p.of('job').length, targets.length + late.length);
		for (const job of await p.got(...targets.slice(0, 12)))
			await p.settle(job, DELIVERED);
		for (const id of ids.slice(0, 12))
			assert.equal(await state(id), 'delivered', id);
		await house.begin('store.2');
		await house.balanced();
		for (const job of await p.got(...targets.slice(12), ...late))
			await p.settle(job, DELIVERED);
		for (const id of ids.slice(12))
			assert.equal(await state(id), 'delivered', id);
		assert.equal(p.of('job').length, ids.length);
		assert.equal(await sys.sum('jobs_pending'), 0);
		p.kill();
	}));

// Nothing more is kept, but what is there is read, and can be taken away.
test('a store dies while Redis is full', { skip }, () =>
	quiet({}, async (house, sys, db) => {
		const channels = numbered(12, '/app/public/full/');
		const targets = numbered(12, 't'), ids = [];

		for (const channel of channels)
			await insist(sys, 'POST', '/v1/publish', { channel, data: 1 });
		for (const target of targets)
			ids.push(await enqueue(sys, { queue: 'full', target, data: 1 }));
		await db.do('CONFIG', 'SET', 'maxmemory', '1');
		const since = await house.end('store.2');

		for (const channel of channels)
			assert.equal((await insist(sys, 'GET', `/v1/history?channel=${
				channel}`)).messages.length, 1, channel);
		assert.ok(Date.now() - since < TAKEN);
		for (const id of ids)
			await insist(sys, 'DELETE', `/v1/jobs/${id}`);
		const { status, json } = await call(sys, 'POST', '/v1/publish',
			{ channel: channels[0], data: 2 });

		assert.deepEqual([status, json.error.code], [507, 'full']);
		await house.begin('store.2');
		await house.balanced();
		await db.do('CONFIG', 'SET', 'maxmemory', '0');
		for (const channel of channels)
			await insist(sys, 'POST', '/v1/publish', { channel, data: 3 });
	}));
