// manual.test.js - the pages about other servers name settings that there are.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bin, top } from './lib/proc.js';
import { STAGES, missing } from './lib/system.js';

const skip = missing(...STAGES);
const pages = fs.readdirSync(path.join(top, 'bin'))
	.filter((name) => /^posthorn-.*\.7$/.test(name));
const page = (name) => fs.readFileSync(bin(name), 'utf8');

// Of all stages: variable -> default, and the names of flags.
function settings() {
	const variables = new Map(), flags = new Set();

	for (const stage of STAGES) {
		const help = execFileSync(bin(stage), ['--help'],
			{ encoding: 'utf8' });

		for (const [, name, value] of help.matchAll(
			/^ +(POSTHORN_\w+)(?:=(.*?))?(?:, or _FILE)?(?: \([^ ]*\.\.[^ ]*\))?$/gm))
			variables.set(name, value ?? '');
		for (const [, name] of help.matchAll(/^ +--(\w+) /gm))
			flags.add(name);
	}
	return { variables, flags };
}

const CHANNEL = 'tyron_pubsub'; // of Redis, and no setting

test('each setting that a page names exists', { skip }, () => {
	const { variables, flags } = settings();

	assert.ok(pages.includes('posthorn-incus.7'));
	for (const name of pages) {
		const named = page(name).match(/POSTHORN_[A-Z_]+/g);

		assert.ok(named.length > 10, name);
		for (const one of named)
			assert.ok(variables.has(one) || one === 'POSTHORN_ENV',
				`${name}: ${one}`);
		for (const word of page(name).match(/\b(incus|tyron)_[a-z_]+\b/g) ?? [])
			assert.ok(flags.has(word) || word === CHANNEL,
				`${name}: ${word}`);
	}
});

// The old name, ours, and what it is if nobody says it.
const INCUS = [
	['client_broadcasts', 'HUB_INCUS_BROADCASTS', /^1$/],
	['listening_port', 'LISTEN', /^4000$/],
	['connection_timeout', 'HUB_INCUS_POLL', /^0s$/],
	['log_level', 'LOG_LEVEL', /^info$/],
	['datadog_enabled', 'STATSD', /^$/], ['datadog_host', 'STATSD', /^$/],
	['longpoll_killswitch', 'INCUS_KILLSWITCH', /^longpoll_killswitch$/],
	['redis_enabled', 'HUB_INCUS_REDIS', /^$/],
	['redis_port_6379_tcp_addr', 'REDIS', /^127\.0\.0\.1:6379$/],
	['redis_port_6379_tcp_port', 'REDIS', /^127\.0\.0\.1:6379$/],
	['redis_message_channel', 'BRIDGE_CHANNELS', /\bIncus=incus\b/],
	['redis_message_queue', 'BRIDGE_LISTS', /\bIncus_Queue=incus\b/],
	['redis_activity_consumers'], ['redis_connection_pool_size'],
	['tls_enabled', 'LISTEN', /^4000$/], ['tls_port', 'LISTEN', /^4000$/],
	['cert_file', 'TLS_CERT', /^$/], ['key_file', 'TLS_KEY', /^$/],
	['apns_enabled', 'INCUS_APNS', /^false$/],
	['gcm_enabled', 'INCUS_GCM', /^false$/],
	['apns_store_cert'], ['apns_production_url'], ['apns_sandbox_url'],
	['ios_push_sound'], ['gcm_api_key'], ['android_error_queue'],
];

test('I27: each old setting of Incus has a name and a default of ours',
	{ skip }, () => {
		const { variables } = settings();
		const rows = page('posthorn-incus.7').split('\n')
			.filter((line) => line.startsWith('.It Li'));

		for (const [old, ours, value] of INCUS) {
			const row = rows.find((line) =>
				new RegExp(`[ ]${old} .*Ta`).test(line));

			assert.ok(row, `${old} stands in the table`);
			if (ours === undefined) {
				assert.match(row, / Ta - Ta \w+/, `${old} and why`);
				continue;
			}
			assert.ok(row.includes(` Ta Ev POSTHORN_${ours} Ta `), row);
			assert.match(variables.get(`POSTHORN_${ours}`), value);
		}
	});

test('I26: each metric that is told stands on the page', () => {
	const text = page('posthorn-incus.7');
	const rows = fs.readFileSync(path.join(top, 'common/statsd.def'), 'utf8')
		.matchAll(/^(?:COUNTS|GAUGES)\("([a-z._]+)"/gm);
	const names = [...rows].map(([, name]) => name);

	assert.ok(names.length > 15);
	for (const name of [...names, 'incus.startup', 'incus.command'])
		assert.ok(new RegExp(`^\\.It Li .*${name}( |$)`, 'm').test(text), name);
});
