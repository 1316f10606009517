// incus_keys.test.js - the keys in Redis that outside tools of Incus read, of
// clients that are really there, on several hubs, whatever dies meanwhile.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { item } from './lib/incus.js';
import { poll, presence, setpage, socket } from './lib/incus_client.js';
import { until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'bridge');
const MS = 40000;
let db, sys;

before(async () => {
	if (skip)
		return;
	db = await redis();
	sys = await system({ stages: ['store', 'ingress', 'hub', 'bridge'],
		formation: 'hub=2', env: {
			POSTHORN_REDIS: `127.0.0.1:${db.port}`,
			POSTHORN_HUB_INCUS_SETS: '1' } });
});
after(async () => {
	await sys?.stop();
	await db?.stop();
});

// As a tool sees it: the lines redis-cli prints.
const cli = (...args) => execFileSync('redis-cli',
	['-p', `${db.port}`, ...args], { encoding: 'utf8' })
	.split('\n').filter((line) => line !== '');

// All that the original would have there: { users, pages, present }, where
// present is the number of sessions of each user.
function keys() {
	const pages = cli('HGETALL', 'PageClients');
	const there = cli('KEYS', 'ClientPresence:*').sort();

	return {
		users: cli('SMEMBERS', 'SocketClients').sort(),
		pages: Object.fromEntries(pages.flatMap((name, i) =>
			i % 2 ? [] : [[name, pages[i + 1]]]).sort()),
		present: Object.fromEntries(there.map((key) => [key.slice(15),
			Number(cli('ZCARD', key)[0])])),
	};
}

// They are so, in the end.
async function become({ users = [], pages = {}, present = {} }, ms = MS) {
	const wanted = JSON.stringify({ users, pages, present });
	let now;

	await until(() => (now = JSON.stringify(keys())) === wanted,
		{ ms, what: wanted }).catch((e) => {
		throw new Error(`${e.message}, but ${now}\n${sys.out}`);
	});
}

// Sockets of a user, one on each hub.
async function pair(user, page) {
	const found = new Map(), others = [];

	await until(async () => {
		const it = await socket(sys.port, { user, page });
		const hub = sys.holder(it.socket.localPort);

		if (hub === undefined || found.has(hub))
			others.push(it);
		else
			found.set(hub, it);
		return found.size === 2;
	}, { what: 'both hubs have a socket' });
	others.forEach((it) => it.close());
	return [found.get('hub.1'), found.get('hub.2')];
}

const close = (...all) => all.forEach((it) => it.close());

test('I19: SocketClients has a user as long as one of his sockets lives, of ' +
	'whichever hub', { skip }, async () => {
	await become({});
	const [one, two] = await pair('ann');
	const bob = await socket(sys.port, { user: 'b b/"%é' });

	await become({ users: ['ann', 'b b/"%é'] });
	one.close();
	await until(() => cli('HGET', 'posthorn:incus:users', 'ann')[0] === '1',
		{ what: 'one of two has gone' });
	assert.deepEqual(keys().users, ['ann', 'b b/"%é']);
	two.close();
	await become({ users: ['b b/"%é'] });
	bob.close();
	await become({});
	assert.deepEqual(cli('KEYS', 'posthorn:incus:[uh]*').filter((key) =>
		!key.endsWith(':hubs')), []);
});

test('I19: a socket that is closed from here counts no longer, although its ' +
	'client still holds it', { skip }, async () => {
	// Its hub waits for two seconds: once more, if we look too late.
	await until(async () => {
		const it = await socket(sys.port, { user: 'ann', page: '/p' });
		const { localPort } = it.socket;

		it.socket.allowHalfOpen = true; // it does not hang up as they do
		await become({ users: ['ann'], pages: { '/p': '1' } });
		it.say('[]'); // no envelope: 1000
		await until(() => it.closed, { what: 'a close frame' });
		await become({});
		const held = sys.holder(localPort);

		it.close();
		return held;
	}, { ms: MS, what: 'it counts no longer, and its hub has it yet' });
});

test('I19: PageClients counts the sockets of all hubs on a page, and returns ' +
	'to absent', { skip }, async () => {
	const [one, two] = await pair('ann', '/p');
	const three = await socket(sys.port, { user: 'bob', page: '/p' });

	await become({ users: ['ann', 'bob'], pages: { '/p': '3' } });
	one.say(setpage('/q'));
	await become({ users: ['ann', 'bob'], pages: { '/p': '2', '/q': '1' } });
	// A user's page, set by Redis, on whichever hub he is.
	await db.do('RPUSH', 'Incus_Queue', item({ command: 'setpage',
		user: 'ann', page: '/r' }));
	await become({ users: ['ann', 'bob'], pages: { '/p': '1', '/r': '2' } });
	close(one, two, three);
	await become({});
	assert.deepEqual(cli('EXISTS', 'PageClients', 'SocketClients'), ['0']);
});

test('I19: polls count while they wait', { skip }, async () => {
	const it = await poll(sys.port, { user: 'ann', page: '/p',
		command: presence(true) });

	await become({ users: ['ann'], pages: { '/p': '1' },
		present: { ann: 1 } });
	await sys.publish({ channel: '/app/public/x', data: 1 });
	it.close(); // a client that aborts
	await become({});
	// It waits for as long as it may take a busy machine to look.
	const short = await poll(sys.port, { user: 'bob', page: '/p',
		timeout: '4' });

	await become({ users: ['bob'], pages: { '/p': '1' } }, 4000);
	assert.equal((await short.answered()).status, 204);
	await become({});
	short.close();
});

test('I19: ClientPresence has a session with the time of now from true until ' +
	'false, or close', { skip }, async () => {
	const [one, two] = await pair('ann');
	const key = 'ClientPresence:ann';
	const scores = () => cli('ZRANGE', key, '0', '-1', 'WITHSCORES')
		.filter((_, i) => i % 2).map(Number);
	let began = Math.floor(Date.now() / 1000);

	one.say(presence(true));
	await become({ users: ['ann'], present: { ann: 1 } });
	assert.ok(scores()[0] >= began && scores()[0] <= Date.now() / 1000,
		`${scores()} ${began}`);
	const ttl = Number(cli('TTL', key)[0]);

	assert.ok(ttl > 240 && ttl <= 300, `${ttl}`);
	two.say(presence(true));
	await become({ users: ['ann'], present: { ann: 2 } });
	// Once more: present since then.
	await until(() => Date.now() / 1000 > scores()[1] + 2, { what: 'time' });
	began = Math.floor(Date.now() / 1000);
	one.say(presence(true));
	await until(() => scores().some((score) => score >= began),
		{ what: 'a new time' });
	assert.equal(scores().length, 2);
	one.say(presence(false));
	await become({ users: ['ann'], present: { ann: 1 } });
	two.close();
	await become({ users: ['ann'] });
	one.close();
	await become({});
});

test('J6: who stays present is told again before 60 s are over', { skip },
	async () => {
		const it = await socket(sys.port, { user: 'ann' });
		const score = () =>
			Number(cli('ZRANGE', 'ClientPresence:ann', '0', '-1',
				'WITHSCORES')[1]);

		it.say(presence(true));
		await become({ users: ['ann'], present: { ann: 1 } });
		const first = score();

		await until(() => score() > first, { ms: 45000, what: 'it is' });
		assert.ok(score() - first >= 15 && score() - first <= 42,
			`${score() - first} s`);
		it.close();
		await become({});
	});

test('I19: what a killed hub said is gone when it is back, and the other\'s ' +
	'stays', { skip }, async () => {
	const [one, two] = await pair('ann', '/p');
	const both = { users: ['ann'], pages: { '/p': '2' },
		present: { ann: 2 } };

	for (const it of [one, two])
		it.say(presence(true));
	await become(both);
	await sys.kill('hub.1');
	await become({ users: ['ann'], pages: { '/p': '1' },
		present: { ann: 1 } });
	const [again, other] = await pair('ann', '/p');

	other.close();
	again.say(presence(true));
	await become(both);
	await sys.kill('hub.2');
	await become({ users: ['ann'], pages: { '/p': '1' },
		present: { ann: 1 } });
	close(one, two, again);
	await become({});
});

test('I19: what changed while no bridge was there is told to the next',
	{ skip }, async () => {
		const [one, two] = await pair('ann', '/p');

		await become({ users: ['ann'], pages: { '/p': '2' } });
		const failed = () => sys.sum('incus_sets_failed_total');

		sys.signal('bridge.1', 'SIGSTOP');
		one.close();
		two.say(setpage('/q'));
		two.say(presence(true));
		const bob = await socket(sys.port, { user: 'bob' });
		const gone = await socket(sys.port, { user: 'gone' });

		gone.close();
		// Of one hub ann and a page, of the other two pages and ann, and bob.
		await until(async () => await sys.sum('incus_sets_waiting') >= 6,
			{ ms: MS, what: 'the hubs know that it is to be told' });
		const before = await failed();

		await until(async () => await failed() > before,
			{ ms: MS, what: 'an ask in vain' });
		assert.deepEqual(keys(),
			{ users: ['ann'], pages: { '/p': '2' }, present: {} });
		await sys.kill('bridge.1');
		await become({ users: ['ann', 'bob'], pages: { '/q': '1' },
			present: { ann: 1 } });
		await until(async () => await sys.sum('incus_sets_waiting') === 0,
			{ what: 'nothing waits' });
		close(two, bob);
		await become({});
	});

test('I19: the keys are right again after the store was killed', { skip },
	async () => {
		const [one, two] = await pair('ann', '/p');

		two.say(presence(true));
		await become({ users: ['ann'], pages: { '/p': '2' },
			present: { ann: 1 } });
		const killed = sys.kill('store.1');

		one.close();
		two.say(setpage('/q'));
		await killed;
		await become({ users: ['ann'], pages: { '/q': '1' },
			present: { ann: 1 } });
		two.close();
		await become({});
	});

// Another Redis at the same place.
async function redisAgain(args = []) {
	const { port, dir } = db;

	await db.stop('SIGKILL');
	db = await redis({ port, dir, args });
}

test('I19: a Redis that comes back with nothing, or with what was so once, ' +
	'is told all', { skip }, async () => {
	const [one, two] = await pair('ann', '/p');
	const older = await socket(sys.port, { user: 'older', page: '/old' });

	two.say(presence(true));
	await become({ users: ['ann', 'older'], pages: { '/old': '1', '/p': '2' },
		present: { ann: 1 } });
	await db.do('SAVE'); // what it comes back with the second time
	await redisAgain(['--dbfilename', 'none.rdb']);
	await become({ users: ['ann', 'older'], pages: { '/old': '1', '/p': '2' },
		present: { ann: 1 } });
	older.close();
	two.say(setpage('/q'));
	await become({ users: ['ann'], pages: { '/p': '1', '/q': '1' },
		present: { ann: 1 } });
	sys.signal('bridge.1', 'SIGSTOP'); // or it is told before we look
	await redisAgain();
	assert.ok(keys().users.includes('older'), 'an older copy');
	sys.signal('bridge.1', 'SIGCONT');
	await become({ users: ['ann'], pages: { '/p': '1', '/q': '1' },
		present: { ann: 1 } });
	close(one, two);
	await become({});
});

test('I19: a hub that leaves takes with it what it said; of one that was ' +
	'killed and never returns the others do', { skip }, async () => {
	for (const signal of ['SIGTERM', 'SIGKILL']) {
		const third = await sys.more('hub', 'hub.3', { ready: true });
		const all = [];
		let it;

		await until(async () => {
			it = await socket(sys.port, { user: 'third', page: '/3' });
			all.push(it);
			return sys.holder(it.socket.localPort) === undefined;
		}, { what: 'it has a socket' });
		it.say(presence(true));
		close(...all.slice(0, -1));
		await become({ users: ['third'], pages: { '/3': '1' },
			present: { third: 1 } });
		third.kill(signal);
		await third.ended();
		if (signal === 'SIGTERM') {
			assert.deepEqual(keys(),
				{ users: [], pages: {}, present: {} });
			continue;
		}
		const [life] = cli('KEYS', 'posthorn:incus:life:hub.3@*');

		assert.equal(keys().users.length, 1);
		cli('PEXPIRE', life, '1'); // a minute has passed
		await become({});
	}
	assert.deepEqual(cli('SMEMBERS', 'posthorn:incus:hubs')
		.map((name) => name.split('@')[0]).sort(), ['hub.1', 'hub.2']);
});

test('without the setting Redis is told nothing', { skip }, async () => {
	const quiet = await system({ stages: ['store', 'ingress', 'hub', 'bridge'],
		env: { POSTHORN_REDIS: `127.0.0.1:${db.port}` } });

	await become({});
	const it = await socket(quiet.port, { user: 'quiet', page: '/p' });

	it.say(presence(true));
	await it.read();
	const end = once(it.socket, 'close');

	it.say('[]');
	await it.bye();
	it.close();
	await end;
	await until(async () => await quiet.sum('incus_sockets_closed_total') === 1,
		{ what: 'the hub tells that it has left' });
	for (const name of ['begun_total', 'told_total', 'waiting'])
		assert.equal(await quiet.sum(`incus_sets_${name}`), 0, name);
	await quiet.stop();
	assert.deepEqual(keys(), { users: [], pages: {}, present: {} });
});
