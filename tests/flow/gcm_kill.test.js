// gcm_kill.test.js - whatever dies between a job and Google, each device is
// told; and none is told again of what was settled.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { Google } from './lib/google.js';
import { bin, environment, until } from './lib/proc.js';
import { enqueue } from './lib/pusher.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'gcm', 'tap', 'send');
const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const push = (sys, target) => enqueue(sys, { queue: 'gcm', target, data: {} });
const job = (sys, id) => sys.json(`/v1/jobs/${id}`);
const ended = (sys, n) => until(async () =>
	await sys.sum('jobs_delivered_total') === n, { ms: 60000,
	what: `${n} jobs are delivered` }).catch((e) => {
	throw new Error(`${e.message}\n${sys.out}`);
});

// A store that was killed has forgotten what had ended.
const over = ({ state, error }) =>
	state === 'delivered' || error?.code === 'not_found';

async function posthorn(env = {}) {
	const google = await Google.start();
	const sys = await system({ stages: ['store', 'ingress', 'hub', 'gcm'],
		env: { ...google.env(), POSTHORN_STORE_JOB_GRACE: '500ms', ...env } });

	return { google, sys };
}

// Retries an enqueue that found no store, by its id.
const surely = (sys, target) => until(async () => {
	const reply = await sys.request('/v1/jobs', { method: 'POST',
		body: JSON.stringify({ queue: 'gcm', target, data: {}, id: target }) })
		.catch(() => null);

	return reply?.ok && (await reply.json()).job;
}, { ms: 30000, what: `a job for ${target}` });

test('pusher, store and Google die, and every device is told', { skip },
	async () => {
		const { google, sys } = await posthorn();
		const ids = new Map();
		const settled = new Map(); // device -> how often it was told by then
		const told = (to) => google.delivered.filter((one) => one === to).length;
		const more = async (name) => {
			for (const n of numbers(60))
				ids.set(`${name}${n}`, await surely(sys, `${name}${n}`));
		};
		// What is settled now; asked before it is counted.
		const note = async () => {
			for (const [to, id] of ids)
				if (!settled.has(to) && over(await job(sys, id)
					.catch(() => ({}))))
					settled.set(to, told(to));
		};

		await more('warm');
		await note();
		const first = more('pusher');

		await until(() => told('pusher10') !== 0);
		await sys.kill('gcm.1');
		await first;
		await note();
		const second = more('store');

		await until(() => told('store10') !== 0);
		await sys.kill('store.1');
		await second;
		await note();
		const third = more('google');

		await until(() => told('google10') !== 0);
		await google.gone();
		await third;
		await google.here();
		await until(async () => {
			await note();
			return settled.size === ids.size;
		}, { ms: 60000, what: 'all is settled' }).catch((e) => {
			throw new Error(`${e.message}: ${settled.size}\n${sys.out}`);
		});
		for (const to of ids.keys())
			assert.ok(told(to) >= 1, to);
		for (const [to, n] of settled)
			assert.equal(told(to), n, to);
		// those in hand at a death, and no others
		assert.ok(google.delivered.length <= ids.size + 3 * 32,
			`${google.delivered.length} of ${ids.size}`);
		await sys.stop();
	});

test('on SIGTERM what is on its way ends, and the rest is given back', { skip },
	async () => {
		const { google, sys } = await posthorn(
			{ POSTHORN_GCM_CONNECTIONS: '2' });

		await push(sys, 'first');
		await ended(sys, 1);
		google.holds = true;
		const ids = [];

		for (const n of numbers(10))
			ids.push(await push(sys, `t${n}`));
		await until(() => google.held.length === 2 && sys.sum(
			'push_requests_waiting').then((n) => n === 8));
		sys.signal('gcm.1', 'SIGTERM');
		await until(async () => (await Promise.all(ids.map((id) =>
			job(sys, id)))).filter(({ state }) => state === 'ready').length === 8);
		google.release();
		await ended(sys, 11); // by the one that up has started
		assert.equal(google.delivered.length, 11);
		for (const id of ids)
			assert.equal((await job(sys, id)).attempts, 1);
		await sys.stop();
	});

test('a job that is over while Google thinks is not pushed again', { skip },
	async () => {
		const { google, sys } = await posthorn();

		google.holds = true;
		const id = await push(sys, 'slow');

		await until(() => google.held.length === 1);
		await sys.kill('store.1');
		google.release();
		await ended(sys, 1);
		assert.equal((await job(sys, id)).state, 'delivered');
		assert.deepEqual(google.delivered, ['slow']);
		await sys.stop();
	});

test('a push that takes longer than its lease is pushed once', { skip },
	async () => {
		const { google, sys } = await posthorn(
			{ POSTHORN_STORE_JOB_LEASE: '2s' });
		const other = await sys.more('gcm', 'gcm.2', { ready: true });

		google.holds = true;
		const id = await push(sys, 'slow');

		// each is half of a lease
		await until(async () =>
			await sys.sum('job_leases_claimed_total') >= 5, { ms: 20000 });
		assert.equal(google.held.length, 1);
		google.release();
		await ended(sys, 1);
		assert.equal((await job(sys, id)).attempts, 1);
		await other.stop();
		await sys.stop();
	});

test('in a pipe between tap and send it does the same', { skip }, async () => {
	const google = await Google.start();
	const sys = await system({ env: google.env() });
	const child = spawn('/bin/sh', ['-c', `${bin('tap')} -m -f job --lease 5 gcm |
		${bin('gcm')} --bus - | ${bin('send')} -m`], { cwd: sys.dir,
		env: environment(sys.env), stdio: ['ignore', 'ignore', 'pipe'],
		detached: true });
	let err = '';

	child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
	for (const n of numbers(20))
		await push(sys, `t${n}`);
	await ended(sys, 20).catch((e) => {
		throw new Error(`${e.message}\n${err}`);
	});
	assert.equal(google.delivered.length, 20);
	process.kill(-child.pid, 'SIGTERM');
	await until(() => child.exitCode !== null || child.signalCode !== null);
	await sys.stop();
});
