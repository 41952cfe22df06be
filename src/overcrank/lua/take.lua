-- Book a job's part of what its background cost, once: an equal part of what is left, among all that have none yet.
-- So the parts add up to the cost to the last micro-dollar; nothing of it is in any budget, where the cost itself is.
-- KEYS: 1 job 2 background
-- ARGV: 1 cost
-- RETURNS: {'share', amount} | {'stale', what it did cost}
local job, background = KEYS[1], KEYS[2]
local cost = num(ARGV[1])
local has = redis.call('HGET', job, 'share')
if has then return {'share', has} end
local is = redis.call('HMGET', background, 'cost', 'shared', 'users', 'promised', 'takers')
if num(is[1]) ~= cost then return {'stale', int(num(is[1]))} end
local others = math.max(num(is[3]), num(is[4])) - num(is[5])
local share = math.floor((cost - num(is[2])) / math.max(1, others))
redis.call('HSET', job, 'share', int(share))
redis.call('HINCRBY', background, 'shared', int(share))
redis.call('HINCRBY', background, 'takers', 1)
return {'share', int(share)}
