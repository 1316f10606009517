// incus_bridge.test.js - what applications tell Incus through Redis.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN, ALL, CONTROL, Jobs, PAGE, USER, item, key, listen, message,
	publishes } from './lib/incus.js';
import { Person } from './lib/person.js';
import { start, bin, until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'bridge');
const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const PRESENCE = '/incus/presence/users';
let db, sys, show, jobs;

const settings = (env = {}) => ({ POSTHORN_ADMIN_KEY: ADMIN,
	POSTHORN_REDIS: `127.0.0.1:${db.port}`, POSTHORN_BRIDGE_LEASE: '1s',
	POSTHORN_INCUS_APNS: 'true', POSTHORN_INCUS_GCM: 'true',
	POSTHORN_STORE_LINGER: '1s', ...env });

before(async () => {
	if (skip)
		return;
	db = await redis();
	sys = await system({ stages: ['store', 'hub', 'ingress', 'bridge'],
		formation: 'hub=2', env: settings() });
	show = await key(sys);
	jobs = await Jobs.start(sys);
	await bridged(db, 'Incus');
});
after(async () => {
	await jobs?.stop();
	await sys?.stop();
	await db?.stop();
});

const push = (...items) => db.do('RPUSH', 'Incus_Queue', ...items);
const settled = () => until(async () => await db.do('LLEN', 'Incus_Queue') +
	(await db.do('KEYS', 'posthorn:bridge:processing:*')).length +
	(await db.do('KEYS', 'posthorn:bridge:stage:*')).length === 0,
{ what: 'Redis holds nothing of the list' });
const dead = async () => (await db.do('LRANGE', 'Incus_Queue:dead', 0, -1))
	.map((text) => JSON.parse(text.split('\n')[0]).reason);

test('I17: messages of list and channel reach all, users and pages',
	{ skip }, async () => {
		const all = await listen(sys, show, ALL);
		const ann = await listen(sys, show, `${USER}ann`);
		const page = await listen(sys, show, `${PAGE}a%2Fb`);
		const tap = await publishes(sys);

		await push(message('e1', { n: 1 }), message('e2', { n: 2 },
			{ user: 'ann' }), message('e3', { n: 3 }, { page: 'a/b' }),
			message('e4', { n: 4 }, { user: 'ann', page: 'a/b' }),
			message('nobody', {}, { user: '' }),
			message('nobody', {}, { user: null, page: 'a/b' }),
			message('nobody', {}, { page: '' }));
		await ann.got(2);
		await db.do('PUBLISH', 'Incus', message('e5', { n: 5 }));
		await all.got(2);
		await page.got(1);
		assert.deepEqual(all.data, [{ event: 'e1', data: { n: 1 } },
			{ event: 'e5', data: { n: 5 } }]);
		assert.deepEqual(ann.data.map(({ event }) => event), ['e2', 'e4']);
		assert.deepEqual(page.data, [{ event: 'e3', data: { n: 3 } }]);
		await tap.got(5);
		assert.deepEqual(tap.frames.map(({ filter }) => filter),
			['', '', '', 'a%2Fb', '']);
		await settled();
		for (const one of [all, ann, page])
			one.close();
		await tap.stop();
	});

test('I17: two bridges share a list, each item reaches both hubs once',
	{ skip }, async () => {
		const clients = await Promise.all(numbers(8).map(() =>
			listen(sys, show, ALL)));
		const hubs = new Set(sys.holders(clients.map(({ port }) => port)));

		const two = await sys.more('bridge', 'bridge.2');

		assert.equal(hubs.size, 2, 'both have clients');
		await push(...numbers(1000).map((n) => message('n', { n })));
		for (const client of clients) {
			await client.got(1000);
			assert.deepEqual(client.data.map(({ data }) => data.n)
				.sort((a, b) => a - b), numbers(1000));
			client.close();
		}
		await settled();
		await two.stop();
		await bridged(db, 'Incus'); // it may have been he who listened
	});

test('I17: 1000 items of a list arrive in order, an idle list is quick',
	{ skip }, async () => {
		const tap = await publishes(sys, `${PAGE}order`);
		const say = (n) => message('n', { n }, { page: 'order' });

		await push(...numbers(1000).map(say));
		await tap.got(1000);
		assert.deepEqual(tap.frames.map(({ body }) => body), numbers(1000)
			.map((n) => `{"event":"n","data":{"n":${n}}}`));
		const late = [];

		for (let n = 1000; n < 1020; n++) {
			const since = Date.now();

			await push(say(n));
			await tap.got(n + 1);
			late.push(Date.now() - since);
		}
		late.sort((a, b) => a - b);
		assert.ok(late[10] <= 150, `ms: ${late}`);
		await tap.stop();
	});

test('I18: garbage is counted and put aside, and the next item comes',
	{ skip }, async () => {
		const all = await listen(sys, show, ALL);
		const before = await sys.sum('redis_bad_items_total');
		const bad = ['', '{', '[]', '7', '{"command":7}',
			'{"command":{"command":"message","user":7},"message":{}}',
			item({ command: 'message' }, { event: 7, data: {} }),
			item({ command: 'message' }, { event: 'e', data: [] }),
			item({ command: 'message' }), item({ command: 'message' }, 'x'),
			item({ command: 'pushios' }, { event: 'e', data: {} }),
			item({ command: 'pushandroid' }, { event: 'e', data: {} }),
			item({ command: 'pushormessage', user: 'x' }, { websocket: 7 })];

		await db.do('DEL', 'Incus_Queue:dead');
		await push(...bad, message('good', { n: 1 }));
		for (const one of bad)
			await db.do('PUBLISH', 'Incus', one);
		await db.do('PUBLISH', 'Incus', message('good', { n: 2 }));
		await all.got(2);
		await settled();
		assert.deepEqual((await dead()).sort(), ['bad_field', 'bad_field',
			'bad_field', 'bad_field', 'bad_field', 'bad_field', 'bad_field',
			'bad_json', 'bad_json', 'bad_json', 'bad_json',
			'missing_field', 'missing_field']);
		await until(async () => await sys.sum('redis_bad_items_total') ===
			before + 2 * bad.length, { what: 'each is counted' });
		all.close();
	});

test('I18: what says nothing is ignored, and not put aside', { skip },
	async () => {
		const before = await sys.sum('incus_ignored_total');
		const tap = await publishes(sys);
		const none = ['{}', 'null', '{"command":{}}', '{"message":{}}',
			item({ command: 'authenticate', user: 'x' }),
			item({ command: 'setpresence' }, { presence: true }),
			item({ command: 'unheard-of' }, {}),
			item({ command: 'setpage', user: 'x' }),
			item({ command: 'push', push_type: 'windows' }, {})];

		await db.do('DEL', 'Incus_Queue:dead');
		await push(...none, message('last', {}));
		await tap.got(1);
		await settled();
		assert.equal(tap.frames.length, 1);
		assert.deepEqual(await dead(), []);
		await until(async () => await sys.sum('incus_ignored_total') ===
			before + none.length, { what: 'each is counted' });
		await tap.stop();
	});

test('I18: Redis kills connections, and clients notice nothing', { skip },
	async () => {
		const all = await listen(sys, show, ALL);

		await db.do('CLIENT', 'KILL', 'TYPE', 'pubsub');
		await db.do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
		await push(message('n', { n: 1 }));
		await all.got(1);
		await bridged(db, 'Incus');
		await db.do('PUBLISH', 'Incus', message('n', { n: 2 }));
		await all.got(2);
		assert.equal(all.opened, 1);
		all.close();
	});

test('I20: setpage with user and page is told to every hub', { skip },
	async () => {
		const tap = await publishes(sys, CONTROL);

		await push(item({ command: 'setpage', user: 'a/b', page: 'c"d' }));
		await db.do('PUBLISH', 'Incus', item({ command: 'SetPage',
			user: 'e', page: 'f' }, { time: 1 }));
		await tap.got(2);
		assert.deepEqual(tap.frames.map(({ body }) => JSON.parse(body))
			.sort((a, b) => (a.setpage.user < b.setpage.user ? -1 : 1)),
		[{ setpage: { user: 'a/b', page: 'c"d' } },
			{ setpage: { user: 'e', page: 'f' } }]);
		await tap.stop();
	});

const M = { event: 'e', data: { badge_count: 1e2, message_text: 'hé' } };
const job = ({ body, queue, app, target, type, collapse }) => {
	const { received, ...rest } = JSON.parse(body);

	assert.ok(Math.abs(received - Date.now() / 1000) < 60, `${received}`);
	assert.deepEqual([app, type, collapse], ['incus', '', '']);
	return { queue, target, ...rest };
};
const ios = (device_token, m = M) => ({ queue: 'apns', target: device_token,
	push_type: 'ios', device_token, build: 'store', sound: 'bingbong.aiff',
	message: m });
const android = (ids, m = M) => ({ queue: 'gcm', target: ids,
	push_type: 'android', registration_ids: ids,
	error_queue: 'Incus_Android_Error_Queue', message: m });

test('I25: pushes in letters of any case become jobs, each field as said',
	{ skip }, async () => {
		jobs.anew();
		const of = (command, push_type, more) => item({ command, push_type,
			...more }, { ...M, time: 5 });

		await push(of('push', 'ios', { device_token: 'T1', build: 'store' }));
		await jobs.got(1);
		await push(of('PUSH', 'iOS', { device_token: 'T2', build: 'store' }));
		await jobs.got(2);
		await push(of('pushIOS', undefined,
			{ device_token: 'T3', build: 'store' }));
		await jobs.got(3);
		await push(of('push', 'Android', { registration_ids: 'a, b' }));
		await jobs.got(4);
		await db.do('PUBLISH', 'Incus', of('pushandroid', 'ios',
			{ registration_ids: 'c' }));
		await jobs.got(5);
		assert.deepEqual(jobs.all.map(job), [ios('T1'), ios('T2'), ios('T3'),
			android('a, b'), android('c')]);
		assert.match(jobs.all[0].body, /"badge_count":100,/);
	});

test('I25: the sound and the error queue of jobs are settings', { skip },
	async () => {
		jobs.anew();
		const body = async (sound, queue) => {
			const other = await start(bin('bridge'), ['--name', 'other'],
				{ cwd: sys.dir, env: { ...sys.env,
					POSTHORN_INCUS_SOUND: sound,
					POSTHORN_INCUS_ERROR_QUEUE: queue,
					POSTHORN_BRIDGE_PREFIX: `${queue}:`,
					POSTHORN_BRIDGE_CHANNELS: '',
					POSTHORN_BRIDGE_LISTS: 'Other=incus' } });

			jobs.anew();
			await db.do('RPUSH', 'Other', either('gone',
				{ ios: M, android: M }));
			await jobs.got(2);
			await other.stop();
			return jobs.all.map(job);
		};

		assert.deepEqual(await body('grüß "dich".caf', 'Failed'),
			[{ ...ios('T'), sound: 'grüß "dich".caf' },
				{ ...android('r1,r2'), error_queue: 'Failed' }]);
		for (const one of await body('', ''))
			for (const name of ['sound', 'error_queue'])
				assert.ok(!(name in one), name);
	});

test('a thousand long registration ids are several jobs, none left out',
	{ skip }, async () => {
		jobs.anew();
		const ids = numbers(1000).map((n) => `${n}:`.padEnd(163, 'x"é'));

		await push(item({ command: 'pushandroid',
			registration_ids: ids.join(',') }, M));
		const named = () => jobs.all.flatMap(({ body }) =>
			JSON.parse(body).registration_ids.split(','));

		await jobs.until(() => named().length >= ids.length,
			'each id is in a job');
		await settled();
		assert.deepEqual(named(), ids);
		const { length } = jobs.all;

		assert.ok(length > 2 && length < 8, `${length}`);
		for (const { body, target } of jobs.all) {
			assert.ok(Buffer.byteLength(body) <= 65536);
			assert.match(target, /^~[\w-]{43}$/);
		}
	});

const either = (user, message, more = {}) => item({
	command: 'pushormessage', user, device_token: 'T', build: 'store',
	registration_ids: 'r1,r2', ...more }, message);
const FLAT = { badge_count: 1, message_text: 'x' };
const W = { event: 'w', data: { n: 1 } };

test('I21: who is absent gets pushes, of all three shapes', { skip },
	async () => {
		jobs.anew();
		const told = await publishes(sys);

		await push(either('gone', { push: { ios: M, android: M },
			websocket: W, time: 1 }));
		await jobs.got(2);
		await push(either('gone', { push: { ios: FLAT, android:
			{ ...FLAT, time: 7, event: 'own' } }, websocket: FLAT }));
		await jobs.got(4);
		await push(either('gone', { ios: M, android: M, websocket: W }));
		await jobs.got(6);
		/* only what has somewhere to go, and nothing at all */
		await push(either('gone', { push: { ios: M, android: M } },
			{ device_token: undefined }));
		await jobs.got(7);
		await push(either('gone', {}), either('gone', { websocket: W }));
		await push(either(undefined, { ios: M }));
		await jobs.got(8);
		await settled();
		assert.deepEqual(jobs.all.map(job), [ios('T'),
			ios('T', { event: '', data: FLAT }), ios('T'), ios('T'),
			android('r1,r2'),
			android('r1,r2', { event: 'own', data: FLAT }),
			android('r1,r2'), android('r1,r2')]);
		assert.deepEqual(told.frames, []);
		await told.stop();
	});

// Somebody with a session on the presence channel, as hubs make it.
async function present(id) {
	const person = new Person(sys, id, { channel: PRESENCE, back: false });

	person.token = show({ presence: { id } });
	await until(() => person.presence !== undefined,
		{ what: `${id} is present` });
	return person;
}

test('I21: who is present gets the message, however long ago he came',
	{ skip }, async () => {
		jobs.anew();
		const ann = await listen(sys, show, `${USER}a%2Fn`);
		const told = await publishes(sys, `${USER}a%2Fn`);
		const there = await present('a%2Fn');
		const say = (n) => message('n', { n }, { user: 'a/n' });

		await push(either('a/n', { push: { ios: M }, websocket: W },
			{ page: 'p' }), either('a/n', { ios: M, websocket: FLAT }),
		either('a/n', { ios: M }));
		await ann.got(2);
		assert.deepEqual(ann.data, [W, { event: '', data: FLAT }]);
		await told.got(2);
		assert.deepEqual(told.frames.map(({ filter }) => filter), ['p', '']);
		await settled();
		assert.deepEqual(jobs.all, []);

		/* in its order among what needs no answer, on the channel as well */
		for (let n = 0; n < 40; n += 2) {
			await db.do('PUBLISH', 'Incus', say(n));
			await db.do('PUBLISH', 'Incus', either('a/n',
				{ websocket: { event: 'n', data: { n: n + 1 } } }));
		}
		await ann.got(42);
		assert.deepEqual(ann.data.slice(2).map(({ data }) => data.n),
			numbers(40));

		there.drop();
		let asked = 0;

		await until(async () => {
			await push(either('a/n', { ios: M, websocket: W }));
			asked++;
			await settled();
			return jobs.all.length > 0;
		}, { ms: 20000, what: 'he is gone' });
		/* each became one or the other: none is left to the next test */
		await jobs.until(() => jobs.all.length + ann.data.length - 42 >=
			asked, `one for each of ${asked}`);
		ann.close();
		await told.stop();
	});

test('items of a bridge that is killed become jobs once', { skip },
	async () => {
		jobs.anew();
		const N = 400;

		for (let i = 0; i < N; i += 100) {
			await push(...numbers(100).map((n) => either('gone',
				{ ios: M, android: M, websocket: W },
				{ device_token: `T${i + n}`,
					registration_ids: `R${i + n},x` })));
			await until(() => sys.names().includes('bridge.1'),
				{ ms: 20000, what: 'it was started again' });
			/* a moment that differs: some replies of Redis later */
			for (let k = Math.floor(Math.random() * 40); k > 0; k--)
				await db.do('PING');
			await sys.kill('bridge.1');
		}
		await jobs.got(2 * N);
		await settled();
		assert.deepEqual(jobs.all.map(({ target }) => target).sort(),
			numbers(N).flatMap((n) => [`T${n}`, `R${n},x`]).sort());
	});

test('I12: the kill switch is told within six seconds, and its end', { skip },
	async () => {
		const tap = await publishes(sys, CONTROL);
		const said = (text, after = 0) => until(() => tap.frames.slice(after)
			.some(({ body }) => body === text), { ms: 6500, what: text });

		await db.do('SET', 'longpoll_killswitch', 'any');
		await said('{"longpoll":false}');
		const n = tap.frames.length;

		await db.do('EXPIRE', 'longpoll_killswitch', 1000);
		await said('{"longpoll":false}', n);
		await db.do('DEL', 'longpoll_killswitch');
		await said('{"longpoll":true}');
		await tap.stop();
	});

test('I25: a kind that is switched off makes no job, is counted and logged',
	{ skip }, async () => {
		jobs.anew();
		const off = await start(bin('bridge'), ['--name', 'off'],
			{ cwd: sys.dir, env: { ...sys.env, POSTHORN_INCUS_APNS: 'false',
				POSTHORN_BRIDGE_PREFIX: 'off:', POSTHORN_BRIDGE_CHANNELS: '',
				POSTHORN_BRIDGE_LISTS: 'Off=incus' } });
		const to = { device_token: 'T', build: 'store' };

		await db.do('RPUSH', 'Off', item({ command: 'push', push_type: 'ios',
			...to }, M), item({ command: 'pushios', ...to }, M),
		either('gone', { ios: M, android: M }));
		await jobs.got(1);
		await off.said(/event=push_off kind=ios/);
		assert.deepEqual(jobs.all.map(job), [android('r1,r2')]);
		await until(async () => await sys.sum('incus_pushes_ios_off_total',
			'instance="off"') === 3, { what: 'they are counted' });
		assert.equal(await db.do('LLEN', 'Off:dead'), 0);
		await off.stop();
	});

test('I18: Redis starts anew, clients stay, delivery is back in two seconds',
	{ skip }, async () => {
		const all = await listen(sys, show, ALL);
		const { port, dir, args } = db;

		await db.stop('SIGKILL');
		await until(async () => await sys.sum('redis_connected') === 0,
			{ what: 'it is missed' });
		const left = Date.now();

		/* long enough for waits between attempts to be at their longest */
		await until(() => Date.now() - left >= 7000, { ms: 14000 });
		db = await redis({ port, dir, args });
		const since = Date.now();

		await push(message('n', { n: 1 }));
		await all.got(1);
		await bridged(db, 'Incus');
		assert.ok(Date.now() - since < 2000, `${Date.now() - since} ms`);
		await db.do('PUBLISH', 'Incus', message('n', { n: 2 }));
		await all.got(2);
		assert.equal(all.opened, 1);
		all.close();
	});
