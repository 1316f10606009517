'use strict';
/*
 * rows.js - what `make bench` measures, and against which budget.
 *
 * runs: who takes part and with which flags beyond those of the row.  A
 * budget is a number, or a part of what `of` (the floor) reached in the same
 * run.  `better: 'less'` for times and bytes.  `perCpu` names the process
 * whose CPU seconds the rate is divided by: on two cores an ingress shares
 * its core with the store and the hub behind it.  `tool` are the words of
 * bench/kept instead: no server runs.  The column `engine` says whether the
 * store has a disk: that of `kept` does, others are compared with servers that
 * keep nothing on one.
 */
/* 128 lets a server gather; at 10,000 clients more would measure how a server
 * bears a queue of hundreds of megabytes. */
const fan = (n) => ['fan', '--clients', n, '--window', n > 1000 ? 64 : 128];
const own = (n) => ['--clients', n, '--own'];
const http = ['--publisher', 'http', '--connections', '64'];
const post = ['--publisher', 'post', '--connections', '64'];
const one = ['--publisher', 'post', '--connections', '1'];
const ndjson = ['--publisher', 'ndjson'];

const floor16 = { who: 'rawfan', name: 'rawfan k16', flags: ['--k', '16'] };
const floor1 = { who: 'rawfan', name: 'rawfan plain', flags: ['--k', '1'] };

function fanRow(name, clients) {
	return {
		name, unit: 'deliveries/s', command: fan(clients),
		budget: 0.9, of: 'rawfan k16',
		runs: [
			{ who: 'posthorn', flags: ndjson }, floor16, floor1,
			{ who: 'nchan', flags: one },
			{ who: 'ws', flags: ndjson },
		],
	};
}

const bare = { name: 'bare loop',
	tool: ['bare', '--messages', '1000000', '--channels', '1'] };

function keptRow(name, publishers) {
	return {
		name, unit: 'publishes/s', command: ['publish'], perCpu: 'store',
		longer: 5, budget: 0.7, of: 'bare loop',
		runs: [
			{ who: 'kept', name: 'posthorn', flags: ['--publisher', 'send',
				'--connections', publishers] },
			bare,
		],
	};
}

const nativePoll = { who: 'posthorn', name: 'native poll', flags: ['--path',
	'/v1/poll?channel=/bench/public/c&timeout=60'] };

const million = [...own(1000000), '--messages', '1000000'];
const thousands = [...own(1000), '--each', '1000'];

const latency = ['latency', ...own(10000)];
const latencyRuns = [
	{ who: 'posthorn', flags: http },
	{ who: 'rawfan', flags: ['--k', '1'] },
	{ who: 'nchan', flags: post },
	{ who: 'ws', flags: http },
];

module.exports = [
	fanRow('fan-1k', 1000),
	fanRow('fan-10k', 10000),
	{
		name: 'one-batch', unit: 'deliveries/s', budget: 100000,
		command: ['fan', ...own(10000), '--window', '2048'],
		runs: [
			{ who: 'posthorn', flags: ndjson },
			{ who: 'rawfan', flags: ['--k', '1'] },
			{ who: 'ws', flags: ndjson },
		],
	},
	{
		name: 'one-http', unit: 'deliveries/s', budget: 2, of: 'nchan',
		command: ['fan', ...own(10000), '--window', '2048'],
		runs: [
			{ who: 'posthorn', flags: http },
			{ who: 'nchan', flags: post },
			{ who: 'ws', flags: http },
		],
	},
	/* Of the hub's CPU: the load generator asks again when it is idle. */
	{
		name: 'polls-tyron', unit: 'answers/CPU s', budget: 0.9,
		of: 'native poll', command: ['polls', '--clients', '10000'],
		runs: [
			{ who: 'posthorn', flags: ['--path', '/bench/',
				'--channel', '/tyron/public/bench'] },
			nativePoll,
		],
	},
	{
		name: 'polls-incus', unit: 'answers/CPU s', budget: 0.9,
		of: 'native poll', command: ['polls', '--clients', '10000'],
		runs: [
			{ who: 'posthorn', flags: ['--path', '/lp?user=bench',
				'--channel', '/incus/public/all'] },
			nativePoll,
		],
	},
	/* Each of a user of his own; both by a publisher that needs no key. */
	{
		name: 'fan-incus', unit: 'deliveries/s', budget: 0.9,
		of: 'native', command: fan(1000), perCpu: 'hub',
		runs: [
			{ who: 'posthorn', flags: ['--proto', 'incus', '--path',
				'/socket', '--channel', '/incus/public/all',
				'--publisher', 'send'] },
			{ who: 'posthorn', name: 'native',
				flags: ['--publisher', 'send'] },
		],
	},
	{
		name: 'fan-pandapush', unit: 'deliveries/s', budget: 0.9,
		of: 'native', command: fan(1000), perCpu: 'hub',
		runs: [
			{ who: 'posthorn', flags: ['--proto', 'bayeux', '--path',
				'/push', '--publisher', 'send'] },
			{ who: 'posthorn', name: 'native',
				flags: ['--publisher', 'send'] },
		],
	},
	{
		name: 'latency', unit: 'us p50', better: 'less', value: 'p50',
		command: [...latency, '--rate', '1000'], longer: 2, rounds: 1,
		budget: 250, p99: 600,
		runs: latencyRuns,
	},
	{
		name: 'latency-half', unit: 'us p50', better: 'less',
		value: 'p50', command: latency, longer: 2, rounds: 1,
		halfOf: 'one-http', runs: latencyRuns.filter(
			(r) => r.who !== 'rawfan'),
	},
	{
		name: 'idle', unit: 'bytes/connection', better: 'less',
		value: 'bytes', budget: 512, fresh: true, rounds: 1,
		command: ['idle', '--clients', '11000'],
		runs: ['posthorn', 'rawfan', 'nchan', 'ws']
			.map((who) => ({ who, flags: [] })),
	},
	{
		name: 'idle-pandapush', unit: 'bytes/connection', better: 'less',
		value: 'bytes', budget: 1024, fresh: true, rounds: 1,
		command: ['idle', '--clients', '11000'],
		runs: [{ who: 'posthorn', flags: ['--proto', 'bayeux', '--path',
			'/push'] }],
	},
	{
		name: 'idle-own', unit: 'bytes/connection', better: 'less',
		value: 'bytes', fresh: true, rounds: 1,
		command: ['idle', ...own(11000)],
		runs: ['posthorn', 'nchan', 'ws']
			.map((who) => ({ who, flags: [] })),
	},
	{
		name: 'connect', unit: 'connections/s', budget: 15000,
		command: ['connect', '--clients', '10000'], perCpu: 'hub',
		runs: ['posthorn', 'rawfan', 'nchan', 'ws']
			.map((who) => ({ who, flags: [] })),
	},
	/* A hub may have 20,000 descriptors where nobody raised the limit; some
	 * are its own.  Of one channel the hub itself remembers what was
	 * missed, of that many it is mostly the store that is asked.  A thousand
	 * come at a time: of more the door sends some away for two seconds. */
	...['resume', 'resume-own'].map((name) => ({
		name, unit: 'ms to the last', better: 'less', value: 'ms',
		budget: 10000, rounds: 1,
		command: ['resume', '--clients', '19900', '--inflight', '1000',
			...name === 'resume' ? [] : ['--own']],
		runs: [{ who: 'posthorn', flags: [...ndjson, '--window', '4096',
			'--missed', '10'] }],
	})),
	{
		name: 'publish-http', unit: 'publishes/s', budget: 120000,
		command: ['publish', '--window', '4096'], perCpu: 'ingress',
		runs: [
			{ who: 'posthorn', flags: http },
			{ who: 'nchan', flags: post },
			{ who: 'ws', flags: http },
		],
	},
	{
		name: 'publish-ndjson', unit: 'publishes/s', budget: 300000,
		command: ['publish', '--window', '4096'], perCpu: 'ingress',
		runs: [
			{ who: 'posthorn', flags: ndjson },
			{ who: 'ws', flags: ndjson },
		],
	},
	{
		name: 'publish-store', unit: 'publishes/s', budget: 200000,
		command: ['publish'], perCpu: 'store',
		runs: [{ who: 'posthorn', flags: ['--publisher', 'send'] }],
	},
	/* What is kept and synced, of what RocksDB alone does in batches of the
	 * size that came about: the rest is the bus, the numbering and the
	 * routing, on one core. */
	keptRow('publish-kept', 1),
	keptRow('publish-kept-32', 32),
	{
		name: 'kept-http-32', unit: 'publishes/s',
		command: ['publish', '--window', '4096'], perCpu: 'store',
		longer: 5,
		runs: [{ who: 'kept', name: 'posthorn',
			flags: ['--publisher', 'http', '--connections', '32',
				'--batch', '64'] }, bare],
	},
	{
		name: 'kept-latency', unit: 'us p50', better: 'less',
		value: 'p50', longer: 2,
		command: ['latency', ...own(100), '--rate', '100'],
		runs: [
			{ who: 'kept', name: 'posthorn', flags: http },
			{ who: 'posthorn', name: 'not kept', flags: http },
			{ name: 'bare sync',
				tool: ['sync', '--messages', '300',
					'--rate', '100'] },
		],
	},
	{
		name: 'kept-idle', unit: 'MiB, store', better: 'less',
		value: 'mib', memory: 'store', rounds: 1, longer: 60,
		command: ['publish', ...million],
		runs: [{ who: 'kept', name: 'posthorn',
			flags: ['--publisher', 'send'] }],
	},
	/* Nothing was ever published on these channels, or one message each. */
	{
		name: 'rejoin', unit: 'ms to the last', better: 'less',
		value: 'ms', rounds: 1, hold: thousands,
		runs: [{ who: 'kept', name: 'posthorn' }],
	},
	{
		name: 'rejoin-kept', unit: 'ms to the last', better: 'less',
		value: 'ms', rounds: 1, hold: thousands, longer: 60,
		command: ['publish', ...million],
		runs: [{ who: 'kept', name: 'posthorn',
			flags: ['--publisher', 'send'] }],
	},
	{
		name: 'kept-engine', unit: 'of a bare loop', budget: 0.7,
		value: 'ratio', tool: ['write', '--messages', '500000'],
		runs: [{ who: 'posthorn' }],
	},
	{
		name: 'kept-recover', unit: 'ms', better: 'less', value: 'ms',
		rounds: 1,
		tool: ['recover', '--messages', '10000000', '--batch', '5000'],
		runs: [{ who: 'posthorn' }],
	},
	{
		name: 'kept-history', unit: 'histories/s', value: 'histories',
		tool: ['read'], runs: [{ who: 'posthorn' }],
	},
];
