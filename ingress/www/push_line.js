/*
 * push_line.js - what a client of Bayeux is made of: handlers, promises,
 * extensions, and a line that sends again what was lost; the second third of
 * push.js.
 */
(function (root, make) {
	if (typeof module === 'object' && module.exports)
		module.exports = { line: make(root, (module.exports.ways ?
			module.exports : require('./push_ways.js')).ways) };
	else if (!root.Faye.Client)
		root.Faye = { line: make(root, root.Faye.ways) };
})(typeof globalThis === 'object' ? globalThis : this, (root, WAYS) => {
	'use strict';

	const TIMEOUT_S = 60; // of a poll, until the server names its own
	const GRACE = 1.2; // times that, until an answer is given up
	const RETRY_S = 5;

	// What a handler throws spoils nothing else, and is seen.
	function guarded(fn, context, ...args) {
		try {
			fn.apply(context, args);
		} catch (e) {
			setTimeout(() => {
				throw e;
			});
		}
	}

	class Emitter {
		on(event, fn, context) {
			this.handlers = this.handlers || {};
			(this.handlers[event] = this.handlers[event] || [])
				.push([fn, context]);
			return this;
		}

		once(event, fn, context) {
			const first = (...args) => {
				this.off(event, first);
				fn.apply(context, args);
			};

			return this.on(event, first);
		}

		off(event, fn, context) {
			const all = this.handlers && this.handlers[event] || [];

			if (this.handlers)
				this.handlers[event] = fn === undefined ? [] :
					all.filter(([f, c]) => f !== fn || c !== context);
			return this;
		}

		bind(...args) {
			return this.on(...args);
		}

		unbind(...args) {
			return this.off(...args);
		}

		countListeners(event) {
			return (this.handlers && this.handlers[event] || []).length;
		}

		trigger(event, ...args) {
			for (const [fn, context] of
				(this.handlers && this.handlers[event] || []).slice())
				guarded(fn, context, ...args);
		}
	}

	// A promise that can be settled from outside, with Faye's old names too.
	class Deferred {
		constructor() {
			this.promise = new Promise((resolve, reject) => {
				this.succeed = resolve;
				this.fail = reject;
			});
			this.promise.catch(() => {}); // nobody has to listen
		}

		then(...args) {
			return this.promise.then(...args);
		}

		catch(fn) {
			return this.promise.catch(fn);
		}

		callback(fn, context) {
			this.promise.then((value) => guarded(fn, context, value),
				() => {});
			return this;
		}

		errback(fn, context) {
			this.promise.catch((e) => guarded(fn, context, e));
			return this;
		}

		timeout(seconds, why) {
			const timer = setTimeout(() => this.fail(why), seconds * 1000);

			this.promise.then(() => clearTimeout(timer),
				() => clearTimeout(timer));
			return this;
		}
	}

	// CODE:ARGUMENTS:TEXT, or a sentence.
	class FayeError extends Error {
		constructor(code, params, message) {
			super(message);
			this.name = 'FayeError';
			this.code = code;
			this.params = params;
		}

		static parse(text) {
			const parts = /^([0-9]+):([^:]*):([\s\S]*)$/.exec(text || '');

			return parts === null ? new FayeError(null, [], text || '') :
				new FayeError(parseInt(parts[1], 10), parts[2].split(','),
					parts[3]);
		}

		toString() {
			return this.code === null ? this.message :
				`${this.code}:${this.params.join(',')}:${this.message}`;
		}
	}

	// ---- Extensions: each may change a message, or drop it

	class Extensible extends Emitter {
		constructor() {
			super();
			this.extensions = [];
		}

		addExtension(extension) {
			this.extensions.push(extension);
			if (extension.added)
				extension.added(this);
		}

		removeExtension(extension) {
			const at = this.extensions.indexOf(extension);

			if (at < 0)
				return;
			this.extensions.splice(at, 1);
			if (extension.removed)
				extension.removed(this);
		}

		// At once, where the extensions answer at once.
		pipe(stage, message, done) {
			const all = this.extensions.slice();
			const next = (it) => {
				let one;

				if (!it)
					return;
				do
					one = all.shift();
				while (one !== undefined && !one[stage]);
				if (one === undefined)
					done(it);
				else if (one[stage].length >= 3)
					one[stage](it, null, next);
				else
					one[stage](it, next);
			};

			next(message);
		}
	}

	// ---- How often and how long a message is tried

	class Scheduler {
		constructor(message, options) {
			this.message = message;
			this.options = options;
			this.attempts = 0;
			this.begun = Date.now();
		}

		getTimeout() {
			return this.options.timeout;
		}

		getInterval() {
			return this.options.interval;
		}

		isDeliverable() {
			const { attempts, deadline } = this.options;

			return !(attempts !== undefined && this.attempts >= attempts) &&
				!(deadline !== undefined &&
					Date.now() >= this.begun + deadline * 1000);
		}

		send() {
			this.attempts++;
		}

		succeed() {}

		fail() {}

		abort() {}
	}

	// ---- Every message that waits for its answer, and the way it goes

	class Line {
		constructor(client, endpoint, options) {
			const { location } = root;

			this.client = client;
			this.url = new URL(endpoint, location && location.href);
			this.endpoints = options.endpoints || {};
			this.timeout = options.timeout || TIMEOUT_S;
			this.retry = options.retry === undefined ? RETRY_S : options.retry;
			this.Scheduler = options.scheduler || Scheduler;
			this.headers = { ...options.headers };
			this.fetch = options.fetch || root.fetch && root.fetch.bind(root);
			this.WebSocket = options.WebSocket === undefined ?
				root.WebSocket : options.WebSocket;
			this.disabled = new Set();
			this.blocked = false; // by a browser, at another origin
			this.waiting = new Map(); // by id
			this.up = undefined;
			this.types = [];
			this.chosen = Promise.resolve(null);
		}

		of(type) {
			return this.endpoints[type] ? new URL(this.endpoints[type]) :
				this.url;
		}

		// The best of these types that is one here; messages wait for it.
		choose(types) {
			this.types = types;
			this.chosen = this.chosen.then((was) => this.pick(types, was));
			return this.chosen;
		}

		async pick(types, was) {
			for (const [type, Way] of WAYS) {
				const url = this.of(type);

				if (!types.includes(type) || this.disabled.has(type) ||
					!await Way.usable(this, url))
					continue;
				this.type = type;
				if (was instanceof Way && was.open && was.constructor === Way)
					return was;
				if (was !== null)
					this.again(was.close());
				return type === 'websocket' ? this.socket :
					new Way(this, url);
			}
			return was;
		}

		// The socket opens while the greeting goes another way.
		prepare() {
			const [type, Way] = WAYS[0];

			if (!this.disabled.has(type))
				Way.usable(this, this.of(type));
		}

		send(message, options, gone) {
			const scheduler = new this.Scheduler(message, {
				timeout: GRACE * this.timeout, interval: this.retry,
				attempts: options.attempts, deadline: options.deadline });

			this.waiting.set(message.id, { message, scheduler, gone });
			this.attempt(message.id);
		}

		attempt(id) {
			const one = this.waiting.get(id);

			if (one === undefined)
				return;
			clearTimeout(one.timer);
			if (!one.scheduler.isDeliverable()) {
				one.scheduler.abort();
				this.waiting.delete(id);
				one.gone();
				return;
			}
			one.scheduler.send();
			one.timer = setTimeout(() => this.lost([one.message], null),
				one.scheduler.getTimeout() * 1000);
			this.chosen.then((way) => {
				if (way === null)
					this.lost([one.message], null);
				else if (this.waiting.get(id) === one)
					way.send(one.message);
			});
		}

		again(batch) {
			for (const { id } of batch)
				this.attempt(id);
		}

		// A line that was up is tried again at once, once.
		lost(batch, way) {
			const at_once = this.up && way !== null && this.type === 'websocket';

			for (const { id } of batch) {
				const one = this.waiting.get(id);

				if (one === undefined)
					continue;
				one.scheduler.fail();
				clearTimeout(one.timer);
				one.timer = setTimeout(() => this.attempt(id),
					at_once ? 0 : one.scheduler.getInterval() * 1000);
			}
			if (way !== null && !at_once && this.types.length !== 0)
				this.otherwise();
			if (this.up !== false)
				this.client.trigger('transport:down');
			this.up = false;
		}

		// A page whose browser lets it read no answers has scripts left; and
		// the other way about.
		otherwise() {
			this.blocked = this.type === 'cross-origin-long-polling' &&
				typeof root.document === 'object';
			this.choose(this.types);
		}

		received(replies) {
			if (!this.up)
				this.client.trigger('transport:up');
			this.up = true;
			for (const reply of [].concat(replies)) {
				if (reply === null || typeof reply !== 'object')
					continue;
				if (reply.successful !== undefined)
					this.settle(reply.id);
				this.client.receive(reply);
			}
		}

		settle(id) {
			const one = this.waiting.get(id);

			if (one === undefined)
				return;
			clearTimeout(one.timer);
			one.scheduler.succeed();
			this.waiting.delete(id);
		}

		close() {
			for (const { timer } of this.waiting.values())
				clearTimeout(timer);
			this.waiting.clear();
			if (this.socket)
				this.socket.close();
			this.chosen = this.chosen.then((way) => {
				if (way !== null)
					way.close();
				return null;
			});
		}
	}

	return { guarded, Deferred, FayeError, Extensible, Scheduler, Line };
});
