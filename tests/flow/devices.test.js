// devices.test.js - a user's devices are where he is, and nowhere else.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
let sys;

before(async () => {
	if (!skip)
		sys = await system({ env: { POSTHORN_BOOTSTRAP:
			'app:key:secret other:okey:secret' } });
});

const query = (what) => `/v1/devices?${new URLSearchParams(what)}`;

async function ask(method, what, body, headers = {}) {
	const reply = await sys.request(query(what),
		{ method, headers, body: body && JSON.stringify(body) });

	return { status: reply.status, json: await reply.json() };
}

async function put(user, token, data) {
	const { status, json } = await ask('PUT', { user },
		{ token, queue: 'apns', data });

	assert.equal(status, 200, JSON.stringify(json));
	return json;
}

async function tokens(user) {
	const { status, json } = await ask('GET', { user });

	assert.deepEqual([status, json.user], [200, user]);
	return json.devices.map(({ token }) => token);
}

test('devices are kept by user', { skip }, async () => {
	const began = Date.now();
	const kept = await put('u1', 'b', { model: 'x', n: 1.50 });

	await put('u1', 'a');
	await put('u1', 'b', { model: 'y' });
	await put('u10', 'c');
	assert.deepEqual(kept.data, { model: 'x', n: 1.5 });
	assert.ok(kept.seen >= began - 1000 && kept.seen <= Date.now() + 1000);
	const { json } = await ask('GET', { user: 'u1' });

	assert.deepEqual(json.devices.map(({ token, queue, data }) =>
		({ token, queue, data })), [
		{ token: 'a', queue: 'apns', data: undefined },
		{ token: 'b', queue: 'apns', data: { model: 'y' } }]);
	assert.deepEqual((await ask('GET', { token: 'b' })).json,
		{ token: 'b', user: 'u1' });
});

test('a token that moves leaves the first user', { skip }, async () => {
	await put('first', 'moves');
	await put('first', 'stays');
	await put('second/ü', 'moves');
	assert.deepEqual(await tokens('first'), ['stays']);
	assert.deepEqual(await tokens('second/ü'), ['moves']);
	assert.equal((await ask('GET', { token: 'moves' })).json.user, 'second/ü');
	// the first one signing out late takes nothing from the second
	await ask('DELETE', { user: 'first', token: 'moves' });
	assert.deepEqual(await tokens('second/ü'), ['moves']);
	assert.equal((await ask('GET', { token: 'moves' })).json.user, 'second/ü');
});

test('a device is forgotten, or all of a user', { skip }, async () => {
	for (const token of ['d1', 'd2', 'd3'])
		await put('leaves', token);
	await ask('DELETE', { user: 'leaves', token: 'd2' });
	assert.deepEqual(await tokens('leaves'), ['d1', 'd3']);
	assert.equal((await ask('GET', { token: 'd2' })).status, 404);
	assert.equal((await ask('DELETE', { user: 'leaves' })).status, 200);
	assert.deepEqual(await tokens('leaves'), []);
	assert.equal((await ask('GET', { token: 'd1' })).status, 404);
});

test('a dead token leaves, and is known to be dead', { skip }, async () => {
	await put('mourns', 'dead');
	await put('mourns', 'alive');
	await ask('DELETE', { token: 'dead' });
	assert.deepEqual(await tokens('mourns'), ['alive']);
	const { json } = await ask('GET', { token: 'dead' });

	assert.equal(json.user, undefined);
	assert.ok(json.gone > 1e12);
	await put('mourns', 'dead');
	assert.equal((await ask('GET', { token: 'dead' })).json.gone, undefined);
	assert.deepEqual(await tokens('mourns'), ['alive', 'dead']);
});

test('applications do not see each other\'s', { skip }, async () => {
	const authorization = `Basic ${btoa('okey:secret')}`;

	await put('same', 'mine');
	assert.equal((await ask('PUT', { user: 'same' },
		{ token: 'mine', queue: 'gcm' }, { authorization })).status, 200);
	assert.deepEqual(await tokens('same'), ['mine']);
	const { json } = await ask('GET', { user: 'same' }, undefined,
		{ authorization });

	assert.equal(json.devices[0].queue, 'gcm');
});

test('what makes no sense is refused by name', { skip }, async () => {
	for (const [what, body, status, field] of [
		[{}, {}, 400, 'user'],
		[{ user: 'x'.repeat(192) }, {}, 400, 'user'],
		[{ user: 'a\0b' }, {}, 400, 'user'],
		[{ user: 'u' }, { queue: 'apns' }, 400, 'token'],
		[{ user: 'u' }, { token: 5, queue: 'apns' }, 400, 'token'],
		[{ user: 'u' }, { token: 't' }, 400, 'queue'],
		[{ user: 'u' }, { token: 't', queue: 'a b' }, 400, 'queue'],
		[{ user: 'u' }, { token: 't', queue: 'a/b' }, 400, 'queue'],
		[{ user: 'u' }, { token: '', queue: 'apns' }, 400, 'token'],
		[{ user: 'u' }, { token: 'x'.repeat(256), queue: 'q' }, 400, 'token'],
		[{ user: 'u' }, { token: 't', queue: 'q'.repeat(32) }, 400, 'queue'],
		[{ user: 'u' }, { token: 't', queue: 'q', data: 'x'.repeat(5000) },
			413, 'data'],
	]) {
		const { status: got, json } = await ask('PUT', what, body);

		assert.deepEqual([got, json.error.field], [status, field]);
	}
	assert.equal((await ask('GET', { user: 'u' }, undefined,
		{ authorization: 'Basic eDp4' })).status, 401);
});

test('a user has a hundred devices at most', { skip }, async () => {
	for (let n = 0; n < 100; n++)
		await put('hoards', `h${n}`);
	const { status } = await ask('PUT', { user: 'hoards' },
		{ token: 'one more', queue: 'apns' });

	assert.equal(status, 429);
	await put('hoards', 'h7');
});
