/*
 * push.js - a client of Bayeux with the face of Faye's, for pages and Node.
 *
 *	const client = new Faye.Client('http://host:4000/push');
 *	client.subscribe('/app/public/news', (data) => ...);
 *	client.publish('/app/public/news', { text: 'hi' });
 *
 * It greets by a request, and goes on by WebSocket as soon as there is one, by
 * long polls until then; where a page may not read another origin's answers,
 * by scripts.  What is lost on its way is sent again, under the same id; a
 * server that has forgotten the client is greeted and subscribed to again.
 */
(function (root, make) {
	if (typeof module === 'object' && module.exports)
		module.exports = make(root, (module.exports.line ? module.exports :
			require('./push_line.js')).line);
	else if (!root.Faye.Client)
		root.Faye = make(root, root.Faye.line);
})(typeof globalThis === 'object' ? globalThis : this, (root, parts) => {
	'use strict';

	const { guarded, Deferred, FayeError, Extensible, Scheduler, Line } = parts;
	const VERSION = '1.4.3'; // whose face it has
	const BAYEUX_VERSION = '1.0';
	const HANDSHAKE = '/meta/handshake';
	const CONNECT = '/meta/connect';
	const SUBSCRIBE = '/meta/subscribe';
	const UNSUBSCRIBE = '/meta/unsubscribe';
	const DISCONNECT = '/meta/disconnect';
	const AGAIN_MAX = 3; // greetings one subscription may outlive
	const WAITING_MAX = 1000; // messages that are not answered yet
	const CONNECTION_TYPES = ['long-polling', 'cross-origin-long-polling',
		'callback-polling', 'websocket', 'eventsource', 'in-process'];

	// ---- The client

	class Subscription extends Deferred {
		constructor(client, channel, fn, context) {
			super();
			this.client = client;
			this.channel = channel;
			this.fn = fn;
			this.context = context;
			this.confirmed = this.cancelled = false;
		}

		withChannel(fn, context) {
			this.whole = [fn, context];
			return this;
		}

		apply(context, [message]) {
			if (this.fn)
				guarded(this.fn, this.context, message.data);
			if (this.whole)
				guarded(this.whole[0], this.whole[1], message.channel,
					message.data);
		}

		cancel() {
			this.client.unsubscribe(this.channel, this);
		}

		unsubscribe() {
			this.cancel();
		}
	}

	// All the names and patterns under which a channel is listened to.
	function expand(channel) {
		const parts = channel.split('/').slice(1, -1);
		const names = [channel, `/${[...parts, '*'].join('/')}`];

		for (let n = parts.length; n >= 0; n--)
			names.push(`/${[...parts.slice(0, n), '**'].join('/')}`);
		return names;
	}

	class Client extends Extensible {
		constructor(endpoint = '/bayeux', options = {}) {
			super();
			this.endpoint = endpoint;
			this.line = new Line(this, endpoint, options);
			this.state = 'UNCONNECTED';
			this.clientId = null;
			this.advice = { reconnect: 'retry',
				interval: 1000 * (options.interval || 0),
				timeout: 1000 * this.line.timeout };
			this.ids = 0;
			this.greetings = 0; // since a poll went well
			this.callbacks = new Map(); // by id, of what was sent
			this.channels = new Map(); // of sets of subscriptions
			this.connecting = []; // who waits for the greeting
			this.polling = false;
			if (typeof root.document === 'object' && root.addEventListener) {
				root.addEventListener('pagehide', () => this.leaves());
				root.addEventListener('pageshow', ({ persisted }) => {
					if (persisted && this.left)
						this.connect();
				});
			}
		}

		disable(feature) {
			this.line.disabled.add(feature);
		}

		setHeader(name, value) {
			this.line.headers[name] = value;
		}

		getClientId() {
			return this.clientId;
		}

		getState() {
			return this.state;
		}

		// ---- Greeting and polling

		handshake(fn, context) {
			if (fn)
				this.connecting.push([fn, context]);
			if (this.advice.reconnect === 'none' || this.pausing ||
				this.state !== 'UNCONNECTED')
				return;
			this.state = 'CONNECTING';
			this.line.prepare();
			this.line.choose(['long-polling', 'cross-origin-long-polling',
				'callback-polling']);
			this.say({ channel: HANDSHAKE, version: BAYEUX_VERSION,
				supportedConnectionTypes: CONNECTION_TYPES }, {},
			(reply) => this.greeted(reply));
		}

		greeted(reply) {
			if (this.state !== 'CONNECTING')
				return;
			if (!reply.successful) {
				this.state = 'UNCONNECTED';
				this.again(this.line.retry);
				return;
			}
			this.state = 'CONNECTED';
			this.clientId = reply.clientId;
			this.line.choose(reply.supportedConnectionTypes || []);
			for (const [channel, all] of this.channels)
				if ([...all].some(({ confirmed }) => confirmed))
					this.resubscribe(channel);
			this.connect();
			for (const [fn, context] of this.connecting.splice(0))
				guarded(fn, context);
		}

		// Greet again, and not before, whoever asks for it.
		again(seconds) {
			this.pausing = true;
			this.later(() => {
				this.pausing = false;
				this.connect();
			}, seconds * 1000);
		}

		later(fn, ms) {
			clearTimeout(this.timer);
			this.timer = setTimeout(fn, ms);
		}

		connect(fn, context) {
			if (this.advice.reconnect === 'none' ||
				this.state === 'DISCONNECTED')
				return;
			if (this.state !== 'CONNECTED') {
				this.handshake(fn, context);
				return;
			}
			if (fn)
				guarded(fn, context);
			if (this.polling)
				return;
			this.polling = true;
			this.line.chosen.then(() => this.poll());
		}

		poll() {
			if (this.state !== 'CONNECTED')
				return;
			this.pollId = this.say({ channel: CONNECT,
				clientId: this.clientId,
				connectionType: this.line.type }, {}, (reply) => {
				if (reply.successful)
					this.greetings = 0;
				this.polling = false;
				this.later(() => this.connect(), reply.successful ?
					this.advice.interval : this.line.retry * 1000);
			});
		}

		disconnect() {
			const done = new Deferred();
			const over = () => {
				this.line.close();
				this.channels.clear();
				done.succeed();
			};
			const { state } = this;

			clearTimeout(this.timer);
			this.state = 'DISCONNECTED';
			if (state === 'CONNECTED')
				this.say({ channel: DISCONNECT, clientId: this.clientId },
					{ attempts: 1 }, over);
			else
				over();
			return done;
		}

		// The page goes, and with it all but what a browser sends later.  It
		// may be shown again, and is then greeted anew.
		leaves() {
			const { line, clientId, state } = this;

			if (state !== 'CONNECTED' || line.disabled.has('autodisconnect'))
				return;
			this.left = true;
			this.lapse();
			root.navigator.sendBeacon(line.of('long-polling').href,
				new URLSearchParams({ message: JSON.stringify([{
					channel: DISCONNECT, clientId, id: 'last' }]) }));
		}

		// It has no clientId any more, and its poll no meaning.
		lapse() {
			this.state = 'UNCONNECTED';
			this.clientId = null;
			this.polling = false;
			this.callbacks.delete(this.pollId);
			this.line.settle(this.pollId);
			clearTimeout(this.timer);
		}

		// ---- Channels

		subscribe(channel, fn, context) {
			let one;

			if (Array.isArray(channel))
				return channel.map((c) => this.subscribe(c, fn, context));
			one = new Subscription(this, channel, fn, context);
			if (!this.channels.has(channel))
				this.channels.set(channel, new Set());
			this.channels.get(channel).add(one);
			this.connect(() => this.ask(one, AGAIN_MAX));
			return one;
		}

		// Each subscription asks for itself, as each may show another token.
		ask(one, again) {
			const { channel } = one;
			const { clientId } = this;

			if (one.cancelled)
				return;
			this.say({ channel: SUBSCRIBE, clientId,
				subscription: channel }, {}, (reply) => {
				const why = FayeError.parse(reply.error);

				if (reply.successful && one.cancelled) {
					this.leave(channel);
				} else if (reply.successful) {
					one.confirmed = true;
					one.succeed();
				} else if (why.code === 401 && again > 0) {
					if (clientId === this.clientId)
						this.forgotten();
					this.connect(() => this.ask(one, again - 1));
				} else {
					this.forget(channel, one);
					one.fail(why);
				}
			});
		}

		resubscribe(channel) {
			this.say({ channel: SUBSCRIBE, clientId: this.clientId,
				subscription: channel }, {}, ({ successful, error }) => {
				if (!successful)
					this.trigger('subscribe:failed', channel,
						FayeError.parse(error));
			});
		}

		forget(channel, one) {
			const all = this.channels.get(channel);

			if (all === undefined)
				return;
			for (const each of one === undefined ? [...all] : [one]) {
				each.cancelled = true;
				all.delete(each);
			}
			if (all.size === 0)
				this.channels.delete(channel);
		}

		unsubscribe(channel, one) {
			if (Array.isArray(channel)) {
				channel.forEach((c) => this.unsubscribe(c, one));
			} else if (this.channels.has(channel)) {
				this.forget(channel, one);
				this.leave(channel);
			}
		}

		leave(channel) {
			if (!this.channels.has(channel) && this.state === 'CONNECTED')
				this.say({ channel: UNSUBSCRIBE, clientId: this.clientId,
					subscription: channel }, {}, () => {});
		}

		publish(channel, data, options = {}) {
			const done = new Deferred();

			if (this.line.waiting.size + this.connecting.length >=
				WAITING_MAX) {
				done.fail(FayeError.parse('Too many messages wait'));
				return done;
			}
			this.connect(() => this.say({ channel, data,
				clientId: this.clientId }, options, (reply) => {
				if (reply.successful)
					done.succeed();
				else
					done.fail(FayeError.parse(reply.error));
			}));
			return done;
		}

		// ---- To and fro

		say(message, options, fn) {
			const id = (++this.ids).toString(36);

			this.callbacks.set(id, fn);
			this.pipe('outgoing', { ...message, id }, (m) => {
				m.id = id;
				this.line.send(m, options, () => this.answer({ id,
					successful: false, error: 'It could not be sent' }));
			});
			return id;
		}

		receive(message) {
			this.pipe('incoming', message, (m) => {
				if (m.advice && (m.channel !== CONNECT ||
					this.callbacks.has(m.id)))
					this.advised(m);
				if (m.successful === undefined)
					this.deliver(m);
				else
					this.answer(m);
			});
		}

		answer(reply) {
			const fn = this.callbacks.get(reply.id);

			this.callbacks.delete(reply.id);
			if (fn !== undefined)
				fn(reply);
		}

		deliver(message) {
			if (typeof message.channel !== 'string')
				return;
			for (const name of expand(message.channel))
				for (const one of [...this.channels.get(name) || []])
					one.apply(null, [message]);
		}

		advised({ advice }) {
			Object.assign(this.advice, advice);
			if (advice.timeout > 0)
				this.line.timeout = advice.timeout / 1000;
			if (advice.reconnect === 'handshake')
				this.forgotten();
		}

		// A server that has forgotten us is greeted at once, but one that
		// does so again and again only every `retry` seconds.
		forgotten() {
			if (this.state !== 'CONNECTED')
				return;
			this.lapse();
			this.again(++this.greetings > 1 ? this.line.retry : 0);
		}
	}

	return { VERSION, BAYEUX_VERSION, Client, Error: FayeError, Scheduler,
		Deferrable: Deferred, logger: null };
});
