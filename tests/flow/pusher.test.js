// pusher.test.js - a pusher of pipes: tap takes jobs, send brings receipts;
// either it or the store may die.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sse } from './lib/clients.js';
import { until } from './lib/proc.js';
import { DELIVERED, enqueue, GONE, Pusher, REFUSED, RETRY } from './lib/pusher.js';
import { missing, system, WIDE } from './lib/system.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress', 'tap', 'send');
const state = async (sys, job) => (await sys.json(`/v1/jobs/${job}`)).state;

// From a sum of counters, what is there and what it must be.
async function conserved(sys) {
	const n = (name) => sys.sum(name);

	assert.equal(await n('jobs_enqueued_total') + await n('jobs_recovered_total') +
		await n('jobs_replayed_total'),
	await n('jobs_pending') + await n('jobs_delivered_total') +
		await n('jobs_expired_total') + await n('jobs_dead_total') +
		await n('jobs_replaced_total') + await n('jobs_gone_total') +
		await n('jobs_cancelled_total'));
}

test('jobs go through a pipe and come to each of their ends', { skip },
	async () => {
		const sys = await system();
		const p = await Pusher.start(sys, 'pipe');
		const ids = [];

		for (const target of ['t1', 't2', 't3'])
			ids.push(await enqueue(sys,
				{ queue: 'pipe', target, data: { target } }));
		const jobs = await p.got('t1', 't2', 't3');

		await p.settle(jobs[0], DELIVERED);
		await p.settle(jobs[1], GONE, 'Unregistered');
		await p.settle(jobs[2], REFUSED, 'BadTopic');
		assert.equal(await state(sys, ids[0]), 'delivered');
		assert.equal(await state(sys, ids[1]), 'gone');
		assert.equal(await state(sys, ids[2]), 'dead');
		const { messages } = await sys.json('/v1/feedback');

		assert.equal(messages.length, 1);
		assert.equal(messages[0].data.target, 't2');
		assert.equal(messages[0].data.why, 'Unregistered');
		const dead = await sys.json('/v1/jobs?state=dead');

		assert.deepEqual(dead.jobs.map((one) => one.why), ['BadTopic']);
		const replay = await sys.request('/v1/jobs/replay?queue=pipe',
			{ method: 'POST' });

		assert.deepEqual(await replay.json(), { replayed: 1, refused: 0 });
		await until(() => p.of('job').length === 4);
		const again = p.of('job')[3];

		assert.equal(again.number, jobs[2].number);
		assert.ok(again.lease > jobs[2].lease);
		await p.settle(again, DELIVERED);
		assert.equal(await state(sys, ids[2]), 'delivered');
		await until(async () => conserved(sys).then(() => true, () => false));
		p.kill();
	});

test('a dead letter is replayed by its id, or deleted', { skip }, async () => {
	const sys = await system();
	const p = await Pusher.start(sys, 'dead');
	const call = async (method, where) =>
		(await sys.request(`/v1/jobs/${where}`, { method })).status;
	const ids = [];

	for (const target of ['t1', 't2'])
		ids.push(await enqueue(sys, { queue: 'dead', target, data: 1 }));
	for (const job of await p.got('t1', 't2'))
		await p.settle(job, REFUSED, 'PayloadTooLarge');
	assert.equal(await call('POST', `${ids[0]}/replay`), 200);
	assert.equal(await call('POST', `${ids[0]}/replay`), 404);
	assert.equal(await call('DELETE', ids[1]), 200);
	assert.equal(await call('GET', ids[1]), 404);
	await until(() => p.of('job').length === 3);
	await p.settle(p.of('job')[2], DELIVERED);
	const { state, replays } = await sys.json(`/v1/jobs/${ids[0]}`);

	assert.deepEqual([state, replays], ['delivered', 1]);
	assert.equal(await sys.sum('dead_letters'), 0);
	p.kill();
});

test('feedback can be listened to', { skip }, async () => {
	const sys = await system();
	const p = await Pusher.start(sys, 'heard');
	const client = sse(sys, { channels: '/app/meta/feedback',
		token: token({ channel: '/app/meta/*' }) });

	// Open it is before it has joined, which comes before what is counted.
	await until(async () => await sys.sum('posthorn_subscriptions') === 1,
		{ what: 'it listens' });
	await enqueue(sys, { queue: 'heard', target: 't', data: 1 });
	await p.settle((await p.got('t'))[0], GONE, 'Unregistered', 77);
	await client.got(1);
	const { queue, target, why, since } = client.messages[0].data;

	assert.deepEqual({ queue, target, why, since }, { queue: 'heard',
		target: 't', why: 'Unregistered', since: 77 });
	client.close();
	p.kill();
});

test('what fails for now is leased again, later', { skip }, async () => {
	const sys = await system();
	const p = await Pusher.start(sys, 'later');
	const id = await enqueue(sys, { queue: 'later', target: 't', data: 1 });
	const [first] = await p.got('t');
	const at = Date.now() + 300;

	await p.settle(first, RETRY, 'TooManyRequests', at);
	assert.equal((await sys.json(`/v1/jobs/${id}`)).why, 'TooManyRequests');
	await until(() => p.of('job').length === 2);
	const [second] = await p.got('t');

	assert.ok(Date.now() >= at);
	assert.equal(second.attempt, 2);
	assert.ok(second.lease > first.lease);
	await p.settle(second, DELIVERED);
	p.kill();
});

test('a pusher that is killed leaves its jobs to another', { skip }, async () => {
	const sys = await system({ env: { POSTHORN_STORE_JOB_GRACE: '100ms' } });
	const first = await Pusher.start(sys, 'kill');
	const id = await enqueue(sys, { queue: 'kill', target: 't', data: 1 });

	await first.got('t');
	first.kill();
	const second = await Pusher.start(sys, 'kill');
	const [job] = await second.got('t');

	assert.equal(job.attempt, 2);
	await second.settle(job, DELIVERED);
	assert.equal(await state(sys, id), 'delivered');
	second.kill();
});

test('a pusher that never answers has its credit back', { skip }, async () => {
	const sys = await system({ env: { POSTHORN_STORE_JOB_LEASE: '200ms',
		POSTHORN_STORE_JOB_ATTEMPTS: '1' } });
	const p = await Pusher.start(sys, 'mute', 1);

	for (const n of [1, 2, 3])
		await enqueue(sys, { queue: 'mute', target: `t${n}`, data: n });
	await p.got('t1', 't2', 't3');
	await until(async () => await sys.sum('jobs_dead_total') === 3);
	p.kill();
});

test('a store that is killed gets its pusher back', { skip }, async () => {
	const sys = await system();
	const p = await Pusher.start(sys, 'back');

	await enqueue(sys, { queue: 'back', target: 'old', data: 1 });
	await p.got('old');
	await sys.kill('store.1');
	// in memory jobs end with the store; what comes now is done
	await until(async () => (await sys.request('/v1/jobs', { method: 'POST',
		body: '{"queue": "back", "target": "new", "data": 2}' })).status === 200);
	const [job] = await p.got('new');

	await p.settle(job, DELIVERED);
	p.kill();
});

test('a device whose vendor says it is gone leaves its user', { skip },
	async () => {
		const sys = await system();
		const p = await Pusher.start(sys, 'wake');
		const tokens = async () => (await sys.json('/v1/devices?user=u'))
			.devices.map(({ token }) => token).sort();

		for (const token of ['alive', 'back', 'dead'])
			assert.equal((await sys.request('/v1/devices?user=u', {
				method: 'PUT',
				body: JSON.stringify({ token, queue: 'wake' }),
			})).status, 200);
		for (const target of ['alive', 'back', 'dead'])
			await enqueue(sys, { queue: 'wake', target, data: {} });
		const [alive, back, dead] = await p.got('alive', 'back', 'dead');

		await p.settle(alive, DELIVERED);
		// it was registered after its vendor missed it
		await p.settle(back, GONE, 'Unregistered', Date.now() - 3600000);
		await p.settle(dead, GONE, 'Unregistered');
		await until(async () => (await tokens()).length === 2,
			{ what: 'the dead one is gone' });
		assert.deepEqual(await tokens(), ['alive', 'back']);
		// What is known of a token is another shard's, maybe another store's.
		const known = await until(async () => {
			const it = await sys.json('/v1/devices?token=dead');

			return it.user === undefined && it;
		}, { what: 'its token is of nobody' });

		assert.ok(known.gone > 1e12);
		p.kill();
	});

test('what one of two stores learns, the other one tells', { skip }, async () => {
	const sys = await system({ formation: WIDE.formation });
	const p = await Pusher.start(sys, 'wide', 4);
	const targets = Array.from({ length: 16 }, (_, n) => `t${n}`);

	for (const target of targets)
		await enqueue(sys, { queue: 'wide', target, data: {} });
	// each store gives more as we settle what it gave
	for (const target of targets) {
		const [job] = await p.got(target);

		await p.settle(job, GONE, 'Unregistered');
	}
	const { messages } = await sys.json('/v1/feedback');

	assert.deepEqual([...new Set(messages.map(({ data }) => data.target))]
		.sort(), targets.sort());
	p.kill();
});
