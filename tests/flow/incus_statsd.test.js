// incus_statsd.test.js - I26: a StatsD is told what happens, as Incus told it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { envelope, message, poll, presence, socket } from './lib/incus_client.js';
import { bin, start, until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { statsd } from './lib/statsd.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'bridge');
const M = { event: 'e', data: { message_text: 'x' } };
const ios = (command) => ({ command, push_type: 'ios', device_token: 'T',
	build: 'store' });
const android = (command) => ({ command, push_type: 'android',
	registration_ids: 'r' });
let db, sys, sink;

before(async () => {
	if (skip)
		return;
	db = await redis();
	sink = await statsd();
	sys = await system({ stages: ['store', 'ingress', 'hub', 'bridge'],
		formation: 'hub=2', env: { POSTHORN_STATSD: sink.address,
			POSTHORN_REDIS: `127.0.0.1:${db.port}`,
			POSTHORN_INCUS_APNS: 'true', POSTHORN_INCUS_GCM: 'true' } });
	await bridged(db, 'Incus');
});
after(async () => {
	await sys?.stop();
	sink?.close();
	await db?.stop();
});
const push = (...items) => db.do('RPUSH', 'Incus_Queue', ...items);

test('I26: clients that come, speak and leave are counted', { skip },
	async () => {
		await sink.counted({ 'incus.startup': 2 });
		await sink.shows('incus.client_count', 0);
		const all = await Promise.all([['ann', 'p'], ['ann', 'p'], ['bob']]
			.map(([user, page]) => socket(sys.port, { user, page })));
		const [one] = all;
		const waits = await poll(sys.port, { user: 'bob' });

		await sink.counted({ 'incus.websocket.connect': 3,
			'incus.longpoll.connect': 1, 'incus.read': 2,
			'incus.command': 2, 'incus.command.setpage': 2,
			'incus.command.websocket': 2,
			'incus.command.websocket.setpage': 2 });
		await sink.shows('incus.client_count', 4);
		await until(() => sink.gauges.get('incus.goroutines') >= 4,
			{ what: 'as many goroutines' });
		await sink.shows('incus.pendingactivityredislen', 0);
		assert.equal(sink.counters.has('incus.longpoll.disconnect'), false);
		assert.equal(sink.counters.has('incus.write'), false);

		one.say(message({ user: 'ann' }, 'user'));
		await Promise.all(all.slice(0, 2).map((it) => it.heard('user')));
		one.say(message({ page: 'p' }, 'page'));
		await Promise.all(all.slice(0, 2).map((it) => it.heard('page')));
		await sink.counted({ 'incus.message': 2, 'incus.message.user': 1,
			'incus.message.page': 1, 'incus.command.message': 2,
			'incus.command.websocket.message': 2, 'incus.write': 4 });
		one.say(message({}, 'all'));
		one.say(presence(true));
		one.say(envelope({ command: 'Strange' }));
		one.say(envelope({ command: 'a:1|c\nb' }));
		await Promise.all(all.map((it) => it.heard('all')));
		assert.equal((await waits.answered()).status, 200);
		await sink.counted({ 'incus.message': 3, 'incus.message.all': 1,
			'incus.longpoll.disconnect': 1, 'incus.write': 8,
			'incus.read': 8, 'incus.command': 8,
			'incus.command.setpresence': 1, 'incus.command.strange': 1,
			'incus.command.other': 1 });
		await sink.shows('incus.client_count', 3);
		assert.equal(sink.counters.has('incus.websocket.disconnect'), false);
		all.forEach((it) => it.close());
		waits.close();
		await sink.counted({ 'incus.websocket.disconnect': 3 });
		await sink.shows('incus.client_count', 0);
		assert.equal(sink.counters.has('incus.jsonerror'), false);
	});

test('I26: what comes by Redis is counted, and a refused poll', { skip },
	async () => {
		const was = (name) => sink.counters.get(name) ?? 0;
		const before = { message: was('incus.message'),
			disconnect: was('incus.longpoll.disconnect'),
			connect: was('incus.longpoll.connect') };

		await push(message({ user: 'ann' }, 'e'), message({ page: 'p' }, 'e'),
			message({}, 'e'), '{', envelope(ios('Push'), M),
			envelope(android('pushAndroid'), M));
		await db.do('PUBLISH', 'Incus', '[]');
		await sink.counted({ 'incus.message': before.message + 3,
			'incus.message.all': 2, 'incus.jsonerror': 2,
			'incus.command.redis': 5, 'incus.command.redis.message': 3,
			'incus.command.redis.push': 1, 'incus.command.push': 1,
			'incus.command.pushandroid': 1, 'incus.apns.push': 1,
			'incus.gcm.push': 1 });

		const off = await start(bin('bridge'), ['--name', 'off'],
			{ cwd: sys.dir, env: { ...sys.env, POSTHORN_INCUS_APNS: 'false',
				POSTHORN_INCUS_GCM: 'false',
				POSTHORN_BRIDGE_PREFIX: 'off:', POSTHORN_BRIDGE_CHANNELS: '',
				POSTHORN_BRIDGE_LISTS: 'Off=incus' } });

		assert.deepEqual([was('incus.apns.error'), was('incus.gcm.error')],
			[0, 0]);
		await db.do('RPUSH', 'Off', envelope(ios('push'), M),
			envelope(android('push'), M));
		await sink.counted({ 'incus.apns.error': 1, 'incus.gcm.error': 1,
			'incus.apns.push': 1, 'incus.gcm.push': 1 });
		await off.stop();

		await db.do('SET', 'longpoll_killswitch', 1);
		let polls = 0;

		await until(async () => {
			const it = await poll(sys.port, { user: '', page: '' },
				{ method: 'OPTIONS' });
			const { status } = await it.answered();

			polls++;
			it.close();
			return status === 503;
		}, { ms: 12000, what: 'a poll is refused' });
		await sink.counted({
			'incus.longpoll.disconnect': before.disconnect + polls });
		assert.equal(was('incus.longpoll.connect'), before.connect);
	});

// All of the list but incus.gcm.fail, which is a pusher's to say.
const NAMES = ['incus.startup', 'incus.command', 'incus.command.websocket',
	'incus.command.redis', 'incus.command.message',
	'incus.command.redis.message', 'incus.message', 'incus.message.user',
	'incus.message.page', 'incus.message.all', 'incus.read', 'incus.write',
	'incus.jsonerror', 'incus.websocket.connect',
	'incus.websocket.disconnect', 'incus.longpoll.connect',
	'incus.longpoll.disconnect', 'incus.apns.push', 'incus.apns.error',
	'incus.gcm.push', 'incus.gcm.error', 'incus.client_count',
	'incus.goroutines', 'incus.pendingactivityredislen'];

test('I26: every name that Incus had was told, and the same in metrics',
	{ skip }, async () => {
		assert.deepEqual(NAMES.filter((name) => !sink.names().includes(name)),
			[]);
		for (const [name, metric] of [['incus.read', 'incus_reads_total'],
			['incus.write', 'incus_writes_total'],
			['incus.jsonerror', 'incus_bad_items_total']])
			await until(async () => await sys.sum(metric) ===
				sink.counters.get(name), { what: `${name} is ${metric}` });
		assert.equal(await sys.sum('statsd_failed_total'), 0);
	});

test('a StatsD is an address, and not a name', { skip }, async () => {
	for (const stage of ['hub', 'bridge']) {
		const it = await start(bin(stage), ['-t', '--statsd', 'statsd.example'],
			{ cwd: sys.dir, ready: false });

		assert.equal((await it.ended()).code, 100);
		assert.match(it.out, /name=statsd why="is no address/);
	}
});
