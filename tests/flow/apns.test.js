// apns.test.js - jobs of the queue apns, and what Apple is asked and says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC } from './lib/apple.js';
import { becomes, device, MESSAGE, posthorn, push, skip, TOKEN } from './lib/apns.js';
import { until } from './lib/proc.js';

test('a job becomes a push with Apple\'s headers, and is delivered', { skip },
	async () => {
		const { sys, apple } = await posthorn();
		const data = { aps: { alert: 'Hello', badge: 3 }, n: 1.50 };
		const before = Math.floor(Date.now() / 1000);
		const id = await push(sys, data, { ttl: 600, collapse: 'c1' });
		const it = await becomes(sys, id, 'delivered');
		const [{ headers, body, session }] = apple.taken();

		assert.deepEqual(JSON.parse(body), data);
		assert.equal(headers[':method'], 'POST');
		assert.equal(headers[':scheme'], 'https');
		assert.equal(headers[':path'], `/3/device/${TOKEN}`);
		assert.equal(headers[':authority'], apple.host);
		assert.equal(headers['apns-topic'], TOPIC);
		assert.equal(headers['apns-push-type'], 'alert');
		assert.equal(headers['apns-priority'], '10');
		assert.equal(headers['apns-collapse-id'], 'c1');
		const expires = Number(headers['apns-expiration']);

		assert.ok(expires >= before + 600 && expires <= before + 610, expires);
		assert.equal(session.alpn, 'h2');
		assert.equal(session.subject, undefined);
		assert.equal(it.vendor_id, headers['apns-id']);
		await sys.stop();
	});

test('what a job says of its push is what Apple hears', { skip }, async () => {
	const { sys, apple } = await posthorn({ sections: (apple) =>
		apple.section('app') +
		apple.section('app/quiet', { push_type: 'voip' }) });
	const said = async (data, more) => {
		await becomes(sys, await push(sys, data, more), 'delivered');
		return apple.pushes.at(-1);
	};
	const header = async (name, data, more) =>
		(await said(data, more)).headers[name];
	const around = (more) => ({ payload: MESSAGE, ...more });

	// What does not show goes in the background, and never above 5.
	let it = await said({ aps: { 'content-available': 1 }, n: 1 });

	assert.equal(it.headers['apns-push-type'], 'background');
	assert.equal(it.headers['apns-priority'], '5');
	assert.equal(it.headers['apns-collapse-id'], undefined);
	it = await said(around({ push_type: 'background', priority: 10 }));
	assert.equal(it.headers['apns-priority'], '5');
	assert.deepEqual(JSON.parse(it.body), MESSAGE);
	assert.equal(await header('apns-priority', around({ priority: 1 })), '1');
	assert.equal(await header('apns-expiration', around({ expiration: 0 })), '0');
	assert.equal(await header('apns-collapse-id', around({ collapse_id: 'c' }),
		{ collapse: 'other' }), 'c');
	// What is too long for Apple is a digest, and so the same each time.
	const long = [await header('apns-collapse-id', MESSAGE,
		{ collapse: 'x'.repeat(65) }), await header('apns-collapse-id',
		MESSAGE, { collapse: 'x'.repeat(65) })];

	assert.match(long[0], /^[\w-]{43}$/);
	assert.equal(long[0], long[1]);
	for (const [type, topic] of [['voip', '.voip'], ['location',
		'.location-query'], ['liveactivity', '.push-type.liveactivity'],
	['pushtotalk', '.voip-ptt'], ['complication', '.complication'],
	['fileprovider', '.pushkit.fileprovider'], ['mdm', '']])
		assert.equal(await header('apns-topic', around({ push_type: type })),
			TOPIC + topic);
	assert.equal(await header('apns-topic',
		around({ topic: `${TOPIC}.watch` })), `${TOPIC}.watch`);
	it = await said(around({ payload: { aps: {} }, connection: 'quiet' }));
	assert.equal(it.headers['apns-push-type'], 'voip');
	assert.equal(await header(':path', MESSAGE, { target: 'ABCDEF' }),
		'/3/device/abcdef');
	await sys.stop();
});

test('what cannot be a push is a dead letter that says why', { skip },
	async () => {
		const { sys, apple } = await posthorn();
		const refused = async (data, why) => {
			const { why: said } = await becomes(sys, await push(sys, data),
				'dead');

			assert.equal(said, why);
		};
		const around = (more) => ({ payload: MESSAGE, ...more });
		const filled = (n) => ({ aps: { alert: 'x'.repeat(n - 20) } });

		assert.equal(JSON.stringify(filled(4096)).length, 4096);
		await becomes(sys, await push(sys, filled(4096)), 'delivered');
		await refused(filled(4097), 'PayloadTooLarge');
		await becomes(sys, await push(sys,
			{ payload: filled(5120), push_type: 'voip' }), 'dead');
		await refused({ n: 1 }, 'the body has neither aps nor payload');
		await refused('x',
			'the body is not a JSON object of up to 64 members');
		await refused(around({ push_type: 'loud' }), 'InvalidPushType');
		await refused(around({ push_type: 1 }), 'push_type is not text');
		await refused(around({ priority: 11 }), 'priority is not 1, 5 or 10');
		await refused(around({ expiration: -1 }),
			'expiration is not unix seconds');
		await refused(around({ topic: 'com.example.application' }),
			'topic is not the application\'s');
		await refused(around({ topic: 'a b' }), 'BadTopic');
		await refused(around({ connection: 'other' }),
			'no connection for this application');
		assert.equal(apple.pushes.length, 2);
		await sys.stop();
	});

test('each answer of Apple\'s has its end', { skip }, async () => {
	const { sys, apple } = await posthorn();
	const rows = [
		[400, 'BadDeviceToken', 'gone'],
		[400, 'DeviceTokenNotForTopic', 'gone'],
		[410, 'Unregistered', 'gone', 1234567],
		[410, 'ExpiredToken', 'gone', 7654321],
		[400, 'TopicDisallowed', 'dead'],
		[400, 'BadTopic', 'dead'],
		[400, 'BadExpirationDate', 'dead'],
		[413, 'PayloadTooLarge', 'dead'],
		[404, 'BadPath', 'dead'],
		[405, 'MethodNotAllowed', 'dead'],
		[429, 'TooManyRequests', 'waiting'],
		[500, 'InternalServerError', 'waiting'],
		[503, 'ServiceUnavailable', 'waiting'],
		[418, 'SomethingNew', 'dead'],
	];
	const ids = [];
	const before = Date.now();

	for (const [n, [status, reason, , timestamp]] of rows.entries()) {
		apple.answers.set(device(n), () => ({ status, reason, timestamp }));
		ids.push(await push(sys, MESSAGE, { target: device(n) }));
	}

	for (const [n, [, reason, state]] of rows.entries()) {
		const it = await becomes(sys, ids[n], state);

		assert.equal(it.why, reason);
	}
	// A busy Apple is left alone for longer than a mistake would be.
	const [busy] = (await sys.json('/v1/jobs?state=waiting')).jobs;

	assert.ok(busy.due > before + 14000, `${busy.due - before}`);
	// The dead are told of, with the time Apple said.
	const told = await until(async () => {
		const { messages } = await sys.json('/v1/feedback');

		return messages.length === 4 && messages;
	});

	assert.deepEqual(told.map(({ data }) => [data.target, data.why, data.since])
		.filter(([target]) => target === device(2) || target === device(3)),
	[[device(2), 'Unregistered', 1234567], [device(3), 'ExpiredToken', 7654321]]);
	await sys.stop();
});
