// proc.js - starts real programs for flow tests and waits for what they do.
//
// Nothing here waits for a time to pass: until() polls a condition, and its
// deadline is only ever reached by a failure.  What a test started is killed,
// by process id, when the test file ends, whatever way it ends.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const top = fileURLToPath(new URL('../../..', import.meta.url));
export const bin = (name) => path.join(top, 'bin', name);

const DEADLINE = 10000; // ms; a loaded machine of two cores is slow
const ENDED = 60000; // ms; what is not over by then after the last test hangs
const living = new Set();
const folders = [];

// The first true value of cond(), which may be async.  Throws after ms.
export async function until(cond, { ms = DEADLINE, what = String(cond) } = {}) {
	const end = Date.now() + ms;

	for (;;) {
		const value = await cond();

		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`after ${ms} ms still not: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}

// A process that was started, its output so far, and how it ended.
class Proc {
	constructor(child, name, piped) {
		this.child = child;
		this.pid = child.pid;
		this.name = name;
		this.out = ''; // stdout and stderr
		this.exit = null; // { code, signal } once it ended
		for (const stream of piped ? [child.stderr] :
		    [child.stdout, child.stderr]) {
			stream.setEncoding('utf8');
			stream.on('data', (text) => (this.out += text));
		}
		this.exited = once(child, 'close').then(([code, signal]) => {
			living.delete(this);
			return (this.exit = { code, signal });
		});
		living.add(this);
	}

	kill(signal = 'SIGTERM') {
		return this.exit === null && this.child.kill(signal);
	}

	// The match of a regular expression in the output, as soon as there is one.
	async said(pattern, { ms = DEADLINE } = {}) {
		await until(() => pattern.test(this.out) || this.exit !== null, {
			ms,
			what: `${this.name} says ${pattern}`,
		}).catch((e) => {
			throw new Error(`${e.message}\nit said: ${this.out}`);
		});
		const match = this.out.match(pattern);

		if (match === null)
			throw new Error(`${this.name} ended without saying ` +
			    `${pattern}\nit said: ${this.out}`);
		return match;
	}

	// How it ended, as soon as it has.
	async ended({ ms = DEADLINE } = {}) {
		await until(() => this.exit !== null, {
			ms,
			what: `${this.name} ends`,
		});
		return this.exit;
	}

	async stop(signal = 'SIGTERM') {
		this.kill(signal);
		return this.ended();
	}
}

// Our environment without what speaks to programs like ours, and with `more`.
export function environment(more) {
	return { ...Object.fromEntries(Object.entries(process.env).filter(([k]) =>
		!/^(POSTHORN_|LISTEN_|READY_FD$|NOTIFY_SOCKET$|NODE_)/.test(k))),
	...more };
}

// Start a program.  With `ready` (the default) wait for its newline on
// READY_FD; it must not end before.  The environment is ours without any
// POSTHORN_ setting, and with what `env` adds.  With `piped` its stdin and
// stdout are those of proc.child, for the caller to connect.
export async function start(cmd, args = [], options = {}) {
	const { env = {}, cwd = top, ready = true, ms = DEADLINE,
		piped = false } = options;
	const child = spawn(cmd, args, {
		cwd,
		env: environment({ READY_FD: '3', ...env }),
		stdio: [piped ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'],
	});
	const failed = new Promise((_, reject) => child.on('error', reject));
	const proc = new Proc(child, path.basename(cmd), piped);
	let told = '';

	child.stdio[3].on('data', (bytes) => (told += bytes));
	failed.catch(() => living.delete(proc));
	proc.ready = () => told.includes('\n');
	if (!ready) {
		await Promise.race([failed, once(child, 'spawn')]);
		return proc;
	}
	await Promise.race([
		failed,
		until(() => proc.ready() || proc.exit !== null, {
			ms,
			what: `${proc.name} is ready`,
		}).catch((e) => {
			throw new Error(`${e.message}\nit said: ${proc.out}`);
		}),
	]);
	if (!proc.ready())
		throw new Error(`${proc.name} ended with ` +
		    `${JSON.stringify(proc.exit)} before it was ready\n` +
		    `it said: ${proc.out}`);
	return proc;
}

// A folder of one's own, removed when the test file ends.
export function tmpdir() {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'posthorn-'));

	folders.push(dir);
	return dir;
}

// Ours as long as this process lives, though nobody listens on it yet, or not
// at the moment: a test in another process that draws the same number cannot
// bind the UDP port of that name.
async function reserved(port) {
	const socket = dgram.createSocket('udp4').unref();

	socket.bind({ port, address: '127.0.0.1', exclusive: true });
	if (await once(socket, 'listening').catch(() => false))
		return true;
	socket.close();
	return false;
}

// A TCP port nobody listens on just now, and below those that the kernel gives
// to connections: a server that was killed gets it back, whatever else runs.
export async function freePort() {
	const lowest = 10240, above = 32768;

	for (;;) {
		const port = lowest + Math.floor(Math.random() *
		    (above - lowest));

		if (!await reserved(port))
			continue;
		const server = net.createServer().listen(port, '127.0.0.1');

		if (!await once(server, 'listening').catch(() => false))
			continue;
		server.close();
		await once(server, 'close');
		return port;
	}
}

// An error that tells, too, what those concerned have said: in its stack,
// which is what the runner prints.
export function saying(error, what) {
	error.stack += `\n${what}`;
	return error;
}

// Does a process with this id run?  A zombie does not.
export function runs(pid) {
	try {
		const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');

		return !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2)[0]);
	} catch {
		return false;
	}
}

function clean() {
	for (const proc of living)
		proc.kill('SIGKILL');
	// A browser's last child may still write there.
	for (const dir of folders.splice(0))
		fs.rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
}

// Hooks run in the order in which they were made.  Those of the file itself,
// which stop in order what it started and look at what that says, come before
// this one, without which living children would keep the file from ending.
queueMicrotask(() => after(async () => {
	for (const proc of [...living]) {
		proc.kill('SIGKILL');
		await proc.exited;
	}
	clean();
}));
// It is not run behind one that fails.
after(() => {
	setTimeout(() => process.exit(1), ENDED).unref();
});
process.on('exit', clean);

// To what waits in this process a second is a hundredth of one.
export function hasty(t) {
	const { setTimeout } = globalThis;

	t.after(() => (globalThis.setTimeout = setTimeout));
	globalThis.setTimeout = (fn, ms) => setTimeout(fn, ms / 100);
}
