// incus_options.test.js - whole clients of Incus where an operator has the
// server behave otherwise than it does by itself: long polls switched off,
// answers and signs of life as the oldest clients want them, and presence.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ADMIN, Jobs, item, key, listen, USER } from './lib/incus.js';
import { poll } from './lib/incus_client.js';
import { Incus, KINDS, client, said, speaker, there }
	from './lib/incus_whole.js';
import { until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { STAGES, missing, system } from './lib/system.js';

const skip = missing(...STAGES);
const SWITCH = 'longpoll_killswitch';
const running = [];

after(async () => {
	for (const one of running.reverse())
		await one();
});

// A system with a Redis: { db, sys }.
async function redisSystem(env = {}) {
	const db = await redis();

	running.push(async () => {
		await db.stop();
	});
	const sys = await system({ stages: STAGES, env: {
		POSTHORN_ADMIN_KEY: ADMIN,
		POSTHORN_REDIS: `127.0.0.1:${db.port}`, ...env } });

	running.push(() => sys.stop());
	await bridged(db, 'Incus');
	return { db, sys };
}

// The same for a system without one.
async function plain(env) {
	const sys = await system({ env });

	running.push(() => sys.stop());
	return sys;
}

// Until a poll is answered so; the speaker's socket has the hub listen to what
// the bridge says.
async function polls(sys, status) {
	await until(async () => {
		const it = await poll(sys.port, { user: 'look', timeout: 0 });
		const got = await it.answered();

		it.close();
		return got.status === status;
	}, { ms: 12000, what: `a poll is answered ${status}` });
}

// Ours does not count what its polls were answered: its fetch does.
function watched(sys, kind, options) {
	const refused = { n: 0 };
	const one = client(sys, kind, { ...options, fetch: async (...args) => {
		const reply = await fetch(...args);

		refused.n += reply.status === 503;
		return reply;
	} });

	return Object.assign(one, { refused });
}

let switched;
const off = () => switched ??= (async () => {
	const { db, sys } = await redisSystem();
	const say = await speaker(sys);

	await db.do('SET', SWITCH, 'x');
	await polls(sys, 503);
	return { db, sys, say };
})();

for (const kind of KINDS)
	test(`J3: long polls are off: ${kind} ends with its WebSocket only`,
		{ skip }, async () => {
			const { sys, say } = await off();
			const one = watched(sys, kind, { user: kind, page: 'p' });

			await until(() => one.socketConnected);
			await there(one, say, { user: kind });
			say({ page: 'p' }, 1);
			say({}, 2);
			say({ user: kind }, 3);
			await until(() => said(one).length === 3);
			assert.deepEqual(said(one).sort(), [1, 2, 3]);
			assert.ok(one.refused.n <= 7, `${one.refused.n} refused`);
			await until(async () => await sys.sum('incus_polls') === 0,
				{ what: 'no poll is left' });
			one.close();
		});

for (const kind of ['Script', 'Module'])
	test(`J3: ${kind} without a WebSocket is refused 7 times at most`,
		{ skip }, async () => {
			const { sys } = await off();
			const one = watched(sys, kind, { user: kind, socket: false });

			await until(() => one.pollErrors === 6);
			assert.ok(one.polls <= 7, `${one.polls} polls`);
			assert.equal(one.refused.n, one.polls);
			one.close();
		});

test('J3: ours without a WebSocket asks seldom, and is back afterwards',
	{ skip }, async () => {
		const { db, sys, say } = await off();
		const one = watched(sys, 'ours', { user: 'seldom', socket: false });
		const began = Date.now();

		await until(() => one.refused.n === 3, { what: 'three refusals' });
		assert.ok(Date.now() - began > 1500, 'not at once');
		await db.do('DEL', SWITCH);
		await until(() => {
			say({ user: 'seldom' }, 1);
			return said(one).length !== 0;
		}, { ms: 20000, what: 'it hears again' });
		assert.ok(one.refused.n <= 7, `${one.refused.n} refused`);
		one.close();
	});

test('J5: 200 instead of 204 keeps the oldest clients polling', { skip },
	async () => {
		const env = { POSTHORN_HUB_INCUS_POLL: '200ms' };
		const [old, kept] = await Promise.all([plain(env),
			plain({ ...env, POSTHORN_HUB_INCUS_EMPTY_OK: '1' })]);
		const lost = client(old, 'Script', { user: 'u', socket: false });
		const all = KINDS.map((kind) =>
			client(kept, kind, { user: kind, socket: false }));

		await until(() => lost.pollErrors === 6, { what: 'it gave up' });
		assert.deepEqual(lost.statuses, Array(6).fill(204));
		await until(() => all[0].polls > 8 && all[1].polls > 8,
			{ what: 'they go on' });
		assert.deepEqual([...new Set(all.slice(0, 2).flatMap(
			({ statuses }) => statuses))], [200]);
		const say = await speaker(kept);

		for (const one of all) {
			await there(one, say, { user: one.user });
			one.close();
		}
		lost.close();
	});

test('J5: an empty text lets old clients count their reconnects anew',
	{ skip }, async () => {
		const [mute, beating] = await Promise.all([plain({}),
			plain({ POSTHORN_HUB_INCUS_EMPTY_BEAT: '1' })]);

		for (const kind of ['Script', 'Module']) {
			const one = client(mute, kind, { user: kind });
			const other = client(beating, kind, { user: kind });

			for (let n = 1; n <= 2; n++) {
				await until(() => one.opened === n && other.opened === n,
					{ what: `both are there the ${n}th time` });
				await until(() => other.beats === n,
					{ what: 'a beat' });
				assert.equal(one.socketErrors, n - 1);
				assert.equal(other.socketErrors, 0);
				one.socket.terminate();
				other.socket.terminate();
			}
			assert.equal(one.beats, 0);
			one.close();
			other.close();
		}
		const ours = client(beating, 'ours', { user: 'ours' });

		ours.on('error', (e) => ours.heard.push(e));
		await until(() => ours.socketConnected);
		await there(ours, await speaker(beating), { user: 'ours' });
		assert.deepEqual(ours.heard, []);
		ours.close();
	});

// With both kinds of push; W says which one came.
const command = (n) => item({ command: 'pushormessage', user: 'here',
	device_token: 'T', build: 'store' }, {
	push: { ios: { event: 'hello', data: { n, way: 'push' } } },
	websocket: { event: 'hello', data: { n } } });

test('J6: who is at the page is told there, who is not by a push', { skip },
	async () => {
		const { db, sys } = await redisSystem({
			POSTHORN_INCUS_APNS: 'true', POSTHORN_HUB_INCUS_SETS: '1' });
		const jobs = await Jobs.start(sys);
		const ear = await listen(sys, await key(sys), `${USER}here`);
		// What a tool beside the original reads.
		const noted = (n) => until(async () => (await sessions()).length === n,
			{ what: `Redis knows of ${n} who are present` });
		const sessions = () => db.do('ZRANGE', 'ClientPresence:here', 0, -1);
		const target = new EventTarget();
		const one = client(sys, 'ours', { user: 'here' });
		const presence = new Incus.Presence(3600, target);

		running.push(() => presence.close());
		const attends = (n) => until(async () =>
			await sys.sum('attendees') === n, { what: `${n} are present` });
		const ask = (n) => db.do('RPUSH', 'Incus_Queue', command(n));

		await until(() => one.socketConnected);
		await ask(1); // connected is not present
		await jobs.got(1);
		new Incus.Presence.IncusNotifier(presence, one);
		await attends(1);
		await noted(1);
		await ask(2);
		await until(() => one.heard.includes(2));
		const [first] = await sessions();

		one.socket.terminate(); // presence comes back with the socket
		await until(() => one.connects === 2 && one.socketConnected);
		// The new one, and he alone: what is counted may be the old one yet.
		await until(async () => {
			const [now, ...others] = await sessions();

			return now !== undefined && now !== first && !others.length;
		}, { what: 'another session is present' });
		await ask(3);
		await until(() => one.heard.includes(3));
		presence.ms = 1;
		presence.wait(); // nobody touches anything
		await attends(0);
		await noted(0);
		await ask(4);
		await jobs.got(2);
		presence.ms = 3600000;
		target.dispatchEvent(new Event('keypress'));
		await attends(1);
		await noted(1);
		await ask(5);
		await until(() => one.heard.includes(5));
		assert.deepEqual(one.heard, [2, 3, 5]);
		assert.deepEqual(ear.data.map(({ data }) => data.n), [2, 3, 5]);
		assert.deepEqual(jobs.all.map(({ body }) =>
			JSON.parse(body).message.data.n), [1, 4]);
		presence.close();
		one.close();
		ear.close();
		await jobs.stop();
	});
