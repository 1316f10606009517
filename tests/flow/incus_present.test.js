// incus_present.test.js - who is present to pushormessage: real clients of
// Incus on one side, an application with a Redis on the other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN, Jobs, item } from './lib/incus.js';
import { envelope, poll, presence, socket } from './lib/incus_client.js';
import { until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import { STAGES, missing, system } from './lib/system.js';

const skip = missing(...STAGES);
const web = (n) => ({ event: 'web', data: { n } });
const ios = (n) => ({ event: 'ios', data: { message_text: 'by push', n } });
let db, last = 0; // number of what was told last

before(async () => {
	db = skip ? undefined : await redis();
});
after(async () => {
	await db?.stop();
});

async function house(env, story) {
	const sys = await system({ stages: STAGES, formation: 'hub=2', env: {
		POSTHORN_ADMIN_KEY: ADMIN, POSTHORN_REDIS: `127.0.0.1:${db.port}`,
		POSTHORN_INCUS_APNS: '1', ...env } });
	const jobs = await Jobs.start(sys);

	try {
		await story(sys, jobs);
	} finally {
		await jobs.stop();
		await sys.stop();
	}
}

async function tell(user) {
	const n = ++last;

	await db.do('RPUSH', 'Incus_Queue', item(
		{ command: 'pushormessage', user, device_token: 'T', build: 'store' },
		{ push: { ios: ios(n) }, websocket: web(n) }));
}

const pushed = (jobs) => jobs.all.map(({ body }) => JSON.parse(body).message);
const heard = (it) => it.messages.filter(({ event }) => event === 'web')
	.map(({ data }) => data.n);

// Told again and again, until it comes by push, or to this client.  What was
// told before is still on its way then, so what matters is told by number.
async function byPush(jobs, user) {
	const from = last;
	const mine = () => pushed(jobs).find(({ data }) => data.n > from);

	await until(async () => {
		await tell(user);
		return mine() !== undefined;
	}, { ms: 20000, what: `${user} is pushed to` });
	assert.deepEqual(mine(), ios(mine().data.n));
}

async function bySocket(jobs, user, it) {
	const from = last;

	await until(async () => {
		await tell(user);
		return heard(it).some((n) => n > from);
	}, { ms: 20000, what: `${user} hears` });
	// From now on nothing is pushed.
	const next = last + 1;

	while (last < next + 4)
		await tell(user);
	await until(() => heard(it).includes(last), { what: 'the last is heard' });
	assert.deepEqual(heard(it).filter((n) => n >= next),
		Array.from({ length: 5 }, (_, i) => next + i));
	assert.deepEqual(pushed(jobs).filter(({ data }) => data.n >= next), []);
}

const attendees = (sys, n) => until(async () =>
	await sys.sum('attendees') === n, { what: `${n} are present` });

test('I21: a socket is present from true until false, or its end', { skip },
	() => house({}, async (sys, jobs) => {
		for (const user of ['ann', 'a/n ü*%', 'x'.repeat(300)]) {
			const it = await socket(sys.port, { user });

			await byPush(jobs, user); // connected is not present
			assert.deepEqual(it.events, []);
			it.say(presence('yes'));
			it.say(envelope({ command: 'setpresence' }, {}));
			await it.read();
			await byPush(jobs, user); // nor is what is no boolean
			it.say(presence(true));
			await bySocket(jobs, user, it);
			it.say(presence(false));
			await attendees(sys, 0);
			await byPush(jobs, user);
			it.say(presence(true));
			await attendees(sys, 1);
			it.close();
			await attendees(sys, 0);
			await byPush(jobs, user);
		}
	}));

test('I21: a poll is present until it ends, another client of its user longer',
	{ skip }, () => house({}, async (sys, jobs) => {
		const it = await socket(sys.port, { user: 'ann' });
		const one = await poll(sys.port,
			{ user: 'ann', command: presence(true) });

		await attendees(sys, 1);
		it.say(presence(true));
		await attendees(sys, 2);
		await tell('ann');
		assert.match((await one.answered()).body, /^\{"event":"web"/);
		await attendees(sys, 1);
		await bySocket(jobs, 'ann', it);
		it.close();
		one.close();
		await byPush(jobs, 'ann');
	}));

test('I21: where it is set, to be connected is to be present', { skip },
	() => house({ POSTHORN_HUB_INCUS_CONNECTED_PRESENT: '1' },
		async (sys, jobs) => {
			const it = await socket(sys.port, { user: 'ann' });

			await bySocket(jobs, 'ann', it);
			it.say(presence(false)); // whatever he says
			await it.read();
			await bySocket(jobs, 'ann', it);
			it.close();
			await byPush(jobs, 'ann');
		}));

test('I12: the switch is any key that is set', { skip }, () => house({
	POSTHORN_INCUS_KILLSWITCH: 'no_polls' }, async (sys) => {
	await db.do('SET', 'longpoll_killswitch', 1);
	await db.do('SET', 'no_polls', 1);
	await until(async () => {
		const it = await poll(sys.port, { user: 'x', timeout: 0 });
		const { status } = await it.answered();

		it.close();
		return status === 503;
	}, { ms: 12000, what: 'polls are refused' });
	await db.do('DEL', 'no_polls');
	await until(async () => {
		const it = await poll(sys.port, { user: 'x', timeout: 0 });
		const { status } = await it.answered();

		it.close();
		return status === 204;
	}, { ms: 12000, what: 'polls are taken' });
	await db.do('DEL', 'longpoll_killswitch');
}));
