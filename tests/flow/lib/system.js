// system.js - a whole Posthorn of one's own: bin/up with a Procfile in a
// temporary folder, on free ports, with one application and one key.
//
// Stages are known by the name up gives them: hub.1.  Their process ids are
// read from /proc, so that a test can kill exactly one of them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { bin, freePort, runs, start, tmpdir, until } from './proc.js';
import { eachAddsUp, tally } from './tally.js';

export const APP = 'app';
export const KEY = 'key:secret'; // id and secret, as curl -u wants them
export const STAGES = ['store', 'hub', 'ingress', 'bridge'];
const ANSWER = 20000; // ms; an HTTP request has hung
const BASIC = `Basic ${Buffer.from(KEY).toString('base64')}`;

// Every story can be told on more than one of each: FLOW_SCALED=1.
export const SCALED = process.env.FLOW_SCALED === '1';
export const WIDE = {
	formation: 'hub=3,ingress=2,store=2',
	env: {
		POSTHORN_SHARDS: '64',
		POSTHORN_STORE: 'store.1@ipc://run/store.1 store.2@ipc://run/store.2',
	},
};

// A reason to skip, as long as a stage has not been built; else false.
export function missing(...names) {
	const absent = names.filter((name) => !fs.existsSync(bin(name)));

	return absent.length !== 0 && `not built: ${absent}`;
}

// What /proc says of the children of a process: PS -> id.
function children(pid) {
	const found = new Map();

	for (const id of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
		try {
			const stat = fs.readFileSync(`/proc/${id}/stat`, 'utf8');
			const [state, parent] =
				stat.slice(stat.lastIndexOf(')') + 2).split(' ');

			if (Number(parent) !== pid || 'ZX'.includes(state))
				continue;
			const ps = fs.readFileSync(`/proc/${id}/environ`, 'utf8')
				.split('\0').find((line) => line.startsWith('PS='));

			if (ps)
				found.set(ps.slice(3), Number(id));
		} catch {
			// it ended meanwhile
		}
	return found;
}

// The connections of this host, as rows of /proc that somebody holds: what is
// left of one that is over belongs to nobody.
const connections = () => fs.readFileSync('/proc/net/tcp', 'utf8').split('\n')
	.map((line) => line.trim().split(/\s+/))
	.filter(([, , , , , , , , , inode = '0']) => inode !== '0');

// The descriptor of the server's end of a connection among them, as /proc
// names it: others may have connections from the same port.
function farEnd(connections, port, own) {
	const hex = (n) => n.toString(16).toUpperCase().padStart(4, '0');
	const rows = connections.filter(([, , remote]) =>
		remote === `0100007F:${hex(port)}`);
	const row = rows.find(([, local]) => local.endsWith(`:${hex(own)}`)) ??
		rows[0];

	return row && `socket:[${row[9]}]`;
}

// What /proc says, or nothing of what has gone meanwhile.
function had(read, otherwise) {
	try {
		return read();
	} catch {
		return otherwise;
	}
}

// What a process holds, as /proc names it.
function descriptors(pid) {
	const folder = `/proc/${pid}/fd`;

	return had(() => fs.readdirSync(folder), []).map((fd) =>
		had(() => fs.readlinkSync(path.join(folder, fd)), ''));
}

class System {
	constructor({ port, dir, env, secure }) {
		Object.assign(this, { port, dir, env });
		this.scheme = secure ? 'https' : 'http';
	}

	get out() {
		return this.up.out;
	}

	url(where, scheme = this.scheme) {
		return `${scheme}://127.0.0.1:${this.port}${where}`;
	}

	// Of all stages that run, their process ids by their names.
	pids() {
		return children(this.up.pid);
	}

	names() {
		return [...this.pids().keys()];
	}

	pid(ps) {
		const id = this.pids().get(ps);

		assert.ok(id, `${ps} runs`);
		return id;
	}

	// The stages that hold the connections clients made from these ports.  It
	// is one look at all of /proc, with everything else of the test standing
	// still meanwhile.  An ingress that has passed one on may not have closed
	// its own descriptor yet: whoever else has one holds it.
	holders(ports) {
		const all = connections();
		const held = new Map();

		for (const [ps, id] of this.pids())
			for (const name of descriptors(id))
				if (!held.has(name) ||
					held.get(name).startsWith('ingress.'))
					held.set(name, ps);
		return ports.map((port) => port &&
			held.get(farEnd(all, port, this.port)));
	}

	holder(port) {
		return this.holders([port])[0];
	}

	signal(ps, signal) {
		const id = this.pid(ps);

		process.kill(id, signal);
		return id;
	}

	// Kill it for good measure, at once or as soon as it was started again, and
	// wait until it is dead.
	async kill(ps) {
		if (!this.pids().has(ps))
			await until(() => this.pids().has(ps), { what: `${ps} runs` });
		const id = this.signal(ps, 'SIGKILL');

		await until(() => !runs(id), { what: `${ps} is dead` });
	}

	// One more process beside those of up, with the same settings.
	more(stage, ps, { args = [], env = {}, ready } = {}) {
		return start(bin(stage), args,
			{ cwd: this.dir, ready, env: { ...this.env, PS: ps, ...env } });
	}

	request(where, options = {}) {
		return fetch(this.url(where), { signal: AbortSignal.timeout(ANSWER),
			...options,
			headers: { authorization: BASIC, ...options.headers } });
	}

	// POST /v1/publish as it is; { status, headers, json }.
	async post(body, { query = '', type = 'application/json', headers } = {}) {
		const reply = await this.request(`/v1/publish${query}`, {
			method: 'POST', body,
			headers: { 'content-type': type, ...headers } });

		return { status: reply.status, headers: reply.headers,
			json: await reply.json() };
	}

	// Publish one envelope or several, which must be accepted.
	async publish(what) {
		const { status, json } = await this.post(JSON.stringify(what));

		assert.equal(status, 200, JSON.stringify(json));
		for (const one of [json].flat())
			assert.ok(one.cursor, JSON.stringify(one));
		return json;
	}

	// The same by a shell pipe, which needs no key.
	async send(what) {
		const pipe = await start(bin('send'), [], { cwd: this.dir,
			ready: false, piped: true, env: this.env });

		pipe.child.stdin.end(`${JSON.stringify(what)}\n`);
		assert.equal((await pipe.ended()).code, 0);
	}

	// A position from which all that follows on a channel can be had.
	async mark(channel) {
		return (await this.publish({ channel, data: 'mark' })).cursor;
	}

	// The same for several channels and patterns.
	async position(...channels) {
		const answer = await this.json(`/v1/poll?timeout=0&${channels.map(
			(channel) => `channel=${encodeURIComponent(channel)}`).join('&')}`);

		assert.equal(typeof answer.cursor, 'string', JSON.stringify(answer));
		return answer.cursor;
	}

	async json(where, options) {
		return (await this.request(where, options)).json();
	}

	// Every sample of /metrics whose name ends so: [{ name, labels, value }].
	async metrics(name, options) {
		const text = await (await this.request('/metrics', options)).text();
		const row = /^([a-z_]+)(?:\{(.*)\})? ([-+.\deE]+)$/;

		return text.split('\n').map((line) => row.exec(line))
			.filter((match) => match !== null && match[1].endsWith(name))
			.map(([, name, labels = '', value]) =>
				({ name, labels, value: Number(value) }));
	}

	async sum(name, labels = '') {
		return (await this.metrics(name))
			.filter((row) => row.labels.includes(labels))
			.reduce((all, row) => all + row.value, 0);
	}

	// As soon as /readyz says so.
	readyz({ ms } = {}) {
		return until(() => fetch(this.url('/readyz'),
			{ signal: AbortSignal.timeout(1000) })
			.then((reply) => reply.ok).catch(() => false),
		{ ms, what: 'the ingress says that all are ready' })
			.catch((e) => {
				throw new Error(`${e.message}\n${this.out}`);
			});
	}

	// And so would those ingresses that /readyz did not come to: every store
	// counts the links of all.
	async linked(stages, formation) {
		const count = (stage) => stages.includes(stage) ?
			Number(new RegExp(`${stage}=(\\d+)`).exec(formation)?.[1] ?? 1) : 0;
		const peers = ['hub', 'ingress', 'bridge']
			.reduce((all, stage) => all + count(stage), 0);

		await this.readyz();
		if (count('ingress') > 1)
			await until(async () => (await this.metrics('bus_links'))
				.filter(({ value }) => value >= peers).length >=
				count('store'), { what: `every store has ${peers} links` });
	}

	// The .env file, which the environment overrules.
	say(settings) {
		fs.writeFileSync(path.join(this.dir, '.env'),
			Object.entries(settings)
				.map(([name, value]) => `${name}='${value}'\n`).join(''));
	}

	// Whatever a test did: if it still answers, its counters add up.
	async stop() {
		const all = await tally(this, { signal: AbortSignal.timeout(3000) })
			.catch(() => []);

		await this.up.stop();
		eachAddsUp(all);
	}
}

// Start it and wait until it is ready.
//   stages     name -> command, or a list of names
//   formation  as -c of up; that of WIDE brings its settings
//   env        settings besides
//   file       settings that stand in .env instead
//   listen     POSTHORN_LISTEN, where PORT stands for the port
export async function system({ stages = ['store', 'hub', 'ingress'],
	formation = SCALED ? WIDE.formation : '', env = {}, file = {},
	listen = '127.0.0.1:PORT', secure = false, ready = true } = {}) {
	const dir = tmpdir();
	const port = await freePort();
	const commands = Array.isArray(stages) ?
		Object.fromEntries(stages.map((name) => [name, bin(name)])) : stages;
	const settings = {
		POSTHORN_RUN: path.join(dir, 'run'),
		POSTHORN_DATA: path.join(dir, 'data'),
		POSTHORN_LISTEN: listen.replaceAll('PORT', port),
		POSTHORN_BOOTSTRAP: `${APP}:${KEY}`,
		...(formation === WIDE.formation ? WIDE.env : {}),
		...env,
	};
	for (const name of Object.keys(file))
		delete settings[name];
	const it = new System({ port, dir, env: settings, secure });

	it.say(file);

	fs.writeFileSync(path.join(dir, 'Procfile'), Object.entries(commands)
		.map(([name, command]) => `${name}: ${command}\n`).join(''));
	it.up = await start(bin('up'), formation ? ['-c', formation] : [],
		{ cwd: dir, env: settings, ready });
	if (ready && 'ingress' in commands && !secure)
		await it.linked(Object.keys(commands), formation);
	return it;
}
