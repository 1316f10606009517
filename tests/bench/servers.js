'use strict';
/*
 * servers.js - the servers under test: Posthorn, the floor and the peers.
 *
 * Each is { flags, pids, stop } once started, or null with a note when the
 * machine does not have it.  All processes of a server share one core.  What
 * a server keeps is in a folder that goes when the bench ends.
 */
const { spawn } = require('child_process');
const fs = require('fs');
const net = require('net');
const path = require('path');

const TOP = path.join(__dirname, '..', '..');
const BUILD = path.resolve(TOP, process.env.B || 'build');
const SERVER_CORE = '0', LOAD_CORE = '1';
const START_MS = 5000, STOP_MS = 3000;
const LISTEN = 'http://127.0.0.1:';

const notes = new Set();

/* A port that was free a moment ago. */
function freePort() {
	return new Promise((done) => {
		const s = net.createServer();

		s.listen(0, '127.0.0.1', () => {
			const { port } = s.address();

			s.close(() => done(port));
		});
	});
}

function until(promise, ms, what) {
	let timer;

	return Promise.race([promise, new Promise((_, fail) => {
		timer = setTimeout(() => fail(new Error(what)), ms);
	})]).finally(() => clearTimeout(timer));
}

/* Start a pinned program and wait for its newline on descriptor `ready`. */
async function start(argv, env, ready) {
	const child = spawn('taskset', ['-c', SERVER_CORE, ...argv], {
		env: { ...process.env, ...env },
		stdio: ['ignore', ready === 1 ? 'pipe' : 'ignore', 'pipe',
			'pipe'],
	});
	let said = '';

	child.stderr.on('data', (d) => { said = (said + d).slice(-2000); });
	child.gone = new Promise((done) => child.on('exit', done));
	try {
		await until(Promise.race([
			new Promise((ok) => child.stdio[ready].once('data', ok)),
			child.gone.then(() => { throw new Error('ended'); }),
		]), START_MS, 'is not ready');
	} catch (e) {
		child.kill('SIGKILL');
		throw new Error(`${argv.join(' ')}: ${e.message}\n${said}`);
	}
	return child;
}

async function stop(children) {
	for (const child of children.slice().reverse()) {
		child.kill('SIGTERM');
		await until(child.gone, STOP_MS, '').catch(() => {
			child.kill('SIGKILL');
			return child.gone;
		});
	}
}

function scratch(name) {
	const dir = path.join(process.env.TMPDIR || '/tmp',
		`posthorn-bench-${process.pid}`, name);

	fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
	return dir;
}

/* What the store counts under that name. */
async function stat(port, name) {
	const reply = await fetch(`${LISTEN}${port}/metrics`, {
		headers: { authorization: `Basic ${btoa('key:secret')}` } });
	const row = (await reply.text()).split('\n').find((line) =>
		line.startsWith(`posthorn_${name}{`) &&
		line.includes('stage="store"'));

	return row ? Number(row.split(' ').pop()) : 0;
}

/* Rows without a disk in them keep nothing on one. */
async function posthorn(engine = 'memory') {
	const bin = (name) => path.join(TOP, 'bin', name);
	const missing = ['store', 'hub', 'ingress']
		.filter((name) => !fs.existsSync(bin(name)));

	if (missing.length !== 0) {
		notes.add(`posthorn: no bin/${missing.join(', bin/')}`);
		return null;
	}
	const port = await freePort(), dir = scratch(`run-${port}`);
	const env = {
		POSTHORN_RUN: dir, POSTHORN_BOOTSTRAP: 'bench:key:secret',
		POSTHORN_LISTEN: String(port), READY_FD: '3',
		POSTHORN_STORE_ENGINE: engine,
		POSTHORN_DATA: path.join(dir, 'data'),
		POSTHORN_HUB_SUBSCRIPTIONS: '1000',
		POSTHORN_PERSONAS: 'incus pandapush tyron',
	};
	const children = [], pids = {};

	for (const name of ['store', 'hub', 'ingress']) {
		try {
			children.push(await start([bin(name)], env, 3));
		} catch (e) {
			await stop(children);
			throw e;
		}
		pids[name] = children[children.length - 1].pid;
	}
	/* The store dies of a signal it cannot see, and comes back. */
	const restart = async () => {
		children[0].kill('SIGKILL');
		await children[0].gone;
		children[0] = await start([bin('store')], env, 3);
		pids.store = children[0].pid;
	};

	/* What it kept goes with it, so that the next one writes into memory
	 * as warm as this: the first touch of a page may cost ten others. */
	const end = async () => {
		await stop(children);
		fs.rmSync(dir, { recursive: true, force: true });
	};

	return {
		pids, memory: pids.hub, stop: end, restart,
		engine, stat: (name) => stat(port, name),
		flags: ['--url', `ws://127.0.0.1:${port}/v1/ws`, '--proto',
			'native', '--pub-url', `${LISTEN}${port}/v1/publish`,
			'--auth', 'key:secret'],
		send: `POSTHORN_RUN=${dir} exec ${bin('send')}`,
	};
}

async function rawfan() {
	const port = await freePort();
	const child = await start(
		[path.join(BUILD, 'tests/bench/rawfan'), String(port)], {}, 1);

	return {
		pids: { rawfan: child.pid }, memory: child.pid,
		stop: () => stop([child]), publisher: 'rawfan',
		flags: ['--url', `ws://127.0.0.1:${port}/`, '--proto', 'raw',
			'--pub-url', `${LISTEN}${port}/`],
	};
}

const NCHAN_MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';

function nginxConfig(port) {
	return `load_module ${NCHAN_MODULE};
user root;
daemon off; master_process off; worker_processes 1;
worker_rlimit_nofile 20000; pid nginx.pid; error_log error.log crit;
events { worker_connections 19000; }
http {
	access_log off; client_body_temp_path body; proxy_temp_path proxy;
	fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
	scgi_temp_path scgi; keepalive_requests 100000000;
	nchan_max_reserved_memory 512M;
	server {
		listen 127.0.0.1:${port} backlog=4096;
		location /sub { nchan_subscriber websocket eventsource;
			nchan_channel_id $arg_id; }
		location /pub { nchan_publisher http;
			nchan_channel_id $arg_id; nchan_store_messages on;
			nchan_message_buffer_length 1000;
			nchan_message_timeout 10s; }
	}
}
`;
}

/* nginx says nothing when it is ready: ask until it answers. */
async function answers(port) {
	for (const end = Date.now() + START_MS; Date.now() < end;) {
		const ok = await new Promise((done) => {
			const s = net.connect(port, '127.0.0.1',
				() => { s.destroy(); done(true); });

			s.on('error', () => setTimeout(done, 20, false));
		});
		if (ok)
			return true;
	}
	return false;
}

async function nchan() {
	const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx']
		.find((p) => fs.existsSync(p));

	if (!nginx || !fs.existsSync(NCHAN_MODULE)) {
		notes.add('nchan: needs nginx and libnginx-mod-nchan');
		return null;
	}
	const port = await freePort(), dir = scratch(`nchan-${port}`);

	fs.writeFileSync(path.join(dir, 'nginx.conf'), nginxConfig(port));
	const child = spawn('taskset', ['-c', SERVER_CORE, nginx, '-p',
		dir + '/', '-c', 'nginx.conf', '-e', 'error.log'],
		{ stdio: 'ignore' });

	child.gone = new Promise((done) => child.on('exit', done));
	if (!await answers(port)) {
		notes.add('nchan: nginx did not start');
		child.kill('SIGKILL');
		return null;
	}
	return {
		pids: { nginx: child.pid }, memory: child.pid,
		stop: () => stop([child]), publisher: 'post',
		flags: ['--url', `ws://127.0.0.1:${port}/sub?id=%c`,
			'--proto', 'raw',
			'--pub-url', `${LISTEN}${port}/pub?id=%c`],
	};
}

async function ws() {
	let at;

	try {
		at = require.resolve(process.env.BENCH_WS || 'ws', { paths:
			['tests/bench', 'tests/flow', 'tests', '.']
				.map((d) => path.join(TOP, d)) });
	} catch (e) {
		notes.add('ws: npm package not installed (or set BENCH_WS)');
		return null;
	}
	const port = await freePort();
	const child = await start(['node', path.join(__dirname, 'ws_peer.js'),
		String(port)], { BENCH_WS: at }, 1);

	return {
		pids: { node: child.pid }, memory: child.pid,
		stop: () => stop([child]),
		flags: ['--url', `ws://127.0.0.1:${port}/%c`, '--proto', 'raw',
			'--pub-url', `${LISTEN}${port}/`],
	};
}

const kept = () => posthorn('rocksdb');

module.exports = { posthorn: () => posthorn(), kept, rawfan, nchan, ws, notes,
	until, scratch, BUILD, LOAD_CORE, SERVER_CORE };
