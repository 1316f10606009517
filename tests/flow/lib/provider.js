// provider.js - what services of vendors have in common: an authority of their
// own, TLS, and being gone and back at the same address.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { freePort, tmpdir } from './proc.js';

const NAMES = ['api.push.apple.com', 'api.sandbox.push.apple.com',
	'fcm.googleapis.com', 'oauth2.googleapis.com', 'localhost'];
const SAN = [...NAMES.map((name) => `DNS:${name}`), 'IP:127.0.0.1'].join();
const openssl = (...args) => execFileSync('openssl', args,
	{ stdio: 'ignore' });

// Makes certificates; each is { cert, key }, the paths of PEM files.
export class Authority {
	constructor() {
		this.dir = tmpdir();
		this.key = this.path('ca.key');
		this.cert = this.path('ca.pem');
		openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
			'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
			'-subj', '/CN=Test CA', '-keyout', this.key,
			'-out', this.cert);
	}

	path(name) {
		return path.join(this.dir, name);
	}

	issue(name, extension = '') {
		const [key, request, cert, more] =
			['key', 'csr', 'pem', 'ext'].map((end) => this.path(`${name}.${end}`));

		fs.writeFileSync(more, extension);
		openssl('req', '-new', '-newkey', 'ec', '-pkeyopt',
			'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`,
			'-keyout', key, '-out', request);
		openssl('x509', '-req', '-in', request, '-CA', this.cert,
			'-CAkey', this.key, '-CAcreateserial', '-days', '2',
			'-extfile', more, '-out', cert);
		return { cert, key };
	}

	// Of all the vendors' hosts.
	server() {
		return this.issue('server', `subjectAltName=${SAN}\n`);
	}
}

const living = new Set();

after(() => living.forEach((one) => one.gone()));

// make() gives a server that does not listen yet.
export class Provider {
	constructor(make) {
		this.make = make;
		this.sockets = new Set();
	}

	// The first time at any port, then at the same, which nobody else was given
	// meanwhile.
	async here() {
		this.port ??= await freePort();
		living.add(this);
		this.server = this.make();
		this.server.on('connection', (socket) => {
			this.sockets.add(socket);
			socket.on('close', () => this.sockets.delete(socket));
			socket.on('error', () => {});
		});
		this.server.on('sessionError', () => {});
		this.server.on('tlsClientError', () => {});
		this.server.listen(this.port, '127.0.0.1');
		await once(this.server, 'listening');
		return this;
	}

	// As if its host had been switched off.
	cut() {
		this.sockets.forEach((socket) => socket.resetAndDestroy?.() ??
			socket.destroy());
	}

	async gone() {
		living.delete(this);
		this.server?.close();
		this.server = null;
		this.cut();
	}
}
