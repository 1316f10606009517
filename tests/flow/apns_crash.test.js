// apns_crash.test.js - Apple, a store or the pusher goes and comes back:
// nothing is lost, and nothing that was settled is pushed again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomes, device, job, MESSAGE, posthorn, push, skip } from './lib/apns.js';
import { bin, start, until } from './lib/proc.js';

const MANY = 300;
const SLOW = { ms: 30000 };

// So many jobs, some at a time; their ids by device, of which the first has
// this number.
async function many(sys, n, first = 1) {
	const ids = new Map();
	let next = first;
	const worker = async () => {
		while (next < first + n) {
			const target = device(next++);

			ids.set(target, await push(sys, MESSAGE, { target }));
		}
	};

	await Promise.all(Array.from({ length: 16 }, worker));
	return ids;
}

const delivered = (sys, n) => until(async () =>
	await sys.sum('pushes_delivered_total') >= n,
{ ...SLOW, what: `${n} pushes are delivered` });

// Every device was pushed to; those which were settled by then only once.
async function whole(sys, apple, ids, settled = []) {
	const none = async (state) =>
		(await sys.json(`/v1/jobs?state=${state}`)).jobs?.length === 0;

	// A job that is tried again may be in neither list at a time.
	await until(() => {
		const seen = new Set(apple.taken().map((one) => one.device));

		return [...ids.keys()].every((target) => seen.has(target));
	}, { ...SLOW, what: 'every device was pushed to' });
	await until(async () => await none('waiting') && await none('ready') &&
		await none('leased'), { ...SLOW, what: 'no job is left' });
	const times = new Map();

	for (const { device } of apple.taken())
		times.set(device, (times.get(device) ?? 0) + 1);
	for (const target of settled)
		assert.equal(times.get(target), 1, `${target} once`);
	assert.equal(await sys.sum('dead_letters'), 0);
	return [...ids.keys()].reduce((sum, target) => sum + times.get(target) - 1, 0);
}

async function settledBy(sys, ids) {
	const all = await Promise.all([...ids].map(async ([target, id]) =>
		(await job(sys, id)).state === 'delivered' && target));

	return all.filter(Boolean);
}

test('10,000 jobs go over one connection, each once', { skip }, async () => {
	const { sys, apple } = await posthorn({ env: {
		POSTHORN_APNS_IN_FLIGHT: '4000' } });
	const ids = await many(sys, 10000);

	await delivered(sys, 10000);
	assert.equal(await whole(sys, apple, ids, [...ids.keys()]), 0);
	assert.equal(apple.sessions.length, 1);
	apple.oneToken();
	await sys.stop();
});

test('what Apple did not look at when it left goes over the next connection',
	{ skip }, async () => {
		const { sys, apple } = await posthorn();

		await many(sys, 20);
		await delivered(sys, 20);
		apple.hold = [];
		const ids = await many(sys, MANY, 21);

		await until(() => apple.hold.length === MANY);
		// Half of them it did look at, and answers.
		const [session] = apple.sessions;
		const last = 2 * (20 + MANY / 2) - 1;
		// A stream that began later may have ended earlier.
		const seen = apple.hold.splice(0).filter(({ id }) => id <= last);

		assert.equal(seen.length, MANY / 2);
		apple.hold = null;
		apple.leave(session, last, '{"reason":"Shutdown"}');
		await sys.up.said(/event=leaving .*Shutdown/);
		seen.forEach((go) => go());
		assert.equal(await whole(sys, apple, ids, [...ids.keys()]), 0);
		assert.equal(apple.sessions.length, 2);
		assert.equal(await sys.sum('pushes_retried_total'), 0);
		assert.equal((await job(sys, ids.get(device(MANY)))).attempts, 1);
		await sys.stop();
	});

test('many that Apple sends elsewhere go over one other connection', { skip },
	async () => {
		const { sys, apple } = await posthorn();

		await many(sys, 1);
		await delivered(sys, 1);
		apple.hold = [];
		for (const n of [1, 2, 3])
			apple.answers.set(device(n), ({ session }) =>
				session === apple.sessions[0] &&
					{ status: 503, reason: 'Shutdown' });
		await many(sys, 3, 1);
		await until(() => apple.hold.length === 3);
		const [first, ...others] = apple.hold.splice(0);

		first();
		await until(() => apple.hold.length === 1); // on the second one
		others.forEach((go) => go());
		await until(async () => await sys.sum('pushes_retried_total') === 3);
		const held = apple.hold.splice(0);

		apple.hold = null;
		held.forEach((go) => go());
		await delivered(sys, 4);
		assert.equal(apple.sessions.length, 2);
		await sys.stop();
	});

test('a pusher is killed, with pushes under way', { skip }, async () => {
	const { sys, apple } = await posthorn({ env: {
		POSTHORN_STORE_JOB_GRACE: '500ms' } });
	const ids = await many(sys, MANY);

	await delivered(sys, 100);
	apple.hold = [];
	for (const [target, id] of await many(sys, 50, MANY + 1))
		ids.set(target, id);
	await until(() => apple.hold.length !== 0);
	const settled = await settledBy(sys, ids);

	await sys.kill('apns.1');
	apple.hold = null;
	await whole(sys, apple, ids, settled);
	await sys.stop();
});

test('a store is killed, with pushes under way', { skip }, async () => {
	const { sys, apple } = await posthorn();
	const ids = await many(sys, MANY);

	await delivered(sys, MANY);
	const settled = await settledBy(sys, ids);

	assert.equal(settled.length, MANY);
	apple.hold = [];
	for (const [target, id] of await many(sys, 50, MANY + 1))
		ids.set(target, id);
	await until(() => apple.hold.length === 50);
	await sys.kill('store.1');
	// It holds them still, and Apple answers while no store is there.
	apple.hold.splice(0).forEach((go) => go());
	apple.hold = null;
	// None of them is pushed twice: the pusher claimed what it held.
	assert.equal(await whole(sys, apple, ids, [...ids.keys()]), 0);
	await sys.stop();
});

test('Apple is gone, and back: no attempt is used up by that', { skip },
	async () => {
		const { sys, apple } = await posthorn({ env: {
			POSTHORN_APNS_WAIT: '200ms', POSTHORN_APNS_WAIT_MAX: '500ms' } });

		await many(sys, 20);
		await delivered(sys, 20);
		await apple.gone();
		const ids = await many(sys, MANY, 21);

		await until(async () => await sys.sum('apns_downs_total') >= 3, SLOW);
		assert.equal(await sys.sum('dead_letters'), 0);
		await apple.here();
		await whole(sys, apple, ids, []);
		const { attempts } = await job(sys, ids.get(device(MANY)));

		assert.ok(attempts <= 2, `${attempts} attempts`);
		await sys.stop();
	});

test('a connection that breaks has its pushes tried again', { skip },
	async () => {
		const { sys, apple } = await posthorn();

		await many(sys, 20);
		await delivered(sys, 20);
		apple.hold = [];
		const ids = await many(sys, 50, 21);

		await until(() => apple.hold.length === 50);
		apple.hold = null;
		apple.cut();
		await whole(sys, apple, ids);
		const { attempts } = await job(sys, ids.get(device(21)));

		assert.equal(attempts, 2);
		assert.equal(apple.sessions.length, 2);
		await sys.stop();
	});

test('Apple is silent: a push is tried again when its time is over', { skip },
	async () => {
		const { sys, apple } = await posthorn({ env: {
			POSTHORN_APNS_TIMEOUT: '1s' } });

		apple.answers.set(device(1), ({ stream }) => {
			apple.answers.delete(device(1));
			stream.on('aborted', () => (apple.aborted = true));
			return null;
		});
		const id = await push(sys, MESSAGE, { target: device(1) });
		const { attempts } = await becomes(sys, id, 'delivered');

		// A second that was too short for another one is told, too.
		assert.ok(attempts >= 2, `${attempts} attempts`);
		await until(async () =>
			await sys.sum('push_timeouts_total') === attempts - 1);
		await until(() => apple.aborted, { what: 'Apple is told' });
		assert.equal(apple.sessions.length, 1); // it answered a PING
		await sys.stop();
	});

test('a pusher that is told to leave finishes what is under way', { skip },
	async () => {
		const { sys, apple } = await posthorn();

		await many(sys, 5);
		await delivered(sys, 5);
		apple.hold = [];
		const ids = await many(sys, 20, 21);

		await until(() => apple.hold.length === 20);
		const held = apple.hold.splice(0);
		const id = sys.signal('apns.1', 'SIGTERM');

		await sys.up.said(/stage=apns.1 event=drain/);
		held.forEach((go) => go());
		apple.hold = null;
		await until(() => sys.pids().get('apns.1') !== id);
		assert.equal(await whole(sys, apple, ids, [...ids.keys()]), 0);
		await sys.stop();
	});

test('a pusher can stand in a pipe', { skip }, async () => {
	const { sys, apple, apps } = await posthorn({
		stages: ['store', 'ingress', 'hub'] });
	const run = (name, args) => start(bin(name), args,
		{ cwd: sys.dir, piped: true,
			env: { ...sys.env, ...apple.env, POSTHORN_APNS_APPS: apps } });
	const tap = await run('tap', ['-m', '-f', 'job', '--lease', '10', 'apns']);
	const apns = await run('apns', ['--bus', '-']);
	const send = await run('send', ['-m']);

	tap.child.stdout.pipe(apns.child.stdin);
	apns.child.stdout.pipe(send.child.stdin);
	const ids = await many(sys, 100);

	assert.equal(await whole(sys, apple, ids), 0);
	for (const one of [tap, apns, send])
		await one.stop();
	await sys.stop();
});
