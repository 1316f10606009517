// hosts.test.js - stages on two hosts: two network namespaces, TCP between
// them, and CURVE keys that decide who is let in.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { each, exactly } from './lib/clients.js';
import { bin, freePort, start, tmpdir, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const SPACE = `posthorn${process.pid}`;
// RFC 2544: addresses for experiments, so nobody's here.
const [NEAR, FAR] = [1, 2].map((n) => `198.18.${process.pid % 256}.${n}`);
const run = (...args) => execFileSync(args[0], args.slice(1),
	{ stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

// A namespace with one cable to ours; why not, if that is not permitted.
function cable() {
	const ip = (text) => run('ip', ...text.split(' '));
	const link = `ph${process.pid % 100000}`;

	try {
		ip(`netns add ${SPACE}`);
		ip(`link add ${link}a type veth peer name ${link}b`);
		ip(`link set ${link}b netns ${SPACE}`);
		ip(`addr add ${NEAR}/30 dev ${link}a`);
		ip(`link set ${link}a up`);
		ip(`netns exec ${SPACE} ip addr add ${FAR}/30 dev ${link}b`);
		ip(`netns exec ${SPACE} ip link set ${link}b up`);
		ip(`netns exec ${SPACE} ip link set lo up`);
		return false;
	} catch (e) {
		return `network namespaces need root: ${e.message.split('\n')[0]}`;
	}
}

const absent = missing('store', 'hub', 'ingress', 'keygen');
const skip = absent || cable();

after(() => {
	if (!absent)
		try {
			run('ip', 'netns', 'del', SPACE);
		} catch {
			// it was never made
		}
});

// A pair of keys as settings: { POSTHORN_BUS_PUBLIC_KEY, ..._SECRET_KEY }.
const pair = () => Object.fromEntries(run(bin('keygen')).trim().split('\n')
	.map((line) => /^(\w+)='(.*)'$/.exec(line).slice(1)));
const publicOf = (keys) => keys.POSTHORN_BUS_PUBLIC_KEY;

// A store on the far host that lets in these keys.
async function store(keys, clients) {
	const port = await freePort();
	const it = await start('ip', ['netns', 'exec', SPACE, bin('store')], {
		cwd: tmpdir(), env: { ...keys, POSTHORN_BOOTSTRAP: 'app:key:secret',
			POSTHORN_BUS_CLIENTS: clients.map(publicOf).join(' '),
			POSTHORN_STORE: `tcp://${FAR}:${port}` } });

	return Object.assign(it, { endpoint: `tcp://${FAR}:${port}` });
}

// Hub and ingress here, with their own keys.
const near = (far, keys, ready = true) => system({ ready,
	stages: ['hub', 'ingress'], formation: 'all=1',
	env: { ...keys, POSTHORN_STORE: far.endpoint } });

test('two hosts with keys are one system', { skip }, async () => {
	const [theirs, ours] = [pair(), pair()];
	const far = await store(theirs, [ours]);
	const sys = await near(far,
		{ ...ours, POSTHORN_BUS_SERVER_KEY: publicOf(theirs) });
	const channel = '/app/public/hosts';
	const clients = await each(sys,
		{ channels: channel, cursor: await sys.mark(channel) });

	await sys.publish([1, 2].map((data) => ({ channel, data })));
	for (const client of clients) {
		await client.got(2);
		exactly(client, [1, 2]);
		client.close();
	}
	await sys.stop();
	await far.stop();
});

// They never become one system, and say so.
async function refused(far, keys) {
	const sys = await near(far, keys, false);

	await until(() => /hub\.1.*(key|handshake|refused|curve)/i.test(sys.out) ||
		/(key|handshake|refused|curve)/i.test(far.out),
	{ what: 'somebody says that the key is wrong', ms: 15000 })
		.catch((e) => {
			throw new Error(`${e.message}\n${sys.out}\n${far.out}`);
		});
	// The hub may say so before the ingress listens.
	const reply = await until(() => fetch(sys.url('/readyz'))
		.catch(() => false), { what: 'the ingress answers' });

	assert.equal(reply.status, 503, await reply.text());
	await sys.stop();
	await far.stop();
}

test('a key that is not on the list is refused', { skip }, async () => {
	const [theirs, ours, other] = [pair(), pair(), pair()];

	await refused(await store(theirs, [other]),
		{ ...ours, POSTHORN_BUS_SERVER_KEY: publicOf(theirs) });
});

test('so is a store with another key than we were told', { skip }, async () => {
	const [theirs, ours, other] = [pair(), pair(), pair()];

	await refused(await store(theirs, [ours]),
		{ ...ours, POSTHORN_BUS_SERVER_KEY: publicOf(other) });
});

test('and one who has no key at all', { skip }, async () => {
	const [theirs, ours] = [pair(), pair()];

	await refused(await store(theirs, [ours]), {});
});

test('a bind beyond loopback wants keys', { skip: absent }, async () => {
	const at = (host, port, env = {}) => start(bin('store'), [], {
		cwd: tmpdir(), ready: false,
		env: { POSTHORN_STORE: `tcp://${host}:${port}`, ...env } });
	const port = await freePort();
	const bare = await at('0.0.0.0', port);
	const { code } = await bare.ended();

	assert.ok([100, 111].includes(code), bare.out);
	assert.match(bare.out, /key/i);
	const loopback = await at('127.0.0.1', port);

	await until(() => loopback.ready(), { what: 'loopback may do without' });
	await loopback.stop();
	const allowed = await at('0.0.0.0', port,
		{ POSTHORN_STORE_BUS_PLAIN: '1' });

	await until(() => allowed.ready(), { what: 'it may be allowed' });
	await allowed.stop();
});
