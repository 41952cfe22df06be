-- Decide who may send: the worker whose permit is fresh goes from admitted to submitting, and nobody else does.
-- To whom it goes and what exactly is sent is frozen with it: sent again, it is the same to the same, or not at all.
-- KEYS: 1 job 2 attempt 3 due 4 admitted 5 submitting 6 lane
-- ARGV: 1 job_id 2 attempt_id 3 worker 4 permit_us 5 lease_us 6 sent_to 7 model 8 body 9 now_us
-- RETURNS: {'go', version, now, troubled} | {'aged', version} | {'moved', state}
local job, attempt, due, admitted, submitting, lane = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local job_id, attempt_id, worker, permit_us, lease_us = ARGV[1], ARGV[2], ARGV[3], num(ARGV[4]), num(ARGV[5])
local sent_to, model, body = ARGV[6], ARGV[7], ARGV[8]
local now = clock(ARGV[9])
local is = redis.call('HMGET', job, 'state', 'attempt', 'version')
local held = redis.call('HMGET', attempt, 'worker', 'admitted', 'state')
if is[1] ~= 'admitted' or is[2] ~= attempt_id or held[1] ~= worker or held[3] ~= 'reserved' then
  return {'moved', is[1] or 'unknown'}
end
if now - num(held[2]) > permit_us then return {'aged', is[3]} end
local version = redis.call('HINCRBY', job, 'version', 1)
redis.call('HSET', job, 'state', 'submitting', 'sent', int(now), 'sent_to', sent_to, 'model', model)
redis.call('HSET', attempt, 'state', 'submitting', 'sent', int(now), 'body', body)
redis.call('ZREM', admitted, job_id)
redis.call('ZADD', submitting, int(now), job_id)
redis.call('ZADD', due, int(now + lease_us), job_id)
return {'go', int(version), int(now), redis.call('HEXISTS', lane, 'bad')} -- troubled: say so when the answer is good
