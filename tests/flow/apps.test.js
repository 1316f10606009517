// apps.test.js - applications and keys made over HTTP work at once, and stop
// at once.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { until } from './lib/proc.js';
import { frame, raw, upgrade } from './lib/raw.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const ADMIN = 'an administrator knows it';
let sys;

before(async () => {
	if (!skip)
		sys = await system({ env: { POSTHORN_ADMIN_KEY: ADMIN } });
});

async function admin(method, where, body, key = `Bearer ${ADMIN}`) {
	const reply = await sys.request(where, { method,
		headers: { authorization: key },
		body: body && JSON.stringify(body) });

	return { status: reply.status, allow: reply.headers.get('allow'),
		json: await reply.json().catch(() => null) };
}

async function made(app, key = {}) {
	assert.equal((await admin('PUT', `/v1/apps/${app}`)).status, 200);
	const { status, json } = await admin('POST', `/v1/apps/${app}/keys`, key);

	assert.equal(status, 200, JSON.stringify(json));
	return json;
}

const basic = ({ id, secret }) => `Basic ${btoa(`${id}:${secret}`)}`;

async function publish(key, channel) {
	const { status } = await sys.request('/v1/publish', { method: 'POST',
		headers: { authorization: basic(key) },
		body: JSON.stringify({ channel, data: 1 }) });

	return status;
}

test('a new key publishes, for its application only', { skip }, async () => {
	const key = await made('shop');

	assert.match(key.id, /^[\w-]{16}$/);
	assert.match(key.secret, /^[\w-]{43}$/);
	assert.deepEqual(key.rights, ['publish', 'listen', 'presence']);
	await until(async () => await publish(key, '/shop/public/x') === 200,
		{ what: 'the ingress knows the key' });
	assert.equal(await publish(key, '/app/public/x'), 403);
});

test('a secret is shown once', { skip }, async () => {
	const key = await made('once');
	const { json } = await admin('GET', '/v1/apps/once/keys');

	assert.equal(json.keys.length, 1);
	assert.equal(json.keys[0].id, key.id);
	assert.ok(!JSON.stringify(json).includes(key.secret));
	assert.ok(!sys.out.includes(key.secret), 'nor is it logged');
});

test('a revoked key ends at once', { skip }, async () => {
	const key = await made('gone');

	await until(async () => await publish(key, '/gone/public/x') === 200,
		{ what: 'the ingress knows the key' });
	assert.equal((await admin('DELETE', `/v1/apps/gone/keys/${key.id}`)).status,
		200);
	await until(async () => await publish(key, '/gone/public/x') === 401,
		{ what: 'the ingress has forgotten it' });
	assert.deepEqual((await admin('GET', '/v1/apps/gone/keys')).json,
		{ keys: [] });
});

test('connections that showed it end with it, too', { skip }, async () => {
	const key = await made('open');
	const line = (n) => JSON.stringify(
		{ channel: '/open/public/x', data: n, id: `${n}` }) + '\n';
	const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
	const auth = `Authorization: ${basic(key)}\r\n`;

	await until(async () => await publish(key, '/open/public/x') === 200,
		{ what: 'the ingress knows the key' });
	const socket = await raw(sys.port), stream = await raw(sys.port);

	socket.write(upgrade(auth));
	await socket.said(/^HTTP\/1\.1 101 /);
	const say = (op, channel, ref = 1) =>
		socket.write(frame(JSON.stringify({ op, ref, channel, data: 1 })));

	say('publish', '/open/public/x');
	await socket.said(/"cursor"/);
	stream.write('POST /v1/publish HTTP/1.1\r\nHost: x\r\n' + auth +
		'Content-Type: application/x-ndjson\r\n' +
		`Transfer-Encoding: chunked\r\n\r\n${chunk(line(1))}`);
	await stream.said(/"id": ?"1"/);
	await admin('DELETE', `/v1/apps/open/keys/${key.id}`);
	let n = 1;

	await until(() => {
		stream.write(chunk(line(++n)));
		return /"error".*"unauthorized"/.test(stream.text);
	}, { what: 'lines are refused' });
	await until(() => {
		say('publish', '/open/public/x');
		return /"unauthorized"/.test(socket.text);
	}, { what: 'the socket may not publish' });
	const before = socket.text.split('"unauthorized"').length;

	say('subscribe', '/open/private/x');
	await until(() => socket.text.split('"unauthorized"').length > before,
		{ what: 'nor listen to what is private' });
	say('subscribe', '/open/public/y', 2);
	await socket.said(/"ref":2,"ok":true/);
	socket.close();
	stream.close();
});

test('a key is replaced, and the old one goes on for a while', { skip },
	async () => {
		const old = await made('turn',
			{ rights: ['publish'], prefixes: ['/other/public'] });
		const key = await made('turn', { replaces: old.id, overlap: 3 });

		assert.deepEqual(key.rights, ['publish']);
		assert.deepEqual(key.prefixes, ['/other/public']);
		await until(async () => await publish(key, '/other/public/x') === 200,
			{ what: 'the new one is known' });
		assert.equal(await publish(old, '/turn/public/x'), 200);
		await until(async () => await publish(old, '/turn/public/x') === 401,
			{ what: 'the old one has expired' });
		assert.equal(await publish(key, '/turn/public/x'), 200);
		const last = await made('turn', { replaces: key.id });

		await until(async () => await publish(key, '/turn/public/x') === 401,
			{ what: 'without an overlap it ends at once' });
		assert.equal(await publish(last, '/turn/public/x'), 200);
	});

test('what a key may do is what was asked for', { skip }, async () => {
	const key = await made('ears', { rights: ['listen'] });

	await until(async () => await publish(key, '/ears/public/x') === 403,
		{ what: 'it is known and may not publish' });
});

test('an application goes with all its keys', { skip }, async () => {
	const keys = [await made('all'), await made('all'), await made('all')];

	await until(async () => await publish(keys[2], '/all/public/x') === 200,
		{ what: 'the keys are known' });
	const apps = async () => (await admin('GET', '/v1/apps')).json.apps
		.map(({ app }) => app);

	assert.ok((await apps()).includes('all'));
	assert.equal((await admin('DELETE', '/v1/apps/all')).status, 200);
	assert.ok(!(await apps()).includes('all'));
	for (const key of keys)
		await until(async () => await publish(key, '/all/public/x') === 401,
			{ what: 'its keys are forgotten' });
	assert.equal((await admin('POST', '/v1/apps/all/keys', {})).status, 404);
});

test('without the administrator\'s key nothing is shown', { skip },
	async () => {
		for (const key of ['', 'Bearer wrong', 'Basic !', 'Bearer ',
			`Basic ${btoa(`root:${ADMIN}`)}`, `Basic ${btoa('key:secret')}`])
			for (const [method, where] of [['GET', '/v1/apps'],
				['PUT', '/v1/apps/x'], ['DELETE', '/v1/apps/app'],
				['GET', '/v1/apps/app/keys'], ['POST', '/v1/apps/app/keys']])
				assert.equal((await admin(method, where, undefined, key)).status,
					401, `${method} ${where} with ${key}`);
		assert.equal((await admin('GET', '/v1/apps', undefined,
			`Basic ${btoa(`admin:${ADMIN}`)}`)).status, 200);
	});

test('what makes no sense is refused by name', { skip }, async () => {
	await made('bad');
	for (const [key, field] of [
		[{ rights: ['fly'] }, 'rights'], [{ rights: [] }, 'rights'],
		[{ expires: 1 }, 'expires'], [{ ttl: 0 }, 'ttl'],
		[{ rights: 'publish' }, 'rights'], [{ expires: '1h' }, 'expires'],
		[{ alg: 256 }, 'alg'], [{ replaces: [] }, 'replaces'],
		[{ prefixes: ['x'] }, 'prefixes'], [{ prefixes: ['/a,/b'] }, 'prefixes'],
		[{ alg: 'none' }, 'alg'], [{ public_key: 'x' }, 'public_key'],
		[{ overlap: -1 }, 'overlap'], [{ replaces: '' }, 'replaces'],
	]) {
		const { status, json } = await admin('POST', '/v1/apps/bad/keys', key);

		assert.deepEqual([status, json.error.field], [400, field]);
	}
	assert.equal((await admin('POST', '/v1/apps/bad/keys',
		{ replaces: 'nobody' })).status, 404);
	assert.equal((await admin('PUT', '/v1/apps/push')).status, 400);
	assert.equal((await admin('PUT', '/v1/apps/a%20b')).status, 404);
	assert.equal((await admin('GET', '/v1/apps/bad/else')).status, 404);
	const wrong = await admin('POST', '/v1/apps/bad');

	assert.deepEqual([wrong.status, wrong.allow],
		[405, 'PUT, DELETE, OPTIONS']);
});

test('without a setting it is closed', { skip }, async () => {
	const closed = await system();
	const reply = await closed.request('/v1/apps',
		{ headers: { authorization: 'Bearer ' } });

	assert.equal(reply.status, 404);
	await closed.stop();
});
