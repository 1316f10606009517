// manual.test.js - the pages about other servers name settings that there are.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bin, top } from './lib/proc.js';
import { STAGES, missing } from './lib/system.js';

const ALL = [...STAGES, 'apns', 'gcm'];
const skip = missing(...ALL);
const pages = fs.readdirSync(path.join(top, 'bin'))
	.filter((name) => /^posthorn-.*\.7$/.test(name));
const page = (name) => fs.readFileSync(bin(name), 'utf8');

// Of all stages: variable -> default, and the names of flags.
function settings() {
	const variables = new Map(), flags = new Set();

	for (const stage of ALL) {
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
	['ios_push_sound', 'INCUS_SOUND', /^bingbong\.aiff$/],
	...['store', 'enterprise', 'beta', 'development'].flatMap((build) => {
		const ours = `APNS_${build.toUpperCase()}`;

		return [[`apns_${build}_cert`, `${ours}_CERT`, /^myapnsappcert\.pem$/],
			[`apns_${build}_private_key`, `${ours}_PRIVATE_KEY`,
				/^myapnsappprivatekey\.pem$/],
			[`apns_${build}_url`, `${ours}_URL`, build === 'development' ?
				/^api\.sandbox\.push\.apple\.com:443$/ :
				/^api\.push\.apple\.com:443$/]];
	}),
	['apns_production_url'], ['apns_sandbox_url'],
	['gcm_api_key', 'GCM_API_KEY', /^$/],
	['android_error_queue', 'INCUS_ERROR_QUEUE',
		/^Incus_Android_Error_Queue$/],
];

// Likewise, of Pandapush and of the Faye in it.
const PANDAPUSH = [
	['Li PORT', 'LISTEN', /^4000$/], ['Li NODE_ENV'],
	['Li DEV_APPLICATION_ID', 'BOOTSTRAP', /^$/],
	['Li DEV_KEY_ID', 'BOOTSTRAP', /^$/],
	['Li DEV_KEY_SECRET', 'BOOTSTRAP', /^$/],
	['Li REDIS_HOSTS', 'REDIS', /^127\.0\.0\.1:6379$/],
	['Li REDIS_URL_ENV_VARS', 'REDIS', /^127\.0\.0\.1:6379$/],
	['Li DATABASE', 'STORE_ENGINE', /^rocksdb$/],
	['Li DATABASE_PATH', 'DATA', /^data$/], ['Li DATABASE_ADDRESS'],
	['Li STATSD_HOST', 'STATSD', /^$/], ['Li STATSD_PORT', 'STATSD', /^$/],
	['Li STATSD_PREFIX'], ['Li LOG_PATH', 'LOG', /^stderr$/],
	['Li CACHE_TTL_MS'], ['Li KEY_STATS_INTERVAL_MS'],
	['Li CONNECTIONS_STATS_INTERVAL'], ['Li HOSTNAME'], ['Li AUTH_METHOD'],
	['Li SESSION_PRIVATE_KEY'], ['Li MASTER_PANDAPUSH_BASE'],
	['timeout', 'HUB_BAYEUX_TIMEOUT', /^30s$/],
	['ping', 'HUB_BAYEUX_PING', /^0s$/], ['mount'],
];

for (const [what, name, table] of [
	['I27: each old setting of Incus', 'posthorn-incus.7',
		INCUS.map(([old, ...rest]) => [`Li ${old}`, ...rest])],
	['each old setting of Pandapush', 'posthorn-pandapush.7', PANDAPUSH],
])
	test(`${what} has a name and a default of ours`, { skip }, () => {
		const { variables } = settings();
		const rows = page(name).split('\n')
			.filter((line) => line.startsWith('.It '));

		for (const [old, ours, value] of table) {
			const row = rows.find((line) =>
				new RegExp(`^\\.It ${old} Ta `).test(line));

			assert.ok(row, `${old} stands in the table`);
			if (ours === undefined) {
				assert.match(row, / Ta none( yet)?: \w+/, `${old} and why`);
				continue;
			}
			assert.ok(row.includes(` Ta Ev POSTHORN_${ours} : `), row);
			assert.match(variables.get(`POSTHORN_${ours}`), value);
		}
	});

// Of 80 columns.  What does not fit into the last cell of a row goes on behind
// the room that is declared for all of them, word by word if that is too much.
const ROOM = 73, BETWEEN = 4, LAST = 16;

test('a table of a page leaves room for what stands last in a row', () => {
	const bare = (cell) => cell.replace(/\b(Li|Ev|Sy|No|Ql|Cm) /g, '')
		.replace(/\\\(dq/g, '"').replace(/ ([,;:])/g, '$1');

	for (const name of pages)
		for (const [, head, body] of page(name).matchAll(
			/^\.Bl -column (.*)\n([^]*?)^\.El$/gm)) {
			const widths = head.match(/"[^"]*"/g)
				.map((text) => bare(text).length - 2);

			assert.ok(widths.reduce((a, b) => a + b + BETWEEN, 0) <=
				ROOM - LAST, `${name}: ${head}`);
			for (const [row] of body.matchAll(/^\.It .*/gm)) {
				const cells = row.slice(4).split(' Ta ').map(bare);

				assert.equal(cells.length, widths.length, `${name}: ${row}`);
				for (const [i, cell] of cells.slice(0, -1).entries())
					assert.ok(cell.length <= widths[i], `${name}: ${row}`);
			}
		}
});

test('I26: each metric that is told stands on the page', () => {
	const pages = { incus: page('posthorn-incus.7'),
		pandapush: page('ingress.8') };
	const rows = fs.readFileSync(path.join(top, 'common/statsd.def'), 'utf8')
		.matchAll(/^(?:COUNTS|GAUGES)\("([a-z._]+)"/gm);
	const names = [...rows].map(([, name]) => name);

	assert.ok(names.length > 15);
	for (const name of [...names, 'incus.startup', 'incus.command'])
		assert.ok(new RegExp(`^\\.It Li .*${name}( |$)`, 'm')
			.test(pages[name.split('.')[0]]), name);
});
