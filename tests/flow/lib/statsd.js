// statsd.js - a StatsD that keeps what it is told: sums of counters, of gauges
// the last, and which times there were.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { until } from './proc.js';

// What is said of a failure, at that time.
const said = (toString) => ({ toString });

export async function statsd() {
	const socket = dgram.createSocket('udp4');
	const counters = new Map(), gauges = new Map(), times = [];

	socket.on('message', (bytes) => {
		assert.ok(bytes.length <= 1400, `${bytes.length} bytes`);
		for (const line of `${bytes}`.split('\n')) {
			const [, name, value, kind] =
				/^([\w.-]+):(\d+)\|(c|g|ms)$/.exec(line) ??
				assert.fail(`no metric: ${line}`);

			if (kind === 'ms')
				times.push(name);
			else if (kind === 'g')
				gauges.set(name, Number(value));
			else
				counters.set(name, (counters.get(name) ?? 0) +
					Number(value));
		}
	});
	socket.bind(0, '127.0.0.1');
	await once(socket, 'listening');
	return {
		address: `127.0.0.1:${socket.address().port}`, counters, gauges,
		times,
		names: () => [...counters.keys(), ...gauges.keys()],
		counted: (more) => until(() => Object.entries(more).every(
			([name, n]) => counters.get(name) === n),
		{ what: said(() => `${JSON.stringify(more)}, not ${JSON.stringify(
			Object.fromEntries(counters))}`) }),
		shows: (name, n) => until(() => gauges.get(name) === n,
			{ what: said(() => `${name} is ${n}, not ${gauges.get(name)}`) }),
		close: () => socket.close(),
	};
}
