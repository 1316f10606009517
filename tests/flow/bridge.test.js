// bridge.test.js - Redis to the stores: list items exactly once through every
// death, pub/sub by one bridge at a time.
import assert from 'node:assert/strict';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { Bus } from './lib/bus.js';
import { filter } from './lib/msgpack.js';
import { freePort, until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';

const C = '/demo/public/bridge';
const item = (data, more = {}) => JSON.stringify({ channel: C, data, ...more });
const numbers = (n) => Array.from({ length: n }, (_, i) => i);
let bus, store, db;

before(async () => {
	bus = new Bus();
	[store, db] = await Promise.all([bus.start('store'), redis()]);
});
after(async () => {
	await Promise.all([store.stop(), db.stop()]);
});

// A bridge of its own keys, list and channel, so that tests do not meet.
const settings = (topic, env = {}) => ({
	POSTHORN_REDIS: `127.0.0.1:${db.port}`,
	POSTHORN_BRIDGE_PREFIX: `${topic}:`,
	POSTHORN_BRIDGE_LISTS: `${topic}_queue`,
	POSTHORN_BRIDGE_CHANNELS: topic,
	POSTHORN_BRIDGE_LEASE: '1s',
	...env,
});
const bridge = (topic, { name = 'bridge.1', env } = {}) =>
	bus.start('bridge', ['--name', name], { env: settings(topic, env) });
const left = async (topic) => {
	const keys = await db.do('KEYS', `${topic}:processing:*`);
	const counts = await Promise.all(keys.map((k) => db.do('HLEN', k)));
	const stages = await db.do('KEYS', `${topic}:stage:*`);

	return counts.reduce((a, b) => a + b, 0) + stages.length +
	    await db.do('LLEN', `${topic}_queue`);
};
const settled = (topic) => until(async () => await left(topic) === 0,
	{ ms: 20000, what: 'Redis holds nothing of the list' });
const each = (tap) => tap.bodies().map(Number).sort((a, b) => a - b);

test('list items and messages arrive, equal ones too', async () => {
	const tap = await bus.tap(C);
	const it = await bridge('plain');

	await db.do('RPUSH', 'plain_queue', item(1), item(1), item(2, { id: 'x' }),
		item(3, { id: 'x' }));
	await tap.got(3);
	await bridged(db, 'plain');
	await db.do('PUBLISH', 'plain', item(4));
	await tap.got(4);
	assert.deepEqual(tap.bodies(), ['1', '1', '2', '4']);
	assert.equal(tap.frames[2].id, 'x');
	await settled('plain');
	assert.deepEqual(await it.stop(), { code: 0, signal: null });
	assert.deepEqual(await db.do('KEYS', 'plain:lease:*'), [],
		'leases are given back');
	await tap.stop();
});

test('what is not an item is put aside with its reason', async () => {
	const it = await bridge('bad', { env: { POSTHORN_BRIDGE_DEAD_MAX: '3',
		POSTHORN_BRIDGE_ITEM_MAX: '1k' } });
	const dead = async () => (await db.do('LRANGE', 'bad_queue:dead', 0, -1))
		.map((text) => {
			const at = text.indexOf('\n');

			return { ...JSON.parse(text.slice(0, at)),
				item: text.slice(at + 1) };
		});
	const bad = JSON.stringify({ channel: 'nowhere', data: 1 });
	const big = item('x'.repeat(2000));

	await db.do('RPUSH', 'bad_queue', 'there is room for three', 'no json',
		bad, '{}');
	await until(async () => (await dead()).length === 3 &&
	    await left('bad') === 0);
	assert.deepEqual((await dead()).map((d) => [d.reason, d.item, d.size]), [
		['missing_field', '{}', 2], ['bad_channel', bad, bad.length],
		['bad_json', 'no json', 7]]);
	await db.do('RPUSH', 'bad_queue', big);
	await until(async () => (await dead())[0].reason === 'too_large');
	assert.equal((await dead())[0].item, big);
	assert.equal((await dead()).length, 3);
	assert.ok(!it.out.includes('no json'), 'items are not logged');
	await it.stop();
});

test('killed at random moments, each item arrives once', async () => {
	const tap = await bus.tap(C);
	const N = 4000;
	let pushed = 0, kills = 0, it = await bridge('killed');

	while (pushed < N || kills < 20) {
		const some = Math.min(N - pushed, 200);

		if (some > 0)
			await db.do('RPUSH', 'killed_queue', ...numbers(some)
				.map((i) => item(pushed + i)));
		pushed += some;
		/* a moment that differs: some replies of Redis later */
		for (let i = Math.floor(Math.random() * 12); i > 0; i--)
			await db.do('PING');
		if (kills++ < 20) {
			await it.stop('SIGKILL');
			it = await bridge('killed');
		}
	}
	await settled('killed');
	await tap.got(N);
	assert.deepEqual(each(tap), numbers(N));
	await Promise.all([it.stop(), tap.stop()]);
});

test('what a dead bridge had in hand is adopted', async () => {
	const tap = await bus.tap(C);
	const one = await bridge('adopt');
	const hash = (n) => async () => (await Promise.all(
		(await db.do('KEYS', 'adopt:processing:*')).map((k) =>
			db.do('HLEN', k)))).some((count) => count === n);

	await until(async () => (await db.do('KEYS', 'adopt:lease:bridge.1*')).length);
	await one.said(/event=link_up/);
	store.kill('SIGSTOP'); // so that nothing is answered
	await db.do('RPUSH', 'adopt_queue', ...numbers(100).map((i) => item(i)));
	await until(hash(100), { what: 'all are in hand' });
	await one.stop('SIGKILL');
	store.kill('SIGCONT');
	const two = await bridge('adopt', { name: 'bridge.2' });

	await settled('adopt');
	await tap.got(100);
	assert.deepEqual(each(tap), numbers(100));
	await two.said(/event=adopted items=100/);
	await Promise.all([two.stop(), tap.stop()]);
});

test('two bridges share a list, and one may be stopped and go on', async () => {
	const tap = await bus.tap(C);
	const N = 3000;
	const [one, two] = await Promise.all([bridge('share'),
		bridge('share', { name: 'bridge.2' })]);
	const push = (from, n) => db.do('RPUSH', 'share_queue',
		...numbers(n).map((i) => item(from + i)));

	await push(0, 1000);
	one.kill('SIGSTOP');
	await push(1000, 1000);
	await until(async () =>
		(await db.do('KEYS', 'share:lease:bridge.1*')).length === 0,
	{ what: 'its lease expires' });
	one.kill('SIGCONT');
	await push(2000, 1000);
	await settled('share');
	await tap.got(N);
	assert.deepEqual(each(tap), numbers(N));
	assert.equal(one.exit, null);
	await Promise.all([one.stop(), two.stop(), tap.stop()]);
});

test('one bridge listens, another takes over', async () => {
	const tap = await bus.tap(C);
	const one = await bridge('over');

	await bridged(db, 'over');
	const two = await bridge('over', { name: 'bridge.2' });

	await db.do('PUBLISH', 'over', item('a'));
	await tap.got(1);
	one.kill('SIGSTOP');
	await bridged(db, 'over', 2);
	await db.do('PUBLISH', 'over', item('b')); // to both sockets
	await tap.got(2);
	one.kill('SIGCONT');
	await bridged(db, 'over', 1);
	await db.do('PUBLISH', 'over', item('c'));
	await tap.got(3);
	assert.deepEqual(tap.bodies(), ['"a"', '"b"', '"c"']);
	await two.stop('SIGKILL');
	await one.said(/key=over:lease:pubsub held=1[^]*key=over:lease:pubsub held=1/);
	await bridged(db, 'over', 1);
	await db.do('PUBLISH', 'over', item('d'));
	await tap.got(4);
	await Promise.all([one.stop(), tap.stop()]);
});

test('patterns are subscribed to as well', async () => {
	const tap = await bus.tap(C);
	const it = await bridge('pattern', { env: {
		POSTHORN_BRIDGE_CHANNELS: 'pattern',
		POSTHORN_BRIDGE_PATTERNS: 'pattern.*=native' } });

	await bridged(db, 'pattern');
	await until(async () => await db.do('PUBLISH', 'pattern.x', item(1)) === 1);
	await tap.got(1);
	assert.deepEqual(tap.bodies(), ['1']);
	await Promise.all([it.stop(), tap.stop()]);
});

test('without Redis it says so once, and waits', async () => {
	const port = await freePort();
	const env = { POSTHORN_REDIS: `redis://teller@127.0.0.1:${port}/3`,
		POSTHORN_REDIS_PASSWORD: 'tell me' };
	const it = await bridge('later', { env });
	const tap = await bus.tap(C);

	await it.said(/event=redis_down/);
	const other = await redis({ port, args: ['--user', 'teller', 'on',
		'>tell me', '~*', '&*', '+@all'] });

	await other.do('SELECT', 3);
	await other.do('RPUSH', 'later_queue', item(1));
	await tap.got(1);
	assert.equal([...it.out.matchAll(/event=redis_down/g)].length, 1, it.out);
	assert.ok(!it.out.includes('tell me'));

	/* and the same when it goes away and comes back */
	await other.stop('SIGKILL');
	await it.said(/redis_down[^]*redis_down/);
	const again = await redis({ port, args: ['--user', 'teller', 'on',
		'>tell me', '~*', '&*', '+@all'] });

	await again.do('SELECT', 3);
	await again.do('RPUSH', 'later_queue', item(2));
	await tap.got(2);
	assert.deepEqual(tap.bodies(), ['1', '2']);
	assert.equal(it.exit, null);
	await Promise.all([it.stop(), again.stop(), tap.stop()]);
});

test('a wrong password is told and tried again', async () => {
	const other = await redis({ args: ['--requirepass', 'right'] });
	const it = await bridge('wrong', { env: {
		POSTHORN_REDIS: `127.0.0.1:${other.port}`,
		POSTHORN_REDIS_PASSWORD: 'left' } });

	await it.said(/event=redis_down .*WRONGPASS/);
	assert.ok(!it.out.includes('left'));
	await it.stop();
	await other.stop();
});

test('a store that stops stops the taking, and loses nothing', async () => {
	const tap = await bus.tap(C);
	const it = await bridge('slow');

	await until(async () => (await db.do('KEYS', 'slow:lease:bridge.1*')).length);
	await it.said(/event=link_up/);
	store.kill('SIGSTOP');
	const big = 'x'.repeat(1000);

	for (let i = 0; i < 20; i++)
		await db.do('RPUSH', 'slow_queue', ...numbers(500)
			.map((k) => item(i * 500 + k, { big })));
	await until(async () => (await Promise.all(
		(await db.do('KEYS', 'slow:processing:*')).map((k) =>
			db.do('HLEN', k)))).some((n) => n >= 1024));
	assert.ok(await db.do('LLEN', 'slow_queue') > 8000);
	store.kill('SIGCONT');
	await settled('slow');
	await tap.got(10000);
	assert.deepEqual(each(tap), numbers(10000));
	await Promise.all([it.stop(), tap.stop()]);
});

test('a bridge is a filter, too', async () => {
	const tap = await bus.tap(C);
	const it = await bus.start('bridge', ['--bus', '-'],
		{ piped: true, env: settings('filter') });
	const send = await bus.start('send', ['-m'], { piped: true });

	it.child.stdout.pipe(send.child.stdin);
	await db.do('RPUSH', 'filter_queue', ...numbers(10).map((i) => item(i)));
	await tap.got(10);
	assert.deepEqual(each(tap), numbers(10));
	await settled('filter');
	assert.deepEqual(await it.stop(), { code: 0, signal: null });
	assert.deepEqual(await send.ended(), { code: 0, signal: null });
	await tap.stop();
});

test('bridge --bus - | filter | send -m', async () => {
	const tap = await bus.tap(C);
	const it = await bus.start('bridge', ['--bus', '-'],
		{ piped: true, env: settings('sieve') });
	const send = await bus.start('send', ['-m'], { piped: true });
	const piping = pipeline(it.child.stdout, filter((frame) => {
		const body = frame.find((field) => Buffer.isBuffer(field) &&
			/^\d+$/.test(field));

		return body && Number(body) % 2 === 0 ? frame : null;
	}), send.child.stdin);

	await db.do('RPUSH', 'sieve_queue', ...numbers(10).map((i) => item(i)));
	await tap.got(5);
	await settled('sieve');
	assert.deepEqual(each(tap), [0, 2, 4, 6, 8]);
	assert.deepEqual(await it.stop(), { code: 0, signal: null });
	await piping;
	assert.deepEqual(await send.ended(), { code: 0, signal: null });
	await tap.stop();
});

// What empties a list frees memory, and a lease needs none that was not there.
test('a full Redis is emptied, and still listened to', async () => {
	const all = numbers(300);
	const tap = await bus.tap(C);
	const dead = await bridge('full');

	await bridged(db, 'full');
	dead.kill('SIGKILL');
	await dead.ended();
	await db.do('RPUSH', 'full_queue', 'no json', ...all.map((i) => item(i)));
	await db.do('CONFIG', 'SET', 'maxmemory', '1');
	const it = await bridge('full', { name: 'bridge.2' });

	try {
		await tap.got(300);
		await settled('full');
		assert.deepEqual(tap.bodies().map(Number), all);
		assert.equal(await db.do('LLEN', 'full_queue:dead'), 1);
		await bridged(db, 'full');
		// It asks for its leases three times a second, for lists once.
		await it.said(/event=redis_refused .*OOM/);
		await db.do('PUBLISH', 'full', item(300));
		await tap.got(301);
		const since = Date.now();

		await until(() => Date.now() - since > 3000,
			{ what: 'leases that are not renewed would end' });
		await db.do('PUBLISH', 'full', item(301));
		await tap.got(302);
		await db.do('CONFIG', 'SET', 'maxmemory', '0');
		await it.said(/event=redis_accepts /);
		await db.do('RPUSH', 'full_queue', item(302));
		await tap.got(303);
		assert.equal(it.out.match(/event=redis_refused/g).length, 1);
		assert.doesNotMatch(it.out, /event=lease_refused|held=0/);
	} finally {
		await db.do('CONFIG', 'SET', 'maxmemory', '0');
	}
	assert.deepEqual(await it.stop(), { code: 0, signal: null });
	await tap.stop();
});

// It writes nothing at all: nobody holds anything, until it does again.
test('leases lapse where Redis writes nothing, and come back', async () => {
	const tap = await bus.tap(C);
	const it = await bridge('mute');

	await bridged(db, 'mute');
	await db.do('CONFIG', 'SET', 'min-replicas-to-write', '1');
	try {
		await it.said(/event=lease_refused key=mute:lease:pubsub/);
		await bridged(db, 'mute', 0);
		assert.match(it.out, /level=warn .*event=lease key=mute:lease:pubsub held=0/);
	} finally {
		await db.do('CONFIG', 'SET', 'min-replicas-to-write', '0');
	}
	await bridged(db, 'mute');
	await db.do('PUBLISH', 'mute', item(1));
	await db.do('RPUSH', 'mute_queue', item(2));
	await tap.got(2);
	assert.equal(it.out.match(/event=lease_refused key=mute:lease:pubsub/g)
		.length, 1);
	assert.match(it.out, /event=lease_accepted key=mute:lease:pubsub/);
	assert.deepEqual(await it.stop(), { code: 0, signal: null });
	await tap.stop();
});

test('settings that are wrong end with 100', async () => {
	for (const env of [{ POSTHORN_BRIDGE_LISTS: 'a=b' },
		{ POSTHORN_REDIS: 'redis://me:secret@there' }]) {
		const it = await bus.start('bridge', [], { ready: false, env });

		assert.equal((await it.ended()).code, 100);
	}
});
