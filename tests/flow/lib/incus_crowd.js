// incus_crowd.js - thousands of Incus' WebSockets in one process, and all that
// they are told: each message numbered by its sender, for each whom he speaks
// to, so that whatever is lost, repeated or out of order is seen at once.
import { once } from 'node:events';
import net from 'node:net';
import { authenticate, message, setpage } from './incus_client.js';
import { until } from './proc.js';
import { frame, upgrade } from './raw.js';

const AT_ONCE = 500; // connecting; the backlog is no point of this
const FAULTS = 10; // of which the text is kept

// Whom one speaks to, and how that is written in an envelope.
export const all = () => ({ name: 'all', to: {} });
export const user = (user) => ({ name: `user ${user}`, to: { user } });
export const page = (page) => ({ name: `page ${page}`, to: { page } });
export const both = (user, page) =>
	({ name: `user ${user} on ${page}`, to: { user, page } });

// Somebody who speaks, and how often he did to whom.
export class Sender {
	constructor(name) {
		this.name = name;
		this.said = new Map();
	}

	// The next envelope to them.
	next({ name, to }) {
		const n = this.said.get(name) ?? 0;

		this.said.set(name, n + 1);
		return message(to, 'm', { from: this.name, to: name, n });
	}
}

// One WebSocket.
class Member {
	constructor(crowd, { user: name, page: place }) {
		Object.assign(this, { crowd, user: name, page: place, heard: new Map(),
			rest: null, open: false,
			targets: [all(), user(name), page(place), both(name, place)]
				.map((target) => target.name) });
	}

	async connect(port) {
		this.socket = net.connect(port, '127.0.0.1');
		this.socket.on('error', (e) => this.fault(e.message));
		this.socket.on('data', (bytes) => this.take(bytes));
		await once(this.socket, 'connect');
		this.socket.on('close', () => this.crowd.over ||
			this.fault('hung up'));
		this.socket.write(Buffer.concat([
			Buffer.from(upgrade('', '/socket'), 'latin1'),
			frame(authenticate(this.user)), frame(setpage(this.page))]));
	}

	fault(text) {
		if (this.crowd.faults.push(text) <= FAULTS)
			this.crowd.faults[this.crowd.faults.length - 1] =
				`${this.user} on ${this.page}: ${text}`;
	}

	say(text) {
		this.socket.write(frame(text));
	}

	take(bytes) {
		let at = 0;

		if (this.rest !== null)
			bytes = Buffer.concat([this.rest, bytes]);
		if (!this.open) {
			at = bytes.indexOf('\r\n\r\n') + 4;
			this.open = at !== 3;
			at = this.open ? at : 0;
		}
		if (this.open)
			at = this.frames(bytes, at);
		this.rest = at < bytes.length ? bytes.subarray(at) : null;
	}

	// Where the first frame begins that is not whole.
	frames(bytes, at) {
		while (bytes.length - at >= 4) {
			const short = bytes[at + 1];
			const head = short === 126 ? 4 : 2;
			const end = at + head + (head === 2 ? short :
				bytes.readUInt16BE(at + 2));

			if (short > 126)
				this.fault(`a frame of ${short}`);
			if (end > bytes.length)
				break;
			if (bytes[at] === 0x81)
				this.hear(JSON.parse(bytes.latin1Slice(at + head, end)));
			else if (bytes[at] !== 0x89)
				this.fault(`a frame that begins with ${bytes[at]}`);
			at = end;
		}
		return at;
	}

	hear({ data: { from, to, n } }) {
		const key = `${from} to ${to}`;
		const wanted = this.heard.get(key) ?? 0;

		this.crowd.heard++;
		if (n !== wanted)
			this.fault(`${n} of ${key}, not ${wanted}`);
		this.heard.set(key, n + 1);
	}

	// All that was for it, and nothing else.
	check(senders) {
		let keys = 0;

		for (const { name, said } of senders)
			for (const target of this.targets) {
				const wanted = said.get(target) ?? 0;
				const key = `${name} to ${target}`;

				keys += wanted !== 0;
				if ((this.heard.get(key) ?? 0) !== wanted)
					this.fault(`${this.heard.get(key)} of ${key}, ` +
						`not all ${wanted}`);
			}
		if (this.heard.size !== keys)
			this.fault(`heard ${[...this.heard.keys()]}`);
	}
}

export class Crowd {
	constructor() {
		this.members = [];
		this.faults = []; // the first in words
		this.heard = 0;
	}

	// Of each { user, page }.
	async come(port, who) {
		for (let i = 0; i < who.length; i += AT_ONCE)
			await Promise.all(who.slice(i, i + AT_ONCE).map((one) => {
				const member = new Member(this, one);

				this.members.push(member);
				return member.connect(port);
			}));
	}

	// How often these senders should have been heard.
	due(senders) {
		const ears = new Map();

		for (const { targets } of this.members)
			for (const name of targets)
				ears.set(name, (ears.get(name) ?? 0) + 1);
		return senders.reduce((sum, { said }) => [...said].reduce(
			(sum, [name, n]) => sum + n * (ears.get(name) ?? 0), sum), 0);
	}

	// As soon as that is so, or something was wrong.
	async hears(senders, { ms = 60000 } = {}) {
		const due = this.due(senders);

		await until(() => this.heard >= due || this.faults.length !== 0,
			{ ms, what: `${due} messages are heard` }).catch((e) => {
			throw new Error(`${e.message}, but ${this.heard}`);
		});
		for (const member of this.members)
			member.check(senders);
	}

	leave() {
		this.over = true;
		for (const { socket } of this.members)
			socket.destroy();
	}
}
