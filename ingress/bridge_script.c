/*
 * bridge_script.c - the Lua that Redis runs for the bridge.
 *
 * Keys of a list L and an instance X, all behind the prefix:
 *	lease:X			token; expires, then X is gone
 *	number:X		last number given to an item
 *	stage:L:X		list: items without a number yet
 *	processing:L:X		hash: publish id -> item, until it is accepted
 *	instances:L		sorted set: who ever took from L, by when last
 *
 * Numbers never fall behind the clock (in us): were the counter lost, with a
 * flushed or failed-over Redis, old numbers would come again, and the store
 * would take new items for repeats.
 *
 * A Redis whose memory is full refuses what a script writes first, unless that
 * takes away.  Leases, and what empties a list, must not stop then: those
 * scripts begin by removing what they put.
 */
#include "ingress/bridge_script.h"

#define DEAD                                                                   \
	"local function dead(key, most, id, reason, item)\n"                   \
	"  local t = redis.call('TIME')\n"                                     \
	"  redis.call('LPUSH', key, cjson.encode({reason = reason, id = id,\n" \
	"    size = #item, at = tonumber(t[1])}) .. '\\n' .. item)\n"          \
	"  redis.call('LTRIM', key, 0, most - 1)\n"                            \
	"end\n"

/* clang-format off */
const struct script_text scripts[SCRIPTS] = {
	[SCRIPT_HOLD] = {
		"local has = redis.call('GET', KEYS[1])\n"
		"if has and has ~= ARGV[1] and (ARGV[3] == '' or\n"
		"    string.sub(has, 1, #ARGV[3]) ~= ARGV[3]) then\n"
		"  return 0\n"
		"end\n"
		"redis.call('DEL', KEYS[1])\n"
		"redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
		"return 1\n", "1"},
	[SCRIPT_RELEASE] = {
		"if redis.call('GET', KEYS[1]) == ARGV[1] then\n"
		"  return redis.call('DEL', KEYS[1])\n"
		"end\n"
		"return 0\n", "1"},
	/* An instance stays registered for an hour after its end, so that
	 * what a blocked BLMOVE of its may still bring is found. */
	[SCRIPT_ADOPT] = {
		"local p, list, me = ARGV[1], ARGV[2], ARGV[3]\n"
		"if redis.call('GET', p .. 'lease:' .. me) ~= ARGV[4] then\n"
		"  return redis.error_reply('" SCRIPT_LOST "')\n"
		"end\n"
		"local now = tonumber(redis.call('TIME')[1])\n"
		"local mine = p .. 'processing:' .. list .. ':' .. me\n"
		"local moved = 0\n"
		"redis.call('ZREM', KEYS[1], me)\n"
		"redis.call('ZADD', KEYS[1], now, me)\n"
		"for _, x in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do\n"
		"  if redis.call('EXISTS', p .. 'lease:' .. x) == 0 then\n"
		"    local key = p .. 'processing:' .. list .. ':' .. x\n"
		"    local items = redis.call('HGETALL', key)\n"
		"    for i = 1, #items, 2 do\n"
		"      redis.call('HSET', mine, items[i], items[i + 1])\n"
		"      moved = moved + 1\n"
		"    end\n"
		"    redis.call('DEL', key)\n"
		"    key = p .. 'stage:' .. list .. ':' .. x\n"
		"    local item = redis.call('LPOP', key)\n"
		"    while item do\n"
		"      redis.call('RPUSH', p .. 'stage:' .. list .. ':' .. me, item)\n"
		"      moved = moved + 1\n"
		"      item = redis.call('LPOP', key)\n"
		"    end\n"
		"    if now - redis.call('ZSCORE', KEYS[1], x) > 3600 then\n"
		"      redis.call('ZREM', KEYS[1], x)\n"
		"    end\n"
		"  end\n"
		"end\n"
		"return moved\n", "1"},
	[SCRIPT_TAKE] = {
		DEAD
		"if redis.call('GET', KEYS[1]) ~= ARGV[1] then\n"
		"  return redis.error_reply('" SCRIPT_LOST "')\n"
		"end\n"
		"local t = redis.call('TIME')\n"
		"local n = math.max(t[1] * 1000000 + t[2],\n"
		"  tonumber(redis.call('GET', KEYS[5]) or '0'))\n"
		"local out, bytes, first = {}, 0, n\n"
		"while #out < 2 * ARGV[3] and bytes < tonumber(ARGV[4]) do\n"
		"  local item = redis.call('LPOP', KEYS[3])\n"
		"  if not item then item = redis.pcall('LPOP', KEYS[2]) end\n"
		"  if not item then break end\n"
		"  if type(item) == 'table' then\n"
		"    if #out == 0 then return item end\n"
		"    break\n"
		"  end\n"
		"  n = n + 1\n"
		"  local id = ARGV[2] .. ':' .. string.format('%.0f', n)\n"
		"  out[#out + 1] = id\n"
		"  bytes = bytes + #item\n"
		"  if #item > tonumber(ARGV[5]) then\n"
		"    dead(KEYS[6], ARGV[6], id, 'too_large', item)\n"
		"    item = false\n"
		"  else\n"
		"    redis.call('HSET', KEYS[4], id, item)\n"
		"  end\n"
		"  out[#out + 1] = item\n"
		"end\n"
		"if n > first then\n"
		"  redis.call('SET', KEYS[5], string.format('%.0f', n))\n"
		"end\n"
		"return out\n", "6"},
	[SCRIPT_FETCH] = {
		"local out, bytes = {}, 0\n"
		"for i = 2, #ARGV do\n"
		"  local item = redis.call('HGET', KEYS[1], ARGV[i])\n"
		"  out[#out + 1] = item\n"
		"  bytes = bytes + (item and #item or 0)\n"
		"  if bytes >= tonumber(ARGV[1]) then break end\n"
		"end\n"
		"return out\n", "1"},
	[SCRIPT_BAD] = {
		DEAD
		"local item = redis.call('HGET', KEYS[1], ARGV[1])\n"
		"if item then\n"
		"  redis.call('HDEL', KEYS[1], ARGV[1])\n"
		"  dead(KEYS[2], ARGV[3], ARGV[1], ARGV[2], item)\n"
		"end\n"
		"return 1\n", "2"},
};
/* clang-format on */
