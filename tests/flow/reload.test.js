// reload.test.js - settings that change under connected clients.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { ws } from './lib/clients.js';
import { bin, freePort, start, tmpdir, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';
import { certificate } from './lib/tls.js';

const skip = missing('store', 'hub', 'ingress', 'up');
const channel = '/app/public/x';
const FILE = { POSTHORN_BOOTSTRAP: 'app:key:secret app:other:word',
	POSTHORN_HUB_SUBSCRIPTIONS: '2' };
let sys;

const publishes = async (key) =>
	(await sys.post(JSON.stringify({ channel, data: 1 }), { headers: {
		authorization: `Basic ${Buffer.from(key).toString('base64')}` } }))
		.status;

// Other lines in .env, and a signal to the supervisor, who passes it on.
function change(lines) {
	sys.say(lines);
	process.kill(sys.up.pid, 'SIGHUP');
}

before(async () => {
	if (!skip)
		sys = await system({ file: FILE, formation: '' });
});

after(() => sys?.stop());

test('SIGHUP brings new limits, and no client notices', { skip }, async () => {
	const client = ws(sys, { channels: channel });
	const pids = sys.pids();

	await until(() => client.isReady());
	const listens = async (n) => (await client.reply(
		{ op: 'subscribe', channel: `/app/public/${n}` })).ok;

	assert.equal(await listens(2), true);
	assert.equal(await listens(3), false);
	change({ ...FILE, POSTHORN_HUB_SUBSCRIPTIONS: '3',
		POSTHORN_INGRESS_BODY_MAX: '2k' });
	await until(() => /name=subscriptions changed=now/.test(sys.out) &&
		/name=body_max changed=now/.test(sys.out));
	assert.equal(await listens(3), true);
	assert.equal((await sys.post(JSON.stringify(
		{ channel, data: 'x'.repeat(3000) }))).status, 413);
	await sys.publish({ channel, data: 'still here' });
	await until(() => client.data.at(-1) === 'still here');
	assert.equal(client.opened, 1);
	assert.deepEqual(sys.pids(), pids);
	client.close();
});

test('keys come and go', { skip }, async () => {
	assert.equal(await publishes('other:word'), 200);
	assert.equal(await publishes('third:word'), 401);
	change({ ...FILE,
		POSTHORN_BOOTSTRAP: 'app:key:secret app:third:word' });
	await until(async () => await publishes('third:word') === 200,
		{ what: 'the new key is known' });
	await until(async () => await publishes('other:word') === 401,
		{ what: 'the old key is revoked' });
	assert.equal(await publishes('key:secret'), 200);
});

test('a mistake leaves all as it was', { skip }, async () => {
	change({ ...FILE, POSTHORN_HUB_SUBSCRIPTIONS: 'many' });
	await until(() => /event=reload settings=kept .*SUBSCRIPTIONS/
		.test(sys.out), { what: 'the hub says so' });
	await until(async () => await publishes('other:word') === 200,
		{ what: 'the store, which found no mistake, took its own' });
	await sys.readyz();
});

test('keys that cannot be had revoke none', { skip }, async () => {
	fs.mkdirSync(path.join(sys.dir, 'data', 'demo.key'));
	change({ ...FILE, POSTHORN_BOOTSTRAP: '' });
	await until(() => /event=demo_key [^]*stage=store.1 .*status=100/
		.test(sys.out), { what: 'the store says so' });
	assert.equal(await publishes('key:secret'), 200);
});

test('a log level that is none leaves all as it was', { skip }, async () => {
	sys.say({ ...FILE, POSTHORN_LOG_LEVEL: 'loud' });
	sys.signal('ingress.1', 'SIGHUP');
	await until(() => /name=log_level why="no such level"/.test(sys.out));
	await until(() => /stage=ingress.1 .*event=reload status=100/.test(sys.out),
		{ what: 'it says that it kept its settings' });
	assert.doesNotMatch(sys.out, /name=log_level changed=now/);
	await sys.readyz();
});

test('what needs a restart is named', { skip }, async () => {
	change({ ...FILE, POSTHORN_SHARDS: '2' });
	await until(() => /name=shards changed=no/.test(sys.out));
	await sys.readyz();
});

// Of the certificate that a new client is shown.
async function fingerprint({ port }) {
	const socket = tls.connect({ port, host: '127.0.0.1',
		rejectUnauthorized: false });

	await once(socket, 'secureConnect');
	const { fingerprint256 } = socket.getPeerCertificate();

	socket.destroy();
	return fingerprint256;
}

test('a new certificate is shown to who comes, and disturbs nobody', { skip },
	async () => {
		const [env, other] = [certificate(), certificate()];
		const it = await system({ listen: '127.0.0.1:PORT+tls', secure: true,
			formation: '', env });
		const put = (from) => Object.entries(env).forEach(([name, file]) =>
			fs.copyFileSync(from[name], file));
		const again = () => process.kill(it.up.pid, 'SIGHUP');

		await it.readyz();
		const client = await ws(it, { channels: channel }).ready();
		const first = await fingerprint(it);

		put(other);
		again();
		await until(async () => await fingerprint(it) !== first,
			{ what: 'the new one is shown' });
		const second = await fingerprint(it);

		// One that makes no sense is told, and the last one stays.
		fs.writeFileSync(env.POSTHORN_INGRESS_TLS_CERT, 'no certificate');
		again();
		await until(() => /event=certificate why=/.test(it.out));
		assert.equal(await fingerprint(it), second);
		await it.publish({ channel, data: 'all the while' });
		await client.got(1);
		assert.equal(client.opened, 1);
		client.close();
		await it.stop();
	});

test('a reload that is refused leaves the certificate, too', { skip },
	async () => {
		const [env, other] = [certificate(), certificate()];
		const it = await system({ listen: '127.0.0.1:PORT+tls', secure: true,
			formation: '', env });
		const refused = (n) => until(() => it.out.match(
			/stage=ingress.1 .*event=reload status=100/g)?.length === n);

		await it.readyz();
		const first = await fingerprint(it);

		Object.entries(env).forEach(([name, file]) =>
			fs.copyFileSync(other[name], file));
		it.say({ POSTHORN_INGRESS_ADMIN_KEY: 'short' });
		it.signal('ingress.1', 'SIGHUP');
		await refused(1);
		assert.equal(await fingerprint(it), first);
		it.say({ POSTHORN_INGRESS_BODY_MAX: 'much' });
		it.signal('ingress.1', 'SIGHUP');
		await refused(2);
		assert.equal(await fingerprint(it), first);
		it.say({});
		it.signal('ingress.1', 'SIGHUP');
		await until(async () => await fingerprint(it) !== first,
			{ what: 'the new one is shown' });
		await it.stop();
	});

// A pair of keys as settings: { POSTHORN_BUS_PUBLIC_KEY, ..._SECRET_KEY }.
const pair = () => Object.fromEntries(execFileSync(bin('keygen'),
	{ encoding: 'utf8' }).trim().split('\n')
	.map((line) => /^(\w+)='(.*)'$/.exec(line).slice(1)));

test('a store that refuses keys lets in whom it let in before', {
	skip: skip || missing('keygen', 'send') }, async () => {
	const dir = tmpdir();
	const [own, old, young] = [pair(), pair(), pair()];
	const short = { POSTHORN_BUS_PUBLIC_KEY: 'short' };
	const endpoint = `tcp://127.0.0.1:${await freePort()}`;
	const say = (clients, keys) => fs.writeFileSync(path.join(dir, '.env'),
		`POSTHORN_BUS_CLIENTS='${clients.map((c) =>
			c.POSTHORN_BUS_PUBLIC_KEY).join(' ')}'\n` +
		`POSTHORN_BOOTSTRAP='${keys}'\n`);
	const send = async (keys, timeout = '20s') => {
		const it = await start(bin('send'), ['--timeout', timeout], {
			cwd: tmpdir(), ready: false, piped: true, env: { ...keys,
				POSTHORN_STORE: endpoint,
				POSTHORN_BUS_SERVER_KEY: own.POSTHORN_BUS_PUBLIC_KEY } });

		it.child.stdin.end(`${JSON.stringify({ channel, data: 1 })}\n`);
		return (await it.ended({ ms: 30000 })).code;
	};

	say([old], 'app:key:secret');
	const store = await start(bin('store'), [], { cwd: dir,
		env: { ...own, POSTHORN_STORE: endpoint } });

	assert.equal(await send(old), 0);
	fs.mkdirSync(path.join(dir, 'data', 'demo.key'));
	say([young], '');
	store.kill('SIGHUP');
	await store.said(/event=reload status=100/);
	assert.equal(await send(old), 0);
	assert.equal(await send(young, '1s'), 111);
	say([young], 'app:key:secret');
	store.kill('SIGHUP');
	await store.said(/event=reload status=0/);
	assert.equal(await send(young), 0);
	// Nor does what is refused leave a key behind, or a closed door.
	fs.rmdirSync(path.join(dir, 'data', 'demo.key'));
	for (const [i, keys] of [[short], []].entries()) {
		say(keys, '');
		store.kill('SIGHUP');
		await until(() => store.out.match(/event=reload status=100/g)
			?.length === 2 + i, { what: 'it is refused' });
		assert.match(store.out, /name=bus_clients why=/);
		assert.equal(fs.existsSync(path.join(dir, 'data', 'demo.key')), false);
		assert.equal(await send(young), 0);
	}
	await store.stop();
});

test('a stage that takes over nothing says so, and goes on', {
	skip: skip || missing('bridge') }, async () => {
	const bridge = await sys.more('bridge', 'bridge.1',
		{ env: { POSTHORN_BRIDGE_REDIS: '127.0.0.1:1' } });

	sys.say({ ...FILE, POSTHORN_BRIDGE_LISTS: 'other=tyron' });
	bridge.kill('SIGHUP');
	await until(() => /event=reload status=0/.test(bridge.out) ||
		bridge.exit !== null);
	assert.match(bridge.out, /name=lists changed=no/);
	assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
});
