// pandapush.d.ts - what /client.js and /push/client.js make: Pandapush, Faye.

export as namespace Pandapush;

export type Token = string | null | undefined |
	(() => string | null | undefined | Promise<string | null | undefined>);

export declare namespace Faye {
	const VERSION: string;
	const BAYEUX_VERSION: string;

	interface Message {
		channel: string;
		id?: string;
		clientId?: string;
		data?: any;
		ext?: any;
		successful?: boolean;
		error?: string;
		[member: string]: any;
	}

	interface Extension {
		incoming?(message: Message, callback: (message: Message | null) => void): void;
		outgoing?(message: Message, callback: (message: Message | null) => void): void;
		added?(client: Client): void;
		removed?(client: Client): void;
	}

	/** Times in seconds. */
	interface Options {
		timeout?: number;
		interval?: number;
		retry?: number;
		endpoints?: { [connectionType: string]: string };
		headers?: { [name: string]: string };
		scheduler?: new (message: Message, options: any) => Scheduler;
		/** A constructor, or null for none; else the global one. */
		WebSocket?: any;
		fetch?: typeof fetch;
	}

	interface PublishOptions {
		attempts?: number;
		deadline?: number;
	}

	class Scheduler {
		constructor(message: Message, options: any);
		getTimeout(): number;
		getInterval(): number;
		isDeliverable(): boolean;
		send(): void;
		succeed(): void;
		fail(): void;
		abort(): void;
	}

	class Error extends globalThis.Error {
		code: number | null;
		params: string[];
	}

	class Deferrable implements PromiseLike<void> {
		then<A = void, B = never>(
			done?: ((value: void) => A | PromiseLike<A>) | null,
			failed?: ((reason: any) => B | PromiseLike<B>) | null): Promise<A | B>;
		catch<B>(failed: (reason: any) => B | PromiseLike<B>): Promise<void | B>;
		callback(fn: () => void, context?: any): this;
		errback(fn: (error: Error) => void, context?: any): this;
		timeout(seconds: number, error?: any): this;
	}

	class Subscription extends Deferrable {
		withChannel(fn: (channel: string, data: any) => void, context?: any): this;
		cancel(): void;
		unsubscribe(): void;
	}

	class Client {
		constructor(url?: string, options?: Options);
		handshake(fn?: () => void, context?: any): void;
		connect(fn?: () => void, context?: any): void;
		disconnect(): Deferrable;
		subscribe(channel: string, fn?: (data: any) => void, context?: any): Subscription;
		subscribe(channel: string[], fn?: (data: any) => void, context?: any): Subscription[];
		unsubscribe(channel: string | string[], subscription?: Subscription): void;
		publish(channel: string, data: any, options?: PublishOptions): Deferrable;
		disable(feature: string): void;
		setHeader(name: string, value: string): void;
		addExtension(extension: Extension): void;
		removeExtension(extension: Extension): void;
		getClientId(): string | null;
		getState(): 'UNCONNECTED' | 'CONNECTING' | 'CONNECTED' | 'DISCONNECTED';
		on(event: 'transport:up' | 'transport:down', fn: () => void, context?: any): this;
		on(event: 'subscribe:failed', fn: (channel: string, error: Error) => void, context?: any): this;
		once(event: string, fn: (...args: any[]) => void, context?: any): this;
		off(event: string, fn?: (...args: any[]) => void, context?: any): this;
		bind(event: string, fn: (...args: any[]) => void, context?: any): this;
		unbind(event: string, fn?: (...args: any[]) => void, context?: any): this;
	}
}

export declare class Client extends Faye.Client {
	/** Called with what is published, or with who is there. */
	subscribeTo(channel: string, token: Token,
		fn: (data: any, channel: string) => void): Faye.Subscription;
	publishTo(channel: string, token: Token, data: any): Faye.Deferrable;
}
