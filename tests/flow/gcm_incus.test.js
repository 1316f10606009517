// gcm_incus.test.js - pushes of Incus for Android, from Redis to Google and
// back: what failed stands in a list.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Google, V1 } from './lib/google.js';
import { item, publishes } from './lib/incus.js';
import { until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import { statsd } from './lib/statsd.js';
import { missing, system } from './lib/system.js';

const STAGES = ['store', 'ingress', 'hub', 'bridge', 'gcm'];
const skip = missing(...STAGES);
const M = { event: 'ev', data: { text: 'Hi', n: 1 } };
let db;

before(async () => {
	if (!skip)
		db = await redis();
});
after(() => db?.stop());

async function posthorn(options, env = {}) {
	const google = await Google.start();
	const sys = await system({ stages: STAGES, env: {
		...google.env(options), POSTHORN_INCUS_GCM: 'true',
		POSTHORN_REDIS: `127.0.0.1:${db.port}`, ...env } });

	return { google, sys };
}

const push = (registration_ids) => db.do('RPUSH', 'Incus_Queue',
	item({ command: 'push', push_type: 'android', registration_ids }, M));
const errors = () => db.do('LRANGE', 'Incus_Android_Error_Queue', 0, -1);
const told = (n) => until(async () => (await errors()).length >= n && errors(),
	{ what: `${n} failures are told` });
const ended = (sys, n) => until(async () => await sys.sum('jobs_pending') === 0 &&
	await sys.sum('jobs_delivered_total') + await sys.sum('jobs_dead_total') +
		await sys.sum('jobs_gone_total') === n,
{ what: `${n} jobs have ended` });

test('I23: as Incus pushed', { skip }, async (t) => {
	await db.do('DEL', 'Incus_Android_Error_Queue');
	const sink = await statsd();
	const { google, sys } = await posthorn({ legacy: true },
		{ POSTHORN_STATSD: sink.address });

	await t.test('the body, the key, and ids cut at commas as they are',
		async () => {
			const since = Math.floor(Date.now() / 1000);

			await push('a, b');
			await until(() => google.pushes.length === 1);
			const [{ text, headers, json }] = google.pushes;

			assert.equal(headers.authorization, 'key=AIza-demo');
			assert.equal(headers['content-type'], 'application/json');
			assert.equal(text, '{"registration_ids":["a"," b"],"data":' +
				'{"data":{"text":"Hi","n":1},"event":"ev",' +
				`"time":${json.data.time}}}`);
			assert.ok(json.data.time >= since);
			await ended(sys, 1);
			assert.deepEqual(await errors(), []);
		});

	await t.test('what failed stands in the list, byte for byte', async () => {
		const tap = await publishes(sys, '/incus/meta/*');

		google.answers.set('good', { message_id: '0:1' });
		google.answers.set('dead', { error: 'NotRegistered' });
		google.answers.set('canon', { message_id: '0:2',
			registration_id: 'newid' });
		await push('good,canon');
		await push('good,dead,canon');
		assert.deepEqual(await told(1), [
			'{"registration_ids":["good","dead","canon"],"results":[' +
			'{"message_id":"0:1","registration_id":"","error":""},' +
			'{"message_id":"","registration_id":"","error":"NotRegistered"},' +
			'{"message_id":"0:2","registration_id":"newid","error":""}]}']);
		await ended(sys, 3);
		await tap.got(1);
		const [{ channel, body }] = tap.frames;
		const { target, why, queue } = JSON.parse(body);

		assert.deepEqual({ channel, target, why, queue }, {
			channel: '/incus/meta/feedback', target: 'dead',
			why: 'NotRegistered', queue: 'gcm' });
		await tap.stop();
	});

	await t.test('only those that are unavailable are asked again, twice',
		async () => {
			google.pushes.length = 0;
			await db.do('DEL', 'Incus_Android_Error_Queue');
			google.answers.set('soon', [{ error: 'Unavailable' },
				{ message_id: '0:7' }]);
			google.answers.set('never', { error: 'Unavailable' });
			await push('good,soon,never,dead');
			assert.deepEqual(JSON.parse((await told(1))[0]).results.map(
				({ message_id: id, error }) => id || error),
			['0:1', '0:7', 'Unavailable', 'NotRegistered']);
			assert.deepEqual(google.pushes.map(({ ids }) => ids), [
				['good', 'soon', 'never', 'dead'], ['soon', 'never'],
				['never']]);
		});

	await t.test('a failure of the whole request is told to nobody',
		async () => {
			google.answers.set('down', { code: 500, json: {},
				headers: { 'retry-after': '3600' } });
			await push('down');
			await until(async () => await sys.sum('job_retries_total') === 1);
			assert.equal((await errors()).length, 1);
			await sink.counted({ 'incus.gcm.push': 5, 'incus.gcm.fail': 2,
				'incus.gcm.error': 1 });
			sink.close();
		});

	await t.test('what Redis is told waits while it is away', async () => {
		google.holds = true;
		await push('late,dead');
		await until(() => google.held.length === 1);
		const { args, dir, port } = db;

		await db.stop('SIGKILL');
		google.release();
		await until(async () =>
			await sys.sum('push_reports_total') >= 5, { ms: 20000 });
		db = await redis({ args, dir, port });
		assert.match((await told(1))[0],
			/^\{"registration_ids":\["late","dead"\]/);
	});
	await sys.stop();
});

test('with a service account they go by v1, each id for itself', { skip },
	async () => {
		await db.do('DEL', 'Incus_Android_Error_Queue');
		const { google, sys } = await posthorn();

		google.answers.set('dead', V1.unregistered);
		google.answers.set('soon', [V1.unavailable, undefined]);
		await push(['one', 'dead', 'soon', ...Array.from({ length: 40 },
			(_, n) => `id${n}`)].join());
		const { registration_ids: ids, results } =
			JSON.parse((await told(1))[0]);

		assert.equal(ids.length, 43);
		assert.deepEqual(results.map(({ error }) => error).filter(Boolean),
			['NotRegistered']);
		assert.match(results[0].message_id, /^0:\d+$/);
		assert.equal(new Set(google.delivered).size, 42);
		assert.equal(google.delivered.length, 42);
		const { message } = google.pushes[0].json;

		assert.deepEqual(message.data, { data: '{"text":"Hi","n":1}',
			event: 'ev', time: message.data.time });
		assert.match(message.data.time, /^\d+$/);
		await ended(sys, 1);
		await sys.stop();
	});

test('Google may say as much as it likes', { skip }, async () => {
	await db.do('DEL', 'Incus_Android_Error_Queue');
	const { google, sys } = await posthorn();
	const many = ['a', 'b', 'c', 'd', 'e', 'f'];

	google.answers.set('dead', V1.unregistered);
	for (const id of many)
		google.answers.set(id,
			{ code: 200, json: { name: id.repeat(900000) } });
	await push([...many, 'dead'].join());
	const { results } = JSON.parse((await told(1))[0]);

	assert.deepEqual(results.map(({ message_id: id }) => id),
		[...many.map((id) => id.repeat(255)), '']);
	await ended(sys, 1);
	await sys.stop();
});

test('what takes longer than a push may is not told twice for it', { skip },
	async () => {
		await db.do('DEL', 'Incus_Android_Error_Queue');
		const { google, sys } = await posthorn({},
			{ POSTHORN_GCM_TIMEOUT: '2s' });

		// Connections are open then, which takes long on a busy machine.
		await push(Array.from({ length: 16 }, (_, n) => `warm${n}`).join());
		await ended(sys, 1);
		const retries = await sys.sum('job_retries_total');

		google.delivered.length = 0;
		google.holds = true;
		google.answers.set('dead', V1.unregistered);
		await push(['dead', ...Array.from({ length: 39 },
			(_, n) => `id${n}`)].join());
		const began = Date.now(), came = new Map();
		const late = (say) => {
			if (!came.has(say))
				came.set(say, Date.now());
			return Date.now() - came.get(say) >= 900;
		};

		// all answered late, none too late; and sixteen go at a time
		await until(() => {
			const due = google.held.filter(late);

			google.held = google.held.filter((say) => !due.includes(say));
			due.forEach((say) => say());
			return came.size === 40 && google.held.length === 0;
		}, { ms: 30000, what: 'all are answered' });
		assert.ok(Date.now() - began > 2000, 'longer than a push may');
		await told(1);
		await ended(sys, 2);
		assert.equal(new Set(google.delivered).size, 39);
		assert.equal(google.delivered.length, 39);
		assert.equal(await sys.sum('job_retries_total'), retries);
		await sys.stop();
	});
