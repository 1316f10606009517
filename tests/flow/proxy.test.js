// proxy.test.js - behind proxies one that is trusted tells who the client is,
// and limits count by that.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { raw, upgrade } from './lib/raw.js';
import { freePort, until } from './lib/proc.js';
import { SCALED, missing, system } from './lib/system.js';
import { certificate } from './lib/tls.js';

const skip = missing('store', 'hub', 'ingress');
const HUBS = SCALED ? 3 : 1, INGRESSES = SCALED ? 2 : 1;
const MOST = 3; // of an address, in each process
const TRUST = { POSTHORN_INGRESS_TRUSTED_PROXIES: '127.0.0.0/8',
	POSTHORN_INGRESS_PER_ADDRESS: `${MOST}`,
	POSTHORN_HUB_PER_ADDRESS: `${MOST}` };
const ASK = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';

// PROXY protocol, version 1 and 2, of a client at this IPv4 address.
const v1 = (address) => `PROXY TCP4 ${address} 192.0.2.9 5000 80\r\n`;
function v2(address) {
	return Buffer.concat([
		Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
		Buffer.from([0x21, 0x11, 0, 12]),
		Buffer.from(address.split('.').map(Number)),
		Buffer.from([192, 0, 2, 9, 5000 >> 8, 5000 & 255, 0, 80])]);
}

const behind = async (env) => {
	const extra = await freePort();

	return Object.assign(await system({
		listen: `127.0.0.1:PORT 127.0.0.1:${extra}+proxy`, env }), { extra });
};

// Connections that say this first; what the last of them was answered.
async function several(port, count, first) {
	const clients = [];

	for (let n = 0; n < count; n++) {
		const client = await raw(port);

		client.write(Buffer.concat(first(n).map((part) => Buffer.from(part))));
		await client.said(/^HTTP\/1\.1 \d+/);
		clients.push(client);
	}
	const statuses = clients.map((client) => client.statuses[0] ?? 0);

	return { statuses, close: () => clients.forEach((it) => it.close()) };
}

// More of one address than so many processes let in, and that they did not.
async function many(port, { processes, good }, first) {
	const it = await several(port, MOST * processes + 2, first);
	const { statuses } = it;
	const taken = statuses.filter((status) => status === good).length;

	assert.ok(statuses.slice(0, MOST).every((one) => one === good), statuses);
	assert.ok(taken <= MOST * processes, `${statuses}`);
	assert.ok(statuses.every((one) => one === good || one === 429), statuses);
	return it;
}
const SERVED = { processes: INGRESSES, good: 200 };
const UPGRADED = { processes: HUBS, good: 101 };

for (const [name, header] of Object.entries({ v1, v2 }))
	test(`PROXY ${name} tells the address`, { skip }, async () => {
		const sys = await behind(TRUST);
		const one = await many(sys.extra, SERVED, () =>
			[header('198.51.100.7'), ASK]);
		const other = await several(sys.extra, 2, () =>
			[header('198.51.100.8'), ASK]);

		assert.deepEqual(other.statuses, [200, 200]);
		one.close();
		await until(async () => {
			const again = await several(sys.extra, 1, () =>
				[header('198.51.100.7'), ASK]);

			again.close();
			return again.statuses[0] === 200;
		}, { what: 'they are counted off' });
		other.close();
		await sys.stop();
	});

test('a hub counts by the address it was told', { skip }, async () => {
	const sys = await behind(TRUST);
	const one = await many(sys.extra, UPGRADED, () =>
		[v1('198.51.100.7'), upgrade()]);
	const other = await several(sys.extra, 1, () =>
		[v1('198.51.100.8'), upgrade()]);

	assert.deepEqual(other.statuses, [101]);
	one.close();
	other.close();
	await sys.stop();
});

test('X-Forwarded-For of a trusted proxy is believed', { skip }, async () => {
	const sys = await behind(TRUST);
	const from = (who) => upgrade(`X-Forwarded-For: ${who}\r\n`);
	const one = await many(sys.port, UPGRADED, (n) =>
		[from(`10.9.9.${n}, 198.51.100.7`)]);
	const other = await several(sys.port, 1, () => [from('198.51.100.8')]);
	// Loopback itself is exempt.
	const near = await several(sys.port, 5, () => [upgrade()]);

	assert.deepEqual(other.statuses, [101]);
	assert.deepEqual(near.statuses, [101, 101, 101, 101, 101]);
	for (const it of [one, other, near])
		it.close();
	await sys.stop();
});

test('the ingress counts its own requests by it, too', { skip }, async () => {
	const sys = await behind(TRUST);
	const from = (who) =>
		`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${who}\r\n\r\n`;
	const one = await many(sys.port, SERVED, (n) => [from(`10.9.9.${n}, ${n % 2 ?
		'2001:db8::1' : '2001:db8::2'}`)]);
	const other = await several(sys.port, 1, () => [from('2001:db8:0:1::1')]);

	assert.deepEqual(other.statuses, [200]);
	one.close();
	other.close();
	await sys.stop();
});

test('of anybody else it is not', { skip }, async () => {
	const sys = await behind({ ...TRUST,
		POSTHORN_INGRESS_TRUSTED_PROXIES: '203.0.113.0/24' });
	const liars = await several(sys.port, 5, () =>
		[upgrade('X-Forwarded-For: 198.51.100.7\r\n')]);

	assert.deepEqual(liars.statuses, [101, 101, 101, 101, 101]);
	liars.close();
	await sys.stop();
});

// The header stands before the handshake, in one piece with it or not; then
// one connection asks the ingress, a hub, the ingress, and becomes a WebSocket.
for (const [name, header] of Object.entries({ v1, v2 }))
	test(`PROXY ${name} in front of TLS`, { skip }, async () => {
		const port = await freePort();
		const sys = await system({ env: certificate(),
			listen: `127.0.0.1:PORT 127.0.0.1:${port}+tls+proxy` });
		const bytes = Buffer.from(header('198.51.100.7'));

		for (const cut of [0, 5, bytes.length - 1, bytes.length]) {
			const below = net.connect({ port, host: '127.0.0.1' });
			let said = '';

			below.on('error', () => {});
			below.setNoDelay(true);
			below.write(bytes.subarray(0, cut));
			await sys.json('/healthz'); // the ingress had a turn
			below.write(bytes.subarray(cut));
			const client = tls.connect({ socket: below,
				rejectUnauthorized: false });

			client.on('error', (error) => said += error);
			client.on('data', (piece) => said += piece);
			client.write(ASK + 'GET /v1/poll?channel=/app/public/x&timeout=0 ' +
				`HTTP/1.1\r\nHost: x\r\n\r\n${ASK}${upgrade()}`);
			await until(() => /HTTP\/1\.1 101 /.test(said),
				{ what: 'the upgrade' });
			assert.deepEqual([...said.matchAll(/HTTP\/1\.1 (\d+)/g)]
				.map(([, status]) => status), ['200', '200', '200', '101']);
			client.destroy();
		}
		await sys.stop();
	});

test('a port that wants PROXY takes nothing else', { skip }, async () => {
	const sys = await behind(TRUST);

	for (const bytes of [ASK, 'PROXY TCP4 nonsense\r\n', 'PROXX']) {
		const client = await raw(sys.extra);

		client.write(bytes);
		await client.whole();
		assert.deepEqual(client.statuses.filter((s) => s === 200), []);
	}
	const plain = await raw(sys.port);

	plain.write(v1('198.51.100.7') + ASK);
	await plain.whole();
	assert.deepEqual(plain.statuses, [400]);
	await sys.stop();
});
