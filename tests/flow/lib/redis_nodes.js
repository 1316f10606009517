// redis_nodes.js - more than one Redis: a Cluster of three masters, each with
// a replica, and a master with replicas that Sentinels watch.
import fs from 'node:fs';
import path from 'node:path';
import { freePort, start, tmpdir, until } from './proc.js';
import { redis } from './redis.js';

const HOST = '127.0.0.1';
const SETTLES = 20000; // ms

// What INFO says of a section: { name: value }.
async function info(node, section) {
	const text = await node.do('INFO', section);

	return Object.fromEntries(text.split('\r\n')
		.map((line) => line.split(':')).filter((row) => row.length === 2));
}

const settled = (what, done) => until(() => done().catch(() => false),
	{ ms: SETTLES, what });

async function hasReplica(node) {
	const { role, connected_slaves: n, slave0 } =
		await info(node, 'replication');

	return role === 'master' && Number(n) > 0 && /online/.test(slave0);
}

async function kill(node) {
	node.close();
	node.proc.kill('SIGKILL');
	await node.proc.exited;
}

async function stopAll(nodes) {
	for (const node of nodes)
		await kill(node);
}

// { nodes, masters, addresses, stop }; master i has nodes[i + 3] as replica.
export async function cluster({ timeout = 1000 } = {}) {
	const nodes = [];

	for (let i = 0; i < 6; i++) {
		const bus = await freePort();

		nodes.push(Object.assign(await redis({ args: [
			'--cluster-enabled', 'yes', '--cluster-port', `${bus}`,
			'--cluster-node-timeout', `${timeout}`,
			'--repl-ping-replica-period', '1'] }), { bus }));
	}
	for (const [i, node] of nodes.entries()) {
		node.id = await node.do('CLUSTER', 'MYID');
		await node.do('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
	}
	for (const [i, [from, to]] of [[0, 5460], [5461, 10922],
		[10923, 16383]].entries())
		await nodes[i].do('CLUSTER', 'ADDSLOTSRANGE', from, to);
	for (const node of nodes.slice(1))
		await node.do('CLUSTER', 'MEET', HOST, nodes[0].port, nodes[0].bus);
	for (const [i, node] of nodes.slice(3).entries())
		await settled(`node ${i + 3} is a replica`, () =>
			node.do('CLUSTER', 'REPLICATE', nodes[i].id));
	for (const node of nodes)
		await settled('the Cluster is whole', async () =>
			(await node.do('CLUSTER', 'INFO')).includes('state:ok'));
	for (const node of nodes.slice(0, 3))
		await settled('every master has its replica', () =>
			hasReplica(node));
	return { nodes, masters: nodes.slice(0, 3), kill, info,
		addresses: nodes.map(({ port }) => `${HOST}:${port}`).join(' '),
		stop: () => stopAll(nodes) };
}

// A master, its replica, and three who watch them:
// { master, replica, sentinels, name, addresses, stop }.
export async function sentinel({ timeout = 1000 } = {}) {
	const name = 'house';
	const master = await redis({ args: ['--repl-ping-replica-period', '1'] });
	const replica = await redis({ args: [
		'--replicaof', HOST, `${master.port}`] });
	const sentinels = [];

	await settled('the master has its replica', () => hasReplica(master));
	for (let i = 0; i < 3; i++) {
		const port = await freePort();
		const file = path.join(tmpdir(), 'sentinel.conf');

		fs.writeFileSync(file, [`port ${port}`, `bind ${HOST}`,
			`sentinel monitor ${name} ${HOST} ${master.port} 2`,
			`sentinel down-after-milliseconds ${name} ${timeout}`,
			`sentinel failover-timeout ${name} 5000`, ''].join('\n'));
		const proc = await start('redis-server', [file, '--sentinel'],
			{ ready: false });

		await proc.said(/monitor master/);
		sentinels.push({ port, proc });
	}
	// they find each other, and the replica
	for (const { proc } of sentinels) {
		await proc.said(/\+slave slave/);
		await until(() => proc.out.split('+sentinel ').length === 3,
			{ ms: SETTLES, what: 'the Sentinels know each other' });
	}
	return { master, replica, sentinels, name, kill, info,
		addresses: sentinels.map(({ port }) => `${HOST}:${port}`).join(' '),
		stop: async () => {
			for (const { proc } of sentinels) {
				proc.kill('SIGKILL');
				await proc.exited;
			}
			await stopAll([master, replica]);
		} };
}
