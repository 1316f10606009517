// presence.test.js - who is there, and who is told of it: over all transports,
// through hubs that die, start again or are lost, and stores that stop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poll, sse } from './lib/clients.js';
import { CHANNEL, Person, enter, pass } from './lib/person.js';
import { saying, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress');
const LINGER = 3000; // ms
const RUN = { POSTHORN_STORE_LINGER: `${LINGER}ms`,
	POSTHORN_HUB_SPREAD: '50ms', POSTHORN_HUB_RETRY: '20ms' };
const start = (more = {}) => system({ ...more, env: { ...RUN, ...more.env } });
const look = (sys, query = '') =>
	sys.json(`/v1/presence?channel=${CHANNEL}${query}`);
const names = (roster) => roster.present.map(({ user }) => user);

// The sum of all rows of a stage in what it told in one look.
const summed = (rows, stage, what) => rows.filter(({ name, labels }) =>
	name.endsWith(what) && labels.includes(`stage="${stage}"`))
	.reduce((all, { value }) => all + value, 0);

// Nothing that was lingering lingers still.  A store that is slow to answer is
// not in a look: somebody is there always.
const settled = (sys) => until(async () => {
	const rows = await sys.metrics('');
	const sessions = summed(rows, 'store', 'presence_sessions');

	return summed(rows, 'store', 'presence_lingering') === 0 &&
		sessions !== 0 && sessions === summed(rows, 'hub', 'attendees');
}, { ms: 30000, what: 'all lingering ended' });

// So many, say the hubs.
const attending = (sys, n) => until(async () =>
	await sys.sum('posthorn_attendees', 'hub') === n,
{ ms: 20000, what: `${n} are counted` });

// In one look: somebody may leave meanwhile.
async function conserved(sys) {
	const rows = await sys.metrics('');
	const sum = (what) => summed(rows, 'store', what);

	assert.equal(sum('presence_joins_total') + sum('presence_restored_total') -
		sum('presence_leaves_total'), sum('presence_users'));
}

async function telling(t, options, tell) {
	const sys = await start(options);

	try {
		await tell(sys);
		await conserved(sys);
	} catch (e) {
		throw saying(e, `${sys.out.split('\n').slice(-40).join('\n')}`);
	} finally {
		// Or those of a test that failed would come back for ever.
		for (const one of sys.people ?? [])
			one.drop();
		await sys.stop();
	}
}

test('who enters is told who is there, and the others of him', { skip },
	(t) => telling(t, {}, async (sys) => {
		const ann = await enter(sys, 'ann', { data: { name: 'Ann' } });

		assert.deepEqual(ann.presence.roster,
			{ ann: { id: 'ann', name: 'Ann' } });
		assert.match(ann.session, /^[\w-]{16}$/);
		const seven = await enter(sys, 7);

		assert.deepEqual(seven.presence.roster, {
			7: { id: 7 }, ann: { id: 'ann', name: 'Ann' } });
		assert.equal(seven.presence.users, 2);
		await ann.told(1);
		assert.deepEqual(ann.seen[0].presence, { join: { 7: { id: 7 } } });
		assert.equal(ann.seen[0].channel, CHANNEL);

		// another session of hers, with other data: an update, no join
		const other = await enter(sys, 'ann', { data: { name: 'Anne' } });

		await ann.told(2);
		assert.deepEqual(ann.events[1], ['update', 'ann']);
		const page = await look(sys);

		assert.deepEqual(names(page), ['7', 'ann']);
		assert.deepEqual(page.present.map(({ sessions }) => sessions), [1, 2]);
		assert.equal(page.present[1].data.name, 'Anne');
		assert.deepEqual([page.users, page.sessions], [2, 3]);

		// leaving is told at once, and once
		await other.reply({ op: 'unsubscribe', channel: CHANNEL });
		await seven.reply({ op: 'unsubscribe', channel: CHANNEL });
		await ann.told(3);
		assert.deepEqual(ann.events.slice(2), [['leave', '7']]);

		// history tells it in the same words
		const { messages } = await sys.json(`/v1/history?channel=${CHANNEL}`);

		assert.deepEqual(messages.at(-1), ann.seen[2]);
		[ann, seven, other].forEach((one) => one.drop());
	}));

test('SSE and polls are present, too', { skip }, (t) =>
	telling(t, {}, async (sys) => {
		const ann = await enter(sys, 'ann');
		const bob = await sse(sys, { channels: CHANNEL, token: pass('bob') })
			.ready();
		const eve = poll(sys, { channels: CHANNEL, token: pass('eve'),
			timeout: 1 });

		await ann.told(2);
		assert.deepEqual(new Set(ann.events.map(String)),
			new Set(['join,bob', 'join,eve']));
		const carl = await enter(sys, 'carl');

		await until(() => bob.messages.some(({ presence }) =>
			presence?.join?.carl) && eve.messages.some(({ presence }) =>
			presence?.join?.carl), { what: 'both are told of carl' });
		// several polls later eve is still there, as one
		const before = eve.opened;

		await until(() => eve.opened >= before + 3,
			{ ms: 20000, what: 'three polls' });
		assert.equal(ann.events.length, 3);
		assert.equal((await look(sys, '&user=eve')).present[0].sessions, 1);
		bob.close();
		eve.close();
		await ann.told(5);
		assert.deepEqual(new Set(ann.events.slice(3).map(String)),
			new Set(['leave,bob', 'leave,eve']));
		[ann, carl].forEach((one) => one.drop());
	}));

test('errors name the field, and nobody is whom he claims to be', { skip },
	(t) => telling(t, { env: { POSTHORN_STORE_PRESENCE_USERS: '2' } },
		async (sys) => {
			const ann = await enter(sys, 'ann');
			const wrong = async (command) => {
				const { ok, error } = await ann.reply(command);

				assert.equal(ok, false);
				return `${error.code} ${error.field}`;
			};
			const subscribe = (more) => wrong({ op: 'subscribe',
				channel: '/app/presence/b', token: pass('x'), ...more });

			assert.equal(await subscribe({ token: pass(0) }),
				'bad_token token');
			assert.equal(await subscribe({ token: pass('') }),
				'bad_token token');
			assert.equal(await subscribe({ session: 'a b' }),
				'bad_field session');
			assert.equal(await subscribe({ session: 7 }), 'bad_field session');
			assert.equal(await subscribe({ token: pass('x', {}, CHANNEL) }),
				'forbidden channel');
			assert.equal(await subscribe({ session: 's', token: token({
				channel: '/app/presence/b', sub: true, presence: true }) }),
			'bad_field session');
			assert.equal(await wrong({ op: 'subscribe', session: 's',
				channel: '/app/public/b' }), 'bad_field session');
			assert.equal(await wrong({ op: 'presence',
				channel: '/app/public/b', token: pass('x') }),
			'bad_channel channel');
			assert.equal(await wrong({ op: 'presence', channel: CHANNEL }),
				'unauthorized token');
			assert.equal(await wrong({ op: 'presence', channel: CHANNEL,
				token: pass('x'), limit: 1001 }), 'bad_field limit');
			assert.equal(await wrong({ op: 'subscribe', channel: CHANNEL,
				token: pass('x') }), 'bad_field channel');
			for (const [query, what] of [
				['', 'missing_field channel'],
				['channel=/app/public/x', 'bad_channel channel'],
				[`channel=${CHANNEL}&limit=1001`, 'bad_field limit'],
			]) {
				const { error } = await sys.json(`/v1/presence?${query}`);

				assert.equal(`${error.code} ${error.field}`, what);
			}
			assert.equal((await sys.request(`/v1/presence?channel=${CHANNEL}`,
				{ headers: { authorization: `Bearer ${token({
					channel: CHANNEL, sub: true })}` } })).status, 403);
			const { status, json } = await sys.post('{"join":{}}', {
				query: `?channel=${CHANNEL}`,
				type: 'application/vnd.posthorn.presence+json' });

			assert.equal(status, 400);
			assert.equal(json.error.field, 'Content-Type');

			// the third user is one too many, and is not subscribed either
			const bob = await enter(sys, 'bob');
			const eve = await enter(sys, 'eve', { back: false });

			assert.equal(eve.failed().error.code, 'too_many');
			assert.equal(eve.failed().error.field, 'channel');
			assert.deepEqual((await look(sys, '&limit=0')),
				{ channel: CHANNEL, users: 2, sessions: 2, present: [] });
			[ann, bob, eve].forEach((one) => one.drop());
		}));

test('rosters come in pages, also to whom is nobody himself', { skip },
	(t) => telling(t, { env: { POSTHORN_HUB_ROSTER: '3' } }, async (sys) => {
		const people = [];

		for (const id of ['a', 'b', 'c', 'd', 'e'])
			people.push(await enter(sys, id));
		assert.deepEqual(Object.keys(people[4].presence.roster),
			['a', 'b', 'c']);
		assert.equal(people[4].presence.more, true);
		const seen = [];

		for (let after = ''; after !== undefined;) {
			const page = await people[4].reply({ op: 'presence',
				channel: CHANNEL, token: pass('x'), limit: 2,
				after: after || undefined });

			assert.equal(page.users, 5);
			seen.push(...names(page));
			after = page.after;
		}
		assert.deepEqual(seen, ['a', 'b', 'c', 'd', 'e']);
		assert.deepEqual(names(await look(sys, '&after=c')), ['d', 'e']);
		const nobody = new Person(sys, 'x', { back: false });

		nobody.token = token({ channel: CHANNEL, sub: true, presence: true });
		await nobody.ready();
		assert.equal(nobody.presence.session, undefined);
		assert.equal(nobody.presence.users, 5);
		[...people, nobody].forEach((one) => one.drop());
	}));

const twoHubs = (t, tell) => telling(t, { formation: 'hub=2' }, tell);

test('a user on two hubs is one, and a killed hub is noticed', { skip },
	(t) => twoHubs(t, async (sys) => {
		const people = [];
		const watcher = await enter(sys, 'watcher');

		for (let i = 0; i < 8; i++)
			people.push(await enter(sys, 'ann', { session: `s${i}` }));
		await watcher.told(1);
		assert.deepEqual(watcher.events, [['join', 'ann']]);
		await attending(sys, 9);
		const gone = await sys.sum('posthorn_attendees', '"hub.1"');

		assert.ok(gone > 0 && gone < 9, `${gone} of them there`);
		await sys.kill('hub.1');
		// all come back, with their sessions, and nobody is told anything
		await until(() => [watcher, ...people].filter(({ opened }) =>
			opened > 1).length >= gone, { ms: 20000, what: 'all are back' });
		await settled(sys);
		assert.deepEqual(watcher.events, [['join', 'ann']]);
		assert.equal((await look(sys)).present[0].sessions, 8);
		people.forEach((one) => one.drop());
		await watcher.told(2);
		assert.deepEqual(watcher.events[1], ['leave', 'ann']);
		watcher.drop();
	}));

test('those of a hub that is killed leave when they do not come back',
	{ skip }, (t) => twoHubs(t, async (sys) => {
		const people = [];

		for (let i = 0; i < 8; i++)
			people.push(await enter(sys, `u${i}`));
		const [one] = people.splice(0, 1);

		people.forEach((it) => (it.back = false));
		const began = Date.now();

		await Promise.all([sys.kill('hub.1'), sys.kill('hub.2')]);
		await one.ready(2);
		await until(async () => (await look(sys, '&limit=0')).users === 1,
			{ ms: 20000, what: 'they left' });
		assert.ok(Date.now() - began < LINGER + 4000,
			`after ${Date.now() - began} ms`);
		assert.ok(Date.now() - began >= LINGER, 'they lingered');
		one.drop();
	}));

test('those of a hub that is stopped leave, and are back with it', { skip },
	(t) => twoHubs(t, async (sys) => {
		const people = [];
		const users = async () => (await look(sys, '&limit=0')).users;

		for (let i = 0; i < 8; i++)
			people.push(await enter(sys, `u${i}`));
		const began = Date.now();
		const pid = sys.signal('hub.1', 'SIGSTOP');

		await until(async () => await users() < 8, { ms: 20000,
			what: 'they left' });
		t.diagnostic(`after ${Date.now() - began - LINGER} ms and the linger`);
		assert.ok(Date.now() - began < LINGER + 5000);
		process.kill(pid, 'SIGCONT');
		await until(async () => await users() === 8, { ms: 20000,
			what: 'they are back' });
		people.forEach((one) => one.drop());
	}));

test('a store that is stopped for 5 s declares nobody dead', { skip },
	(t) => telling(t, {}, async (sys) => {
		const ann = await enter(sys, 'ann');
		const bob = await enter(sys, 'bob');
		const lost = await enter(sys, 'lost', { back: false });

		await ann.told(2);
		const pid = sys.signal('store.1', 'SIGSTOP');
		const began = Date.now();

		await until(() => Date.now() - began >= 5000, { ms: 10000 });
		process.kill(pid, 'SIGCONT');
		await sys.readyz();
		await settled(sys);
		lost.socket.terminate();
		await ann.told(3);
		assert.deepEqual(ann.events,
			[['join', 'bob'], ['join', 'lost'], ['leave', 'lost']]);
		[ann, bob].forEach((one) => one.drop());
	}));

test('after a restart of the store nobody joins again', { skip }, (t) =>
	twoHubs(t, async (sys) => {
		const people = [];

		for (let i = 0; i < 20; i++)
			people.push(await enter(sys, `u${i}`));
		await people[0].told(19);
		await sys.kill('store.1');
		// one more session of somebody who was there
		const again = new Person(sys, 'u7');

		await again.ready();
		await until(async () => (await look(sys, '&limit=0')
			.catch(() => ({}))).sessions === 21,
		{ ms: 20000, what: 'all are there again' });
		assert.equal(await sys.sum('presence_restored_total', 'store'), 20);
		const late = await enter(sys, 'late');

		await people[0].told(20);
		people[3].back = false;
		await people[3].reply({ op: 'unsubscribe', channel: CHANNEL });
		await people[0].told(21);
		assert.deepEqual(people[0].events.slice(19),
			[['join', 'late'], ['leave', 'u3']]);
		[...people, again, late].forEach((one) => one.drop());
	}));

test('1,000 sessions go through a restart of their hub without a storm',
	{ skip }, (t) => telling(t, { env: { POSTHORN_STORE_LINGER: '10s',
		POSTHORN_HUB_PER_ADDRESS: '0' } }, async (sys) => {
		const watcher = await enter(sys, 'watcher', { session: 'w' });
		const crowd = [];

		for (let i = 0; i < 1000; i++)
			crowd.push(new Person(sys, `u${i}`, { session: `s${i}` }));
		// One look at all: a thousand who look are work themselves, beside
		// half a million announcements.
		await until(() => crowd.every((one) => one.opened > 0 || one.failed()),
			{ ms: 60000, what: 'all are there' });
		await watcher.told(1000, 60000);
		const all = [watcher, ...crowd];
		await attending(sys, all.length);
		const gone = await sys.sum('posthorn_attendees', '"hub.1"');

		assert.ok(gone > 300 && gone <= all.length, `${gone} there`);
		await sys.kill('hub.1');
		await until(() => all.filter(({ opened }) => opened > 1).length >=
			gone, { ms: 60000, what: 'they are back' });
		await settled(sys);
		assert.equal(watcher.events.length, 1000);
		assert.equal((await look(sys, '&limit=0')).users, 1001);
		assert.equal(await sys.sum('presence_leaves_total', 'store'), 0);
		const bytes = await sys.sum('presence_bytes', 'store');

		t.diagnostic(`${Math.round(bytes / 1001)} bytes a session and user`);
		all.forEach((one) => one.drop());
	}));
