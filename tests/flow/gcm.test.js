// gcm.test.js - jobs of the queue gcm, and what Google is asked and says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Google, PROJECT, V1 } from './lib/google.js';
import { bin, start, until } from './lib/proc.js';
import { enqueue } from './lib/pusher.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'gcm');
const job = (sys, id) => sys.json(`/v1/jobs/${id}`);
const becomes = (sys, id, state, more = {}) => until(async () => {
	const it = await job(sys, id);

	return it.state === state && it;
}, { what: `job ${id} is ${state}`, ...more }).catch(async (e) => {
	throw new Error(`${e.message}: ${JSON.stringify(await job(sys, id))}\n` +
		sys.out);
});
const push = (sys, target, data, more = {}) =>
	enqueue(sys, { queue: 'gcm', target, data, ...more });
const sent = (google, to) =>
	google.pushes.filter((one) => one.to === to).map(({ json }) => json);

async function posthorn({ legacy = false, env = {}, ...rest } = {}) {
	const google = await Google.start();
	const sys = await system({ stages: ['store', 'ingress', 'hub', 'gcm'],
		env: { ...google.env({ legacy }), ...env }, ...rest });

	return { google, sys };
}

test('by v1', { skip }, async (t) => {
	const { google, sys } = await posthorn();

	await t.test('a job becomes a message, and is delivered', async () => {
		const id = await push(sys, 'T1', { a: 'x', n: 1.50, o: { p: [1] } },
			{ ttl: 600, collapse: 'c1', priority: 7 });
		const it = await becomes(sys, id, 'delivered');
		const [{ message, ...rest }] = sent(google, 'T1');
		const ttl = Number(/^(\d+)s$/.exec(message.android.ttl)[1]);

		assert.deepEqual(rest, {});
		assert.deepEqual(message.data, { a: 'x', n: '1.5', o: '{"p":[1]}' });
		assert.ok(ttl > 590 && ttl <= 600, `${ttl}`);
		assert.equal(message.android.priority, 'HIGH');
		assert.equal(message.android.collapse_key, 'c1');
		assert.match(it.vendor_id,
			new RegExp(`^projects/${PROJECT}/messages/0:`));
	});

	await t.test('a message is sent as it is, with what the job says',
		async () => {
			const android = { ttl: '3.5s', notification: { title: 't' } };
			const id = await push(sys, 'T2', { notification: { title: 'Hi' },
				data: { n: 1 }, android, apns: { headers: {} } });
			const topic = await push(sys, '/topics/news', { notification:
				{ body: 'b' } }, { priority: 1 });

			await becomes(sys, id, 'delivered');
			await becomes(sys, topic, 'delivered');
			assert.deepEqual(sent(google, 'T2')[0].message, { token: 'T2',
				data: { n: '1' }, notification: { title: 'Hi' },
				apns: { headers: {} }, android });
			const { message } = sent(google, '/topics/news')[0];

			assert.equal(message.topic, 'news');
			assert.equal(message.android.priority, 'NORMAL');
		});

	await t.test('text and bytes are data, too', async () => {
		const text = await enqueue(sys,
			{ queue: 'gcm', target: 'T3', text: 'a "b"' });
		const bytes = await enqueue(sys,
			{ queue: 'gcm', target: 'T4', base64: 'AAEC' });
		const list = await push(sys, 'T5', [1, 'x']);

		for (const id of [text, bytes, list])
			await becomes(sys, id, 'delivered');
		const data = (to) => sent(google, to)[0].message.data;

		assert.deepEqual(data('T3'), { text: 'a "b"' });
		assert.deepEqual(data('T4'), { base64: 'AAEC' });
		assert.deepEqual(data('T5'), { data: '[1,"x"]' });
	});

	await t.test('only a dead token is given up', async () => {
		const ends = { unregistered: 'gone', mismatch: 'gone',
			badToken: 'gone', badField: 'dead' };
		const ids = {};

		for (const name of Object.keys(ends)) {
			google.answers.set(name, V1[name]);
			ids[name] = await push(sys, name, {});
		}
		for (const [name, end] of Object.entries(ends))
			await becomes(sys, ids[name], end);
		const { messages } = await sys.json('/v1/feedback');

		assert.deepEqual(messages.map(({ data: { target, why } }) =>
			[target, why]).sort(), [['badToken', 'INVALID_ARGUMENT'],
			['mismatch', 'SENDER_ID_MISMATCH'],
			['unregistered', 'UNREGISTERED']]);
		assert.equal((await job(sys, ids.badField)).why, 'INVALID_ARGUMENT');
	});

	await t.test('what Google says is waited, as a number or a date',
		async () => {
			const later = (more) => [{ ...V1.unavailable, headers:
				{ 'retry-after': more } }, undefined];

			const since = Date.now(); // the date has no fraction

			google.answers.set('number', later('2'));
			google.answers.set('date', later(
				new Date(since + 4000).toUTCString()));
			const number = await push(sys, 'number', {});
			const date = await push(sys, 'date', {});

			await until(async () => (await job(sys, number)).why ===
				'UNAVAILABLE');
			await becomes(sys, number, 'delivered');
			assert.ok(Date.now() - since >= 2000);
			await becomes(sys, date, 'delivered');
			assert.ok(Date.now() - since >= 2900);
			assert.equal((await job(sys, date)).attempts, 2);
		});

	await t.test('without a word quota is a minute', async () => {
		google.answers.set('quota', V1.quota);
		const id = await push(sys, 'quota', {});
		const it = await until(async () => {
			const now = await job(sys, id);

			return now.why === 'QUOTA_EXCEEDED' && now;
		});

		assert.ok(it.due - Date.now() > 50000, JSON.stringify(it));
		assert.equal((await sys.request(`/v1/jobs/${id}`,
			{ method: 'DELETE' })).status, 200);
	});

	await t.test('one access token serves all, and its end is noticed',
		async () => {
			assert.equal(google.asked, 1);
			google.revoke();
			const ids = [];

			for (let n = 0; n < 40; n++)
				ids.push(await push(sys, `R${n}`, { n }));
			for (const id of ids)
				await becomes(sys, id, 'delivered');
			assert.equal(google.asked, 2);
			assert.equal((await job(sys, ids[0])).attempts, 1);
		});
	await sys.stop();
});

test('by the legacy protocol', { skip }, async (t) => {
	const { google, sys } = await posthorn({ legacy: true });

	await t.test('a job becomes a request, and is delivered', async () => {
		google.answers.set('old', { message_id: '0:9', registration_id: 'new' });
		const id = await push(sys, 'T1', { a: 1 },
			{ ttl: 600, collapse: 'c1', priority: 7 });
		const old = await push(sys, 'old', { notification: { title: 'x' } });

		assert.equal((await becomes(sys, id, 'delivered')).vendor_id, '0:1');
		await becomes(sys, old, 'delivered');
		const [{ time_to_live: ttl, ...rest }] = sent(google, 'T1');

		assert.deepEqual(rest, { to: 'T1', data: { a: 1 }, priority: 'high',
			collapse_key: 'c1' });
		assert.ok(ttl > 590 && ttl <= 600, `${ttl}`);
		assert.deepEqual(sent(google, 'old')[0].notification, { title: 'x' });
	});

	await t.test('each word is what it means', async () => {
		const ends = { NotRegistered: 'gone', InvalidRegistration: 'gone',
			MismatchSenderId: 'gone', InvalidPackageName: 'gone',
			MissingRegistration: 'dead', MessageTooBig: 'dead',
			InvalidDataKey: 'dead', InvalidTtl: 'dead' };
		const ids = {};

		for (const error of Object.keys(ends)) {
			google.answers.set(error, { error });
			ids[error] = await push(sys, error, {});
		}
		for (const [error, end] of Object.entries(ends))
			assert.equal((await becomes(sys, ids[error], end)).why, error);
	});

	await t.test('what is unavailable is tried again later', async () => {
		google.answers.set('busy', { error: 'Unavailable' });
		google.answers.set('down', [{ code: 500, json: {},
			headers: { 'retry-after': '1' } }, undefined]);
		const before = Date.now();
		const busy = await push(sys, 'busy', {});
		const down = await push(sys, 'down', {});

		assert.equal((await becomes(sys, down, 'delivered')).attempts, 2);
		const { why, due } = await until(async () => {
			const it = await job(sys, busy);

			return it.state === 'waiting' && it;
		}, { what: 'the busy one waits' });

		// Ten seconds and up to half of that from some moment between.
		assert.equal(why, 'Unavailable');
		assert.ok(due > before + 9900 && due < Date.now() + 15100,
			`${due - before}`);
	});
	await sys.stop();
});

test('without credentials it idles and says so once, and a reload cures it',
	{ skip }, async () => {
		const google = await Google.start();
		const env = google.env({ legacy: true });

		delete env.POSTHORN_GCM_API_KEY;
		const sys = await system({ stages: ['store', 'ingress', 'hub', 'gcm'],
			env });
		const id = await push(sys, 'T', {});

		await until(() => /event=idle/.test(sys.out));
		assert.equal((await job(sys, id)).state, 'ready');
		await until(async () => await sys.sum('pusher_idle') === 1);
		sys.say({ POSTHORN_GCM_API_KEY: 'AIza-demo' });
		sys.signal('gcm.1', 'SIGHUP');
		const it = await becomes(sys, id, 'delivered');

		assert.equal(it.attempts, 1);
		assert.equal(sys.out.match(/event=idle/g).length, 1);
		assert.ok(!sys.out.includes('AIza-demo'));
		await sys.stop();
	});

test('an access token serves to its end, should the next be late', { skip },
	async () => {
		const google = await Google.start();

		google.lives = 5;
		const sys = await system({ stages: ['store', 'ingress', 'hub', 'gcm'],
			env: google.env() });
		let n = 0;

		await becomes(sys, await push(sys, 'first', {}), 'delivered');
		google.noTokens = true;
		await until(async () => {
			await becomes(sys, await push(sys, `t${++n}`, {}), 'delivered');
			return google.asked >= 2;
		}, { what: 'the next is asked for' });
		assert.equal(await sys.sum('pusher_pauses_total'), 0);
		google.noTokens = false;
		await sys.stop();
	});

test('a token that has no time to live is not asked for again and again',
	{ skip }, async () => {
		const google = await Google.start();

		google.lives = 0;
		const sys = await system({ stages: ['store', 'ingress', 'hub', 'gcm'],
			env: google.env() });

		await becomes(sys, await push(sys, 'T', {}), 'delivered');
		assert.equal(google.asked, 1);
		await sys.stop();
	});

test('an account that cannot be used is named', { skip }, async () => {
	const google = await Google.start();
	const says = async (account, word, env = {}) => {
		const it = await start(bin('gcm'), ['-t'], { ready: false,
			env: { ...google.env(), ...env,
				POSTHORN_GCM_SERVICE_ACCOUNT: google.account(account) } });

		assert.equal((await it.ended()).code, 100, it.out);
		assert.ok(it.out.includes(word), `${word} in ${it.out}`);
	};

	await says({ project_id: 'a/b?c' }, 'name=project');
	await says({ project_id: '' }, 'name=project');
	await says({}, 'name=project', { POSTHORN_GCM_PROJECT: 'my project' });
	await says({ token_uri: 'file:///etc/passwd' }, 'token_uri');
	await says({ token_uri: 'https://x/\r\ny' }, 'token_uri');
});

test('a Google with another certificate is told nothing', { skip }, async () => {
	const google = await Google.start();
	const sys = await system({ stages: ['store', 'ingress', 'hub', 'gcm'],
		env: { ...google.env({ legacy: true }), POSTHORN_GCM_CA: '' } });
	const id = await push(sys, 'T', {});

	await until(async () => /\S/.test((await job(sys, id)).why ?? ''));
	const { state, attempts, why } = await job(sys, id);

	assert.match(why, /certificate/i);
	assert.ok(state !== 'dead' && attempts <= 1, state);
	assert.deepEqual(google.pushes, []);
	await sys.stop();
});

test('while Google takes no credentials nothing is lost, and no attempt',
	{ skip }, async () => {
		const { google, sys } = await posthorn();

		google.noTokens = true;
		const id = await push(sys, 'T', {});

		await until(() => /event=access_token/.test(sys.out));
		google.noTokens = false;
		assert.equal((await becomes(sys, id, 'delivered')).attempts, 1);
		await sys.stop();
	});

test('many that fail at once are one failure of Google\'s', { skip },
	async () => {
		const { google, sys } = await posthorn();
		const pauses = () => [...sys.out.matchAll(
			/ts=(\S+) .*event=vendor_down .*pause_ms=(\d+)/g)]
			.map(([, at, ms]) => ({ at: Date.parse(at), ms: Number(ms) }));
		const ids = [];

		await becomes(sys, await push(sys, 'first', {}), 'delivered');
		await google.gone();
		for (let n = 0; n < 60; n++)
			ids.push(await push(sys, `t${n}`, {}));
		await until(() => pauses().length >= 2);
		await google.here();
		for (const id of ids)
			await becomes(sys, id, 'delivered');
		for (const [i, { at, ms }] of pauses().entries()) {
			const before = pauses()[i - 1];

			assert.equal(ms, 1000 << i);
			assert.ok(!before || at >= before.at + before.ms - 100,
				sys.out);
		}
		await sys.stop();
	});
