// check.test.js - -t finds what a start would find wrong in the settings, ends
// as it would, and touches nothing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { bin, start, tmpdir } from './lib/proc.js';
import { missing } from './lib/system.js';

const STAGES = ['store', 'hub', 'ingress', 'bridge', 'send', 'tap'];
const skip = missing(...STAGES);
const KEY = 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7';

// stage, settings, and what is said of them.
const WRONG = [
	['store', { HISTORY: '/**=many' }, /name=history row=/],
	['store', { STORE: 'udp://x' }, /name=store why="the endpoint /],
	['store', { STORE_BIND: 'x' }, /name=bind why="the endpoint /],
	['store', { STORE: 'a@ipc://x b@ipc://y', NAME: 'c' }, /name=store /],
	['store', { BOOTSTRAP: 'a:b' }, /name=bootstrap why="a word is/],
	['store', { STORE: 'tcp://*:4100' }, /beyond loopback .*bus_secret_key/],
	['store', { BUS_SECRET_KEY: 'short' }, /not 40 characters of Z85/],
	['store', { BUS_SECRET_KEY: KEY }, /bus_clients/],
	['store', { BUS_SECRET_KEY: KEY, BUS_CLIENTS: `${KEY} x` }, /bus_clients is not/],
	['hub', { STORE: 'x' }, /name=store why="the endpoint/],
	['hub', { BUS_SERVER_KEY: KEY }, /bus keys are not/],
	['hub', { BUS_SERVER_KEY: KEY, BUS_PUBLIC_KEY: KEY, BUS_SECRET_KEY: 'x' },
		/bus keys are not/],
	['hub', { LISTEN: 'nowhere' }, /name=listen value=nowhere/, 'HUB_'],
	['hub', { SLOW: 'fastest' }, /slow=/, 'HUB_'],
	['hub', { TRUSTED_PROXIES: '10.0.0.1/8' }, /name=trusted_proxies/],
	['ingress', { LISTEN: '4000=nobody' }, /name=listen .*no such persona/],
	['ingress', { LISTEN: '4000 4000' },
		/name=listen value=4000 why="an earlier listener has this port"/],
	['ingress', { LISTEN: 'x' }, /name=listen .*no such address/],
	['ingress', { LISTEN: '1443+tls' }, /name=tls_cert .*a listener has \+tls/],
	['ingress', { LISTEN: '1443+tls', TLS_CERT: 'c' },
		/name=tls_key .*a listener has \+tls/],
	['ingress', { PERSONAS: 'incus tyrone' },
		/name=personas value=tyrone/],
	['hub', { PERSONAS: 'x' }, /name=personas value=x/],
	['hub', { TYRON_TEXT: 'text/css' }, /name=tyron_text value=text\/css/],
	['ingress', { TYRON_TEXT: 'text/css' }, /name=tyron_text value=text\/css/],
	['ingress', { TRUSTED_PROXIES: 'me' }, /name=trusted_proxies value=me/],
	['ingress', { LOG_LEVEL: 'loud' }, /log_level.*err, warn/],
	['ingress', { BUS: 'x' }, /name=bus why="is - or not given"/],
	['bridge', { REDIS: 'redis://u:p@h' }, /name=redis why="the password/],
	['bridge', { REDIS: 'h:99999' }, /name=redis why="not host:port/],
	['bridge', { REDIS: 'h' }, /name=redis why="not host:port/],
	['bridge', { REDIS: 'redis://h:x/1' }, /name=redis why="not host:port/],
	['bridge', { LISTS: 'a=unknown' }, /name=lists word=/, 'BRIDGE_'],
	['send', { TEXT: '1' }, /--text needs a channel/, 'SEND_'],
	['tap', { FRAME: 'nothing' }, /tap: /, 'TAP_'],
];

async function run(stage, args, settings, prefix = '') {
	const cwd = tmpdir();
	const proc = await start(bin(stage), args, { ready: false, cwd,
		env: { ...Object.fromEntries(Object.entries(settings)
			.map(([k, v]) => [`POSTHORN_${prefix}${k}`, v])),
		POSTHORN_LOG: stage === 'send' ? 'stderr' : path.join(cwd, 'log') } });
	const { code } = await proc.ended();
	const made = fs.readdirSync(cwd);

	return { code, out: proc.out, made,
		log: made.includes('log') ?
			fs.readFileSync(path.join(cwd, 'log'), 'utf8') : '' };
}

for (const [stage, settings, said, prefix] of WRONG)
	test(`${stage} ${JSON.stringify(settings)}`, { skip }, async () => {
		const checked = await run(stage, ['-t'], settings, prefix);

		assert.equal(checked.code, 100, checked.out);
		assert.match(checked.out, said);
		assert.deepEqual(checked.made, []);
		const started = await run(stage, [], settings, prefix);

		assert.equal(started.code, 100, started.out + started.log);
		assert.match(started.out + started.log, said);
	});

test('good settings are printed, whatever the world is like', { skip },
	async () => {
		const taken = net.createServer().listen(0, '127.0.0.1');

		await once(taken, 'listening');
		const LISTEN = `127.0.0.1:${taken.address().port}`;

		for (const stage of STAGES) {
			const { code, out, made } = await run(stage, ['-t'],
				{ LISTEN, DATA: '/proc/no', RUN: '/proc/no', REDIS: 'no:1' });

			assert.equal(code, 0, `${stage}: ${out}`);
			assert.match(out, /POSTHORN_/);
			assert.deepEqual(made, []);
		}
		taken.close();
	});
